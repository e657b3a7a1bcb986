//go:build !golens_cell

package model

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/golens/golens/model/config"
	"github.com/golens/golens/model/internal/arch"
	"github.com/golens/golens/model/tokenizer"
	"github.com/golens/golens/model/weights"
	"github.com/golens/golens/model/zoo"
)

// source is a model as it was published: config, raw weights and tokenizer.
type source struct {
	name        string
	config      config.Config
	family      arch.Family
	store       *weights.Store
	tokens      *tokenizer.Tokenizer // nil if there is none
	checkpoints []int
	hash        string
}

const zooPrefix = "zoo:"

func openSource(name string) (*source, error) {
	s := &source{name: name}
	var files fs.FS
	var err error
	if short, ok := strings.CutPrefix(name, zooPrefix); ok {
		files, err = zoo.Files(short)
		base, _, _ := strings.Cut(short, "@")
		s.checkpoints = zoo.Checkpoints(base)
	} else {
		files, err = folder(name)
	}
	if err != nil {
		return nil, err
	}
	raw, err := fs.ReadFile(files, "config.json")
	if err != nil {
		return nil, fmt.Errorf("a model is a folder with config.json and weights: %w", err)
	}
	if s.config, s.family, err = arch.Parse(raw); err != nil {
		return nil, err
	}
	if s.tokens, err = tokenizer.Open(files); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if n := 0; s.tokens != nil {
		if n = s.tokens.Size(); n > s.config.Vocab {
			return nil, fmt.Errorf("the tokenizer has %d tokens, the config a vocabulary of %d", n, s.config.Vocab)
		}
	}
	if s.store, err = openWeights(name, files); err != nil {
		return nil, err
	}
	return s, nil
}

func folder(path string) (fs.FS, error) {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("there is no folder %q; models that ship with golens are %s%s",
			path, zooPrefix, strings.Join(zoo.Names(), ", "+zooPrefix))
	case err != nil:
		return nil, err
	case !info.IsDir():
		return nil, fmt.Errorf("%s is a file; give the folder that holds config.json and the weights", path)
	}
	return os.DirFS(path), nil
}

func openWeights(name string, files fs.FS) (*weights.Store, error) {
	if !strings.HasPrefix(name, zooPrefix) {
		return weights.Open(name)
	}
	data, err := fs.ReadFile(files, "model.safetensors")
	if err != nil {
		return nil, err
	}
	return weights.Parse(name, data)
}

// params are the weights, processed. Reading the raw ones for the first time
// also takes their hash, at the same time.
func (s *source) params(p Processing) (arch.Params, error) {
	hash := make(chan string, 1)
	if s.hash == "" {
		go func() { hash <- s.store.Hash() }()
		defer func() { s.hash = <-hash }()
	}
	params, err := s.family.Load(s.config, s.store)
	if err != nil {
		return nil, err
	}
	if err := params.Check(s.config); err != nil {
		return nil, err
	}
	return process(s.config, params, p)
}

func process(c config.Config, params arch.Params, p Processing) (arch.Params, error) {
	var err error
	if p.FoldNorm {
		if params, err = arch.FoldNorm(c, params); err != nil {
			return nil, err
		}
	}
	if p.CenterWriting {
		if params, err = arch.CenterWriting(c, params); err != nil {
			return nil, err
		}
	}
	if p.CenterUnembed {
		if params, err = arch.CenterUnembed(c, params); err != nil {
			return nil, err
		}
	}
	if p.FoldValues {
		params = arch.FoldValues(c, params)
	}
	return params, nil
}

func (s *source) encode(text string) ([]int32, error) {
	if s.tokens == nil {
		return nil, errNoTokenizer
	}
	return s.tokens.Encode(text)
}

// decode is the text of tokens, and a label for each.
func (s *source) decode(ids []int32) (string, []string, error) {
	labels := make([]string, len(ids))
	for i, id := range ids {
		if id < 0 || int(id) >= s.config.Vocab {
			return "", nil, fmt.Errorf("token %d is outside of the vocabulary of %d", id, s.config.Vocab)
		}
		if s.tokens == nil || int(id) >= s.tokens.Size() {
			labels[i] = fmt.Sprintf("#%d", id)
		} else {
			labels[i] = s.tokens.Label(id)
		}
	}
	if s.tokens == nil {
		return strings.Join(labels, " "), labels, nil
	}
	return s.tokens.Decode(ids), labels, nil
}

var errNoTokenizer = errors.New("this model came without a tokenizer (tokenizer.json, or vocab.json and merges.txt); give token ids")
