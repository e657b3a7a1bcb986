package sae

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/golens/golens/model"
	"github.com/golens/golens/model/dictionary"
	"github.com/golens/golens/model/files"
	"github.com/golens/golens/model/hook"
)

// Options say what a dictionary's files do not, or say wrongly. Zero values leave it
// to the files.
type Options struct {
	Read       hook.Point
	Write      hook.Point // of a transcoder
	Model      string
	Processing *model.Processing // of the weights that it was trained on
	K          int               // of top-k
	// Scale is the factor of inputs in training, sqrt(d_in) over their mean norm,
	// where a dictionary expects one and its files do not hold it.
	Scale float64
}

// Open opens a dictionary for a model: a folder or file here, else a folder or file
// of a repository of the Hugging Face Hub, "google/gemma-scope-2b-pt-res/layer_12/width_16k/average_l0_82",
// with a revision behind an @. It fails if the dictionary is not of this model.
func Open(m *model.Model, name string) (*Dictionary, error) { return OpenWith(m, name, Options{}) }

// OpenWith is [Open] with what the files do not say.
func OpenWith(m *model.Model, name string, o Options) (*Dictionary, error) {
	path, err := locate(context.Background(), m, name)
	if err != nil {
		return nil, fmt.Errorf("dictionary %s: %w", name, err)
	}
	d, err := read(path, name, o)
	if err != nil {
		return nil, err
	}
	return d.For(m)
}

// Read reads a dictionary's files, without a model to which it would belong.
func Read(path string, o Options) (*Dictionary, error) { return read(path, path, o) }

// locate is where the files of a name are.
func locate(ctx context.Context, m *model.Model, name string) (string, error) {
	if _, err := os.Stat(name); err == nil {
		return name, nil
	}
	plain, revision, _ := strings.Cut(name, "@")
	parts := strings.SplitN(plain, "/", 3)
	if len(parts) < 2 || strings.HasPrefix(name, ".") || strings.HasPrefix(name, "/") {
		return "", fmt.Errorf("there is no such folder or file, and it names none of the Hub, which is ORGANIZATION/REPOSITORY/FOLDER")
	}
	under := ""
	if len(parts) == 3 {
		under = parts[2]
	}
	repo := parts[0] + "/" + parts[1]
	if revision != "" {
		repo += "@" + revision
	}
	dir, err := m.Files(ctx, model.Files{Repository: repo, Under: under})
	return filepath.Join(dir, filepath.FromSlash(under)), err
}

// A layout knows the files of one publisher.
type layout struct {
	name string
	is   func(path string) bool
	read func(path, name string) (*Dictionary, error)
}

var layouts = []layout{
	{"SAELens", has("cfg.json", "sae_weights.safetensors"), readSAELens},
	{"EleutherAI sparsify", has("cfg.json", "sae.safetensors"), readSparsify},
	{"Gemma Scope", has("params.npz"), readGemmaScope},
	{"Gemma Scope 2", has("params.safetensors"), readGemmaScope2},
	{"Llama Scope", has("hyperparams.json"), readLlamaScope},
	{"dictionary_learning", has("config.json", "ae.pt"), readDictionaryLearning},
	{"Qwen Scope", file(".sae.pt"), readQwenScope},
	{"encoder and decoder in a .pt file", file(".pt"), readLinear},
	{"encoder and decoder in a .pth file", file(".pth"), readLinear},
	{"circuit-tracer", file(".safetensors"), readTranscoder},
}

func has(names ...string) func(path string) bool {
	return func(path string) bool {
		for _, n := range names {
			if _, err := os.Stat(filepath.Join(path, n)); err != nil {
				return false
			}
		}
		return true
	}
}

func file(ending string) func(path string) bool {
	return func(path string) bool {
		info, err := os.Stat(path)
		return err == nil && !info.IsDir() && strings.HasSuffix(path, ending)
	}
}

func read(path, name string, o Options) (*Dictionary, error) {
	fail := func(err error) (*Dictionary, error) { return nil, fmt.Errorf("dictionary %s: %w", name, err) }
	for _, l := range layouts {
		if !l.is(path) {
			continue
		}
		d, err := l.read(path, name)
		if err != nil {
			return fail(fmt.Errorf("%s: %w", l.name, err))
		}
		d.Path, d.Layout = name, l.name
		if err := d.apply(o); err != nil {
			return fail(err)
		}
		if d.Layers == 0 {
			d.Layers = 1
		}
		if err := d.Check(); err != nil {
			return fail(err)
		}
		return d, nil
	}
	return fail(unknown(path))
}

// unknown says what a folder holds that is no dictionary.
func unknown(path string) error {
	entries, err := os.ReadDir(path)
	if err != nil {
		return err
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
		if strings.HasPrefix(e.Name(), "layer_") && strings.HasSuffix(e.Name(), ".safetensors") || strings.HasPrefix(e.Name(), "W_enc_") {
			return errors.New("it holds transcoders of several layers; use OpenTranscoders, or name the file of one layer")
		}
	}
	if len(names) == 0 {
		return errors.New("the folder is empty")
	}
	if len(names) > 12 {
		names = append(names[:12], "...")
	}
	return fmt.Errorf("no layout that golens reads (see package sae); the folder holds %s", strings.Join(names, ", "))
}

// apply is what the options say in place of the files.
func (d *Dictionary) apply(o Options) error {
	if o.Read.Kind != "" {
		if d.Write.Equal(d.Read) {
			d.Write = o.Read
		}
		d.Read = o.Read
		d.BeforeGain = false
	}
	if o.Write.Kind != "" {
		d.Write = o.Write
	}
	if o.Model != "" {
		d.Model = o.Model
	}
	if o.Processing != nil {
		d.Processing = *o.Processing
	}
	if o.K > 0 {
		d.K = o.K
	}
	if d.Kind == dictionary.TopK && d.K == 0 {
		return errors.New("its files do not say how many features are kept (k); give it: sae.Options{K: ...}")
	}
	if o.Scale != 0 {
		c, err := d.FoldScale(o.Scale)
		if err != nil {
			return err
		}
		d.Coder, d.Scale = c, o.Scale
	}
	return nil
}

// readJSON reads a file of a folder. One that is not there leaves v as it is, if
// that is allowed.
func readJSON(path string, v any, optional bool) error {
	data, err := files.Read(path)
	if optional && errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := json.Unmarshal(data, v); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}
