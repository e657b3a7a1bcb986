//go:build !golens_cell

package model

import (
	"context"
	"fmt"
	"slices"

	"github.com/golens/golens/model/array"
	"github.com/golens/golens/model/hook"
	"github.com/golens/golens/model/internal/plan"
	"github.com/golens/golens/model/internal/sample"
)

func init() { executes("generate", (*local).generate) }

// generate does a generation in this process.
func (l *local) generate(ctx context.Context, g Generation, hash string) (*Generated, error) {
	if err := g.check(l.config); err != nil {
		return nil, err
	}
	res := &Generated{LogProbs: make([][]float64, len(g.Rows)), Provenance: l.info.Provenance()}
	res.Request = hash
	for _, row := range g.Rows {
		res.Begin = append(res.Begin, len(row))
		res.Ended = append(res.Ended, EndLength)
	}
	rule := sample.Rule{Temperature: g.Temperature, TopK: g.TopK, TopP: g.TopP}
	chances := sample.Rows(g.Seed, g.Rows)
	done := 0
	job := plan.Generation{Tokens: g.Rows, New: g.New, Edits: g.Edits, Captures: g.Captures, Window: (*plan.Window)(g.Window),
		Choose: func(row int, logits []float32) (int32, bool, error) {
			if n := len(res.LogProbs[row]); g.Given != nil && n < len(g.Given[row]) {
				token := g.Given[row][n]
				logProb, err := sample.LogProb(logits, token)
				if err != nil {
					return 0, false, fmt.Errorf("generation: row %d, given token %d: %w", row, n, err)
				}
				res.LogProbs[row] = append(res.LogProbs[row], logProb)
				return token, false, nil
			}
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
	case plan.EachStep(p):
		a = label(a, hook.Point{ID: p.ID, Heads: p.Heads, Coords: p.Coords}, ran)
		return a.Label(p.Kind.Axes()[p.Kind.PositionAxis()], tokens[prompt:])
	case !p.Pos.All() && slices.Max(p.Pos.In(0)) >= len(ran): // of a row that stopped before
		return a
	}
	return label(a, p, ran)
}
