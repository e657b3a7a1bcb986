package heads

import (
	"fmt"
	"slices"

	"github.com/golens/golens/interp"
	"github.com/golens/golens/model"
	"github.com/golens/golens/model/array"
	"github.com/golens/golens/model/hook"
)

// Copying is the copying score: on random tokens without repetition, how much
// of what a head adds to the logits of the sample's tokens goes to the very
// token that it attends to most. Each head's output goes straight through the
// unembedding (no norm); the mean over the vocabulary is subtracted and only
// raised logits count. 1 means that the attended token alone is raised, -1 that
// it never is.
//
// It shows what a head writes where it looks; whether it looks where copying
// helps is another matter (see [Induction]). Positions at which no token of the
// sample is raised do not count.
//
// Times of data is taken as 1. One pass, and per head a product [d_head, tokens].
// Source: Olsson et al. 2022, appendix; their ratio runs from 0 to 0.5, and
// 4 ratio - 1 is this score. That a position's attended token is the one with
// the largest attention is our reading.
func Copying(m *model.Model, data Repeated) (*interp.Result, error) {
	data.Times = 1
	prompts, err := data.Prompts(m)
	if err != nil {
		return nil, fmt.Errorf("copying score: %w", err)
	}
	c := m.Config()
	request := prompts.Request()
	for l := range c.Layers {
		request = request.Capture(hook.Pattern(l), hook.Z(l))
	}
	run, err := m.Run(request)
	if err != nil {
		return nil, fmt.Errorf("copying score: %w", err)
	}
	tokens, columns := distinct(prompts.IDs)
	n := len(prompts.IDs)
	samples := array.New(array.Dim("sample", n), array.Dim("layer", c.Layers), array.Dim("head", c.Heads))
	for l := range c.Layers {
		var chains []model.Chain
		for h := range c.Heads {
			chains = append(chains,
				model.Chain{model.WO(l).H(h), model.WU().Of(tokens...)},
				model.Chain{model.WO(l).H(h), model.WU().Average()})
		}
		products, err := m.Products(chains...)
		if err != nil {
			return nil, fmt.Errorf("copying score: %w", err)
		}
		pattern, z := run.At(hook.Pattern(l)), run.At(hook.Z(l))
		for h := range c.Heads {
			head := writer{products[2*h].Values(), products[2*h+1].Values(), len(tokens)}
			for i, row := range prompts.IDs {
				of := make([]int, len(row)) // the column of each token of the row
				for p, id := range row {
					of[p] = columns[id]
				}
				samples.Set(head.copies(of, vectors(z, i, h), func(q, k int) float64 { return pattern.At(i, h, q, k) }), i, l, h)
			}
		}
	}
	return &interp.Result{
		Array:   samples.Mean("sample").Named("copying score", ""),
		Samples: samples, Method: fmt.Sprintf("copying score, %s", data), Source: olsson, Provenance: run.Provenance,
	}, samples.Err()
}

// distinct are the different tokens of all rows, and the index of each.
func distinct(rows [][]int32) (tokens []int32, index map[int32]int) {
	tokens = slices.Concat(rows...)
	slices.Sort(tokens)
	tokens = slices.Compact(tokens)
	index = map[int32]int{}
	for i, id := range tokens {
		index[id] = i
	}
	return tokens, index
}

// vectors are z of one row and head at each position.
func vectors(z *array.Array, row, head int) [][]float32 {
	shape := z.Shape() // [batch, pos, head, d_head]
	all := make([][]float32, shape[1])
	for p := range all {
		at := ((row*shape[1]+p)*shape[2] + head) * shape[3]
		all[p] = z.Values()[at : at+shape[3]]
	}
	return all
}

// writer is what a head's output does to logits.
type writer struct {
	out, mean []float32 // [d_head, token] and [d_head]
	tokens    int
}

// copies is the copying score of one row, whose tokens are columns of.
func (w writer) copies(of []int, z [][]float32, attention func(q, k int) float64) float64 {
	attended, all := 0.0, 0.0
	for q := range of {
		most := 0
		for k := range q + 1 {
			if attention(q, k) > attention(q, most) {
				most = k
			}
		}
		for k, column := range of {
			if raised := max(0, w.logit(z[q], column)); k == most {
				attended, all = attended+raised, all+raised
			} else {
				all += raised
			}
		}
	}
	return 2*attended/all - 1
}

// logit is what z adds to a token's logit, relative to the mean token.
func (w writer) logit(z []float32, column int) float64 {
	sum := 0.0
	for d, v := range z {
		sum += float64(v) * float64(w.out[d*w.tokens+column]-w.mean[d])
	}
	return sum
}
