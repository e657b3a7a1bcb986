package model

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/golens/golens/model/config"
)

// A Model is an open transformer.
type Model struct {
	runner Runner
}

// New is a model on a runner of one's own.
func New(r Runner) *Model { return &Model{r} }

// Runner is what does the model's requests.
func (m *Model) Runner() Runner { return m.runner }

// Info describes the model.
func (m *Model) Info() Info { return m.runner.Info() }

// Config is the model's sizes and features.
func (m *Model) Config() config.Config { return m.runner.Info().Config }

// String is the model's Info.
func (m *Model) String() string { return m.Info().String() }

// Close gives the model back. Models of a model host stay resident there.
func (m *Model) Close() error { return m.runner.Close() }

// Run does a request. Nothing runs if any part of it is wrong.
func (m *Model) Run(r Request) (*Result, error) { return m.RunContext(context.Background(), r) }

// RunContext is [Model.Run] that stops when the context ends.
func (m *Model) RunContext(ctx context.Context, r Request) (*Result, error) {
	return do[*Result](ctx, m, r)
}

// Process is the same model with its weights processed from the raw ones. The
// raw model stays usable.
func (m *Model) Process(p Processing) (*Model, error) {
	r, err := m.runner.Process(context.Background(), p)
	if err != nil {
		return nil, err
	}
	return &Model{r}, nil
}

// Checkpoints are the training steps of the model whose weights can be opened,
// rising; none for a model that has only its final weights.
func (m *Model) Checkpoints() []int { return m.Info().Checkpoints }

// Checkpoint opens the model as it was at a step of its training, under the
// same processing of its weights.
func (m *Model) Checkpoint(step int) (*Model, error) {
	name, _, _ := strings.Cut(m.Info().Name, "@")
	if len(m.Checkpoints()) == 0 {
		return nil, fmt.Errorf("model %s: no checkpoints of it are listed; one of the Hugging Face Hub is opened by its revision, as in %s@step%d",
			name, name, step)
	}
	if !slices.Contains(m.Checkpoints(), step) {
		return nil, fmt.Errorf("model %s: no checkpoint at step %d; there are %v", name, step, m.Checkpoints())
	}
	at, err := Open(fmt.Sprintf("%s@%d", name, step))
	if err != nil {
		return nil, err
	}
	return at.Process(m.Info().Processing)
}

// Tokens tokenizes texts. Around each row stand the tokens that the tokenizer
// puts there, [Info].Begin and End, unless they stand there already;
// [Model.Continue] leaves them out. Many tokenizers put none: a text that is to
// begin with <|endoftext|>, as in TransformerLens, is written so. An error shows
// when the prompts are used.
func (m *Model) Tokens(texts ...string) Prompts {
	p := m.Continue(texts...)
	info := m.Info()
	if p.err != nil || len(info.Begin)+len(info.End) == 0 {
		return p
	}
	for i, ids := range p.IDs {
		begin, end := info.Begin, info.End
		if n := len(begin); len(ids) >= n && slices.Equal(ids[:n], begin) {
			ids = ids[n:]
		}
		if n := len(end); len(ids) >= n && slices.Equal(ids[len(ids)-n:], end) {
			ids = ids[:len(ids)-n]
		}
		p.IDs[i] = slices.Concat(begin, ids, end)
	}
	p = m.Rows(p.IDs)
	p.BOS = len(info.Begin) > 0
	return p
}

// Ordinary are the ids that texts are made of: all of the vocabulary but begin and
// end tokens, other special ones, and those that are not in use.
func (m *Model) Ordinary() []int32 {
	info := m.Info()
	out := map[int32]bool{}
	for _, id := range info.Special {
		out[id] = true
	}
	for _, id := range []*int{info.Config.BOS, info.Config.EOS} {
		if id != nil {
			out[int32(*id)] = true
		}
	}
	var ids []int32
	for id := range int32(info.Config.Vocab) {
		if !out[id] {
			ids = append(ids, id)
		}
	}
	return ids
}

// Continue tokenizes texts without the tokens around them.
func (m *Model) Continue(texts ...string) Prompts {
	ids, err := m.Encode(texts...)
	if err != nil {
		return Prompts{err: err}
	}
	return m.Rows(ids)
}

// Rows are prompts made of token ids.
func (m *Model) Rows(ids [][]int32) Prompts {
	d, err := m.Decode(ids...)
	if err != nil {
		return Prompts{err: err}
	}
	return Prompts{IDs: ids, Labels: d.Labels}
}

// Text is the text of a row of tokens.
func (m *Model) Text(ids []int32) (string, error) {
	d, err := m.Decode(ids)
	if err != nil {
		return "", err
	}
	return d.Texts[0], nil
}
