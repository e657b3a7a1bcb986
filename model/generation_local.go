//go:build !golens_cell

package model

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/golens/golens/model/array"
	"github.com/golens/golens/model/hook"
	"github.com/golens/golens/model/internal/exec"
	"github.com/golens/golens/model/internal/sample"
)

// Generate does a generation in this process.
func (l *local) Generate(ctx context.Context, g Generation) (*Generated, error) {
	if err := l.generation(g); err != nil {
		return nil, err
	}
	res := &Generated{LogProbs: make([][]float64, len(g.Rows)), Provenance: l.info.Provenance()}
	res.Request = g.Hash()
	for _, row := range g.Rows {
		res.Begin = append(res.Begin, len(row))
		res.Ended = append(res.Ended, EndLength)
	}
	rule := sample.Rule{Temperature: g.Temperature, TopK: g.TopK, TopP: g.TopP}
	chances := sample.Rows(g.Seed, g.Rows)
	done := 0
	job := exec.GenerateJob{Tokens: g.Rows, New: g.New, Edits: g.Edits, Captures: g.Captures,
		Choose: func(row int, logits []float32) (int32, bool, error) {
			token, logProb, err := rule.Choose(logits, chances[row])
			if err != nil {
				return 0, false, fmt.Errorf("generation: row %d, new token %d: %w", row, len(res.LogProbs[row]), err)
			}
			res.LogProbs[row] = append(res.LogProbs[row], logProb)
			stop := slices.Contains(g.Stop, token)
			if stop {
				res.Ended[row] = EndStop
			}
			return token, stop, nil
		},
		Done: func(tokens int) {
			done += tokens
			report(ctx, done, g.New*len(g.Rows))
		},
	}
	out, err := l.engine.Generate(ctx, job)
	if err != nil {
		return nil, err
	}
	res.Prompts.IDs, res.Prompts.BOS = out.Tokens, l.begun(out.Tokens)
	for _, row := range out.Tokens {
		text, labels, err := l.decode(row)
		if err != nil {
			return nil, err
		}
		res.Text, res.Prompts.Labels = append(res.Text, text), append(res.Prompts.Labels, labels)
	}
	for i, p := range g.Captures {
		a := out.Captures[i]
		if len(g.Rows) == 1 {
			a = labelGrown(a, p, res.Prompts.Labels[0], res.Begin[0])
		}
		res.Captures = append(res.Captures, Captured{Point: p, Array: a})
	}
	return res, nil
}

// begun tells whether every row begins with the model's begin token.
func (l *local) begun(rows [][]int32) bool {
	begin := l.info.Begin
	return len(begin) > 0 && !slices.ContainsFunc(rows, func(row []int32) bool {
		return len(row) < len(begin) || !slices.Equal(row[:len(begin)], begin)
	})
}

// labelGrown labels a capture of one row, of whose tokens so many are the
// prompt. A step is called by the token that it chose.
func labelGrown(a *array.Array, p hook.Point, tokens []string, prompt int) *array.Array {
	ran := tokens[:len(tokens)-1]
	switch {
	case exec.EachStep(p):
		a = label(a, hook.Point{ID: p.ID, Heads: p.Heads, Coords: p.Coords}, ran)
		return a.Label(p.Kind.Axes()[p.Kind.PositionAxis()], tokens[prompt:])
	case !p.Pos.All() && slices.Max(p.Pos.In(0)) >= len(ran): // of a row that stopped before
		return a
	}
	return label(a, p, ran)
}

// generation checks what needs the model to be checked.
func (l *local) generation(g Generation) error {
	if l.config.Encoder {
		return fmt.Errorf("generation: %s is an encoder, in which every token sees those after it; it cannot continue a row", l.config.Family)
	}
	if l.config.Headless {
		return fmt.Errorf("generation: %w", errHeadless)
	}
	k, err := newChecker(l.config, g.Rows)
	if err != nil {
		return err
	}
	for _, id := range g.Stop {
		if id < 0 || int(id) >= l.config.Vocab {
			return fmt.Errorf("generation: stop token %d is outside of the vocabulary of %d", id, l.config.Vocab)
		}
	}
	longest := slices.Max(k.lens)
	prompts := slices.Clone(k.lens)
	for r := range k.lens {
		if n := k.lens[r] + g.New; n > l.config.Context {
			return fmt.Errorf("generation: row %d of %d tokens and %d new ones make %d; the model's context holds %d", r, prompts[r], g.New, n, l.config.Context)
		}
		k.lens[r] += g.New - 1 // that are run
	}
	var shapes [][]int
	for _, p := range g.Captures {
		if err := k.point(p); err != nil {
			return err
		}
		if at := p.Pos.Rows; at != nil && !exec.EachStep(p) && slices.ContainsFunc(at, func(list []int) bool { return slices.Min(list) < 0 }) {
			return fmt.Errorf("generation: capture %s: a row's end moves; count positions from the start, or take At(-1) for that of each step", p)
		}
		shapes = append(shapes, l.engine.Generated(p, len(g.Rows), longest, g.New))
	}
	if err := within(g.Budget, shapes, "Generation.Budget"); err != nil {
		return fmt.Errorf("generation: %w", err)
	}
	for _, e := range g.Edits {
		if err := k.growing(e, prompts); err != nil {
			return fmt.Errorf("generation: %w", err)
		}
	}
	return nil
}

// growing checks an edit of rows that grow from prompts of so many tokens.
func (k *checker) growing(e hook.Edit, prompts []int) error {
	if err := k.edit(e); err != nil {
		return err
	}
	for r, n := range prompts {
		if e.Batch != nil && !slices.Contains(e.Batch, r) {
			continue
		}
		for _, pos := range e.Pos.In(r) {
			if pos < -n {
				return fmt.Errorf("edit %s: position %d does not exist in row %d, whose prompt has %d tokens", e, pos, r, n)
			}
		}
	}
	axes := e.Kind.Axes()
	if e.Op == hook.OpProject && axes[len(axes)-1] == hook.Key {
		return errors.New("edit " + e.String() + ": the axis of keys grows, so that no direction lies along it")
	}
	return nil
}
