//go:build !golens_cell

package model

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/golens/golens/model/config"
	"github.com/golens/golens/model/hub"
	"github.com/golens/golens/model/internal/arch"
	"github.com/golens/golens/model/internal/gguf"
	"github.com/golens/golens/model/tokenizer"
	"github.com/golens/golens/model/weights"
	"github.com/golens/golens/model/zoo"
)

// source is a model as it was published: config, raw weights and tokenizer.
type source struct {
	name        string
	folder      string // see Info.Folder
	config      config.Config
	store       *weights.Store
	raw         arch.Plan            // the weights as they are
	tokens      *tokenizer.Tokenizer // nil if there is none
	noTokens    error                // why there is none
	checkpoints []int
	rawConfig   []byte // config.json
	inFolder    fs.FS  // its files, nil for a model that is one file
	hash        string
	oneFile     bool   // GGUF, whose weights mostly are quantised
	heldAs      string // what WeightsEnv said when the model was opened
}

const zooPrefix = "zoo:"

func openSource(ctx context.Context, name string) (*source, error) {
	short, shipped := strings.CutPrefix(name, zooPrefix)
	if !shipped {
		path, err := locate(ctx, name)
		if err != nil {
			return nil, err
		}
		s := &source{name: name}
		if _, err := hub.Parse(name); err == nil && path == name {
			if s.folder, err = filepath.Abs(path); err != nil {
				return nil, err
			}
		}
		if file, err := quantized(path); file != "" || err != nil {
			if err != nil {
				return nil, err
			}
			return s, s.readGGUF(file)
		}
		return readSource(s, weights.Folder(path), func() (*weights.Store, error) { return weights.Open(path) })
	}
	files, err := zoo.Files(short)
	if err != nil {
		return nil, err
	}
	base, _, _ := strings.Cut(short, "@")
	return readSource(&source{name: name, checkpoints: zoo.Checkpoints(base)}, files, func() (*weights.Store, error) {
		data, err := fs.ReadFile(files, "model.safetensors")
		if err != nil {
			return nil, err
		}
		return weights.Parse(name, data)
	})
}

// readSource reads a model's files into s.
func readSource(s *source, files fs.FS, open func() (*weights.Store, error)) (*source, error) {
	raw, err := fs.ReadFile(files, "config.json")
	if err != nil {
		return nil, fmt.Errorf("a model is a folder with config.json and weights: %w%s", err, s.shadowed())
	}
	s.rawConfig, s.inFolder = raw, files
	var family arch.Family
	if s.config, family, err = arch.Parse(raw); err != nil {
		return nil, err
	}
	s.readTokens(files)
	if s.store, err = open(); err != nil {
		return nil, err
	}
	return s, s.plan(family.Load(&s.config, s.store))
}

// readGGUF reads a model that is one file into s.
func (s *source) readGGUF(path string) error {
	f, err := gguf.Open(path)
	if err != nil {
		return err
	}
	s.store, s.oneFile = f.Weights, true
	raw, architecture, err := f.Config()
	s.rawConfig = raw
	if err == nil {
		s.config, _, err = arch.Parse(raw)
	}
	if err != nil {
		return errors.Join(err, s.store.Close())
	}
	tokens, err := tokenizer.FromPieces(f.Tokens())
	s.takeTokens(tokens, err)
	return s.plan(arch.LoadGGUF(architecture, &s.config, s.store))
}

// quantized is the GGUF file that a path is or, without other weights beside it, holds
// alone. Repositories of GGUF files often hold a config.json, too.
func quantized(path string) (string, error) {
	if strings.HasSuffix(path, ".gguf") {
		return path, nil
	}
	for _, other := range []string{"model.safetensors", "model.safetensors.index.json"} {
		if _, err := os.Stat(filepath.Join(path, other)); err == nil {
			return "", nil
		}
	}
	found, err := filepath.Glob(filepath.Join(path, "*.gguf"))
	if err != nil || len(found) < 2 {
		return strings.Join(found, ""), nil // a path that is no pattern holds none that is meant
	}
	return "", fmt.Errorf("%s holds %d GGUF files; open one of them: %s", path, len(found), strings.Join(found, ", "))
}

// plan takes over where the weights come from.
func (s *source) plan(plan arch.Plan, err error) error {
	if err == nil {
		err = plan.Check(s.config)
	}
	if err == nil && os.Getenv(StrictEnv) != "" && len(s.config.Warnings) > 0 {
		err = fmt.Errorf("%s is set, and: %s", StrictEnv, strings.Join(s.config.Warnings, "; "))
	}
	if err != nil {
		return errors.Join(err, s.store.Close())
	}
	s.raw = plan
	return nil
}

// StrictEnv names the environment variable that makes warnings of a model's
// files errors.
const StrictEnv = "GOLENS_STRICT"

// readTokens reads the tokenizer. A model without one that can be read is used by
// token ids.
func (s *source) readTokens(files fs.FS) {
	t, err := tokenizer.Open(files)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		for _, name := range []string{"tokenizer.json", "tokenizer_config.json", "vocab.json", "vocab.txt", "tokenizer.model"} {
			if data, unread := fs.ReadFile(files, name); unread == nil {
				if what := weights.Mistaken(data, nil); what != nil {
					err = fmt.Errorf("tokenizer: %s: %w", name, what)
				}
			}
		}
	}
	s.takeTokens(t, err)
}

func (s *source) takeTokens(t *tokenizer.Tokenizer, err error) {
	if err == nil {
		err = fits(t, s.config.Vocab)
	}
	switch {
	case err == nil:
		s.tokens = t
	case errors.Is(err, fs.ErrNotExist):
		s.noTokens = s.lacking()
	default:
		s.noTokens = fmt.Errorf("this model's tokenizer cannot be read, so it takes token ids alone: %w", err)
		s.config.Warnings = append(s.config.Warnings, s.noTokens.Error())
	}
}

// lacking says why a model came without a tokenizer.
func (s *source) lacking() error {
	if _, err := os.Stat(s.name); err == nil {
		return errNoTokenizer
	}
	if ref, err := hub.Parse(s.name); err == nil && !hub.Whole(ref, hub.Config{}) {
		return fmt.Errorf("the tokenizer of this model is not in the Hugging Face cache, which has the rest; `golens get %s` brings it", s.name)
	}
	return errNoTokenizer
}

// shadowed says that a folder hides a model of the Hub that has the same name.
func (s *source) shadowed() string {
	if info, err := os.Stat(s.name); err != nil || !info.IsDir() {
		return ""
	}
	ref, err := hub.Parse(s.name)
	if err != nil {
		return ""
	}
	if _, err := hub.Find(ref, hub.Config{}); err != nil {
		return fmt.Sprintf(" (the folder %s was taken; to have the model of that name from the Hugging Face Hub, rename the folder or work in another)", s.name)
	}
	return fmt.Sprintf(" (the folder %s was taken, not the model of that name that is in the Hugging Face cache; rename the folder or work in another)", s.name)
}

// around is what stands around a text: what the tokenizer puts there. Models of
// golens' own format have no tokenizer that puts any, and begin with the token
// that their config names.
func (s *source) around() (begin, end []int32) {
	if s.tokens != nil {
		begin, end = s.tokens.Template()
	}
	if bos := s.config.BOS; bos != nil && s.config.Family == "attn_only" && len(begin)+len(end) == 0 {
		begin = []int32{int32(*bos)}
	}
	return begin, end
}

// fits says whether the tokens are those of a vocabulary. There may be special
// tokens beyond it, which the tokenizers of some text models share with those
// that see images; the model refuses them when it is given one.
func fits(t *tokenizer.Tokenizer, vocab int) error {
	for id := vocab; id < t.Size(); id++ {
		if !t.Special(int32(id)) {
			return fmt.Errorf("the tokenizer has %d tokens, the config a vocabulary of %d", t.Size(), vocab)
		}
	}
	return nil
}

// processed is where the weights come from, processed as they are read.
func (s *source) processed(p Processing) (plan arch.Plan, err error) {
	plan = s.raw
	if p.Untrained != 0 {
		plan = arch.Untrained(plan, p.Untrained)
	}
	for _, step := range []struct {
		wanted bool
		do     func(config.Config, arch.Plan) (arch.Plan, error)
	}{
		{p.FoldNorm, arch.FoldNorm},
		{p.CenterWriting, arch.CenterWriting},
		{p.CenterUnembed, arch.CenterUnembed},
		{p.FoldValues, func(c config.Config, p arch.Plan) (arch.Plan, error) { return arch.FoldValues(c, p), nil }},
		{p.RefactorQK, arch.RefactorQK},
		{p.RefactorOV, arch.RefactorOV},
	} {
		if step.wanted && err == nil {
			plan, err = step.do(s.config, plan)
		}
	}
	return plan, err
}

func (s *source) encode(text string) ([]int32, error) {
	if s.tokens == nil {
		return nil, s.noTokens
	}
	return s.tokens.Encode(text)
}

// answer is encode for a text that is to be one token. Where the tokenizer writes
// a space in front of every text, as SentencePiece does, one that brings its own
// is the token that reads so.
func (s *source) answer(text string) ([]int32, error) {
	ids, err := s.encode(text)
	if err != nil || len(ids) == 1 {
		return ids, err
	}
	if id, ok := s.tokens.ID(text); ok {
		return []int32{id}, nil
	}
	return ids, nil
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

var errNoTokenizer = errors.New("this model came without a tokenizer (tokenizer.json, vocab.json and merges.txt, vocab.txt, or tokenizer.model); give token ids")
