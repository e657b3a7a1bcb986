//go:build !golens_cell

package model

import (
	"context"
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

func openSource(ctx context.Context, name string) (*source, error) {
	short, shipped := strings.CutPrefix(name, zooPrefix)
	if !shipped {
		dir, err := locate(ctx, name)
		if err != nil {
			return nil, err
		}
		return readSource(&source{name: name}, os.DirFS(dir), func() (*weights.Store, error) { return weights.Open(dir) })
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
		return nil, fmt.Errorf("a model is a folder with config.json and weights: %w", err)
	}
	if s.config, s.family, err = arch.Parse(raw); err != nil {
		return nil, err
	}
	if s.tokens, err = tokenizer.Open(files); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if s.tokens != nil {
		if err := fits(s.tokens, s.config.Vocab); err != nil {
			return nil, err
		}
	}
	s.store, err = open()
	return s, err
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

// plan is where the weights come from, processed. Only processing reads them.
func (s *source) plan(p Processing) (arch.Plan, error) {
	plan, err := s.family.Load(s.config, s.store)
	if err != nil {
		return nil, err
	}
	if err := plan.Check(s.config); err != nil || p == (Processing{}) {
		return plan, err
	}
	params, err := plan.Read()
	if err != nil {
		return nil, err
	}
	if params, err = process(s.config, params, p); err != nil {
		return nil, err
	}
	return params.Plan(), nil
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
	if p.RefactorQK {
		if params, err = arch.RefactorQK(c, params); err != nil {
			return nil, err
		}
	}
	if p.RefactorOV {
		if params, err = arch.RefactorOV(c, params); err != nil {
			return nil, err
		}
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

var errNoTokenizer = errors.New("this model came without a tokenizer (tokenizer.json, vocab.json and merges.txt, or vocab.txt); give token ids. " +
	"From SentencePiece's tokenizer.model alone, AutoTokenizer's save_pretrained in Python makes a tokenizer.json")
