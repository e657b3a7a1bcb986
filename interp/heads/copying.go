package heads

import (
	"fmt"
	"slices"

	"github.com/golens/golens/interp"
	"github.com/golens/golens/model"
	"github.com/golens/golens/model/array"
	"github.com/golens/golens/model/hook"
)

// Attended says which token a position of [Copying] is held to attend to.
type Attended int

const (
	// Strongest is the token with the largest attention, and what the head
	// writes is its whole output there. Where that is the begin token, on which
	// heads rest that find nothing, the query does not count.
	Strongest Attended = iota
	// Weighted is every token in turn, weighted by its attention, and what the
	// head writes is what it carries from that token alone.
	Weighted
)

// String names the choice.
func (a Attended) String() string {
	if a == Weighted {
		return "every attended token, by its attention"
	}
	return "the token attended to most"
}

// Copying is a copying score: on random tokens without repetition, how much of
// what a head adds to the logits of the sample's tokens goes to the very token
// that it attends to. The head's output goes straight through the unembedding (no
// final norm; the weight of a norm behind the attention counts); the mean over
// the vocabulary is subtracted and only raised logits count. The begin token is
// neither a key nor one of the tokens. Of the share r of the raise that goes to
// the attended token the score is 2r - 1: 1 means that the attended token alone
// is raised, -1 that it never is; NaN that the head raises none.
//
// It shows what a head writes where it looks; whether it looks where copying
// helps is another matter (see [Induction]).
//
// Times of data is taken as 1. One pass, and per head a product [d_head, tokens].
// Source: after Olsson et al. 2022, appendix. Their ratio is said to run from 0
// to 0.5 before it is scaled to -1 to 1, which a share of all raised tokens, the
// attended one among them, does not: only the sign and the two ends can be held
// against their scores. Which token counts as attended is not said there.
func Copying(m *model.Model, data Repeated, attended Attended) (*interp.Result, error) {
	data.Times = 1
	prompts, err := data.Prompts(m)
	if err != nil {
		return nil, fmt.Errorf("copying score: %w", err)
	}
	c := m.Config()
	request := prompts.Request()
	for l := range c.Layers {
		request = request.Capture(hook.Pattern(l), hook.Z(l), hook.V(l))
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
				model.Chain{model.WO(l).Head(h).AfterNorm(), model.WU().Of(tokens...)},
				model.Chain{model.WO(l).Head(h).AfterNorm(), model.WU().Average()})
		}
		products, err := m.Products(chains...)
		if err != nil {
			return nil, fmt.Errorf("copying score: %w", err)
		}
		pattern, z, v := run.At(hook.Pattern(l)), run.At(hook.Z(l)), run.At(hook.V(l))
		for h := range c.Heads {
			head := writer{products[2*h].Values(), products[2*h+1].Values(), len(tokens)}
			for i, row := range prompts.IDs {
				of := make([]int, len(row)) // the column of each token of the row
				for p, id := range row {
					if of[p] = columns[id]; p == 0 && prompts.BOS {
						of[p] = begin
					}
				}
				at := func(q, k int) float64 { return pattern.At(i, h, q, k) }
				if attended == Weighted {
					samples.Set(head.copiesEach(of, vectors(v, i, h*c.KVHeads/c.Heads), at), i, l, h)
				} else {
					samples.Set(head.copies(of, vectors(z, i, h), at), i, l, h)
				}
			}
		}
	}
	return &interp.Result{
		Array:   samples.Mean("sample").Named("copying score", ""),
		Samples: samples, Method: fmt.Sprintf("copying score of %s, %s", attended, data), Source: "after " + olsson, Provenance: run.Provenance,
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

// vectors are those of one row and head at each position.
func vectors(a *array.Array, row, head int) [][]float32 {
	shape := a.Shape() // [batch, pos, head, d_head]
	all := make([][]float32, shape[1])
	for p := range all {
		at := ((row*shape[1]+p)*shape[2] + head) * shape[3]
		all[p] = a.Values()[at : at+shape[3]]
	}
	return all
}

// begin stands for the column of the begin token, which does not count.
const begin = -1

// writer is what a head's output does to logits.
type writer struct {
	out, mean []float32 // [d_head, token] and [d_head]
	tokens    int
}

// copies is the copying score of one row, whose tokens are the columns of, by
// the strongest attention.
func (w writer) copies(of []int, z [][]float32, attention func(q, k int) float64) float64 {
	attended, all := 0.0, 0.0
	for q := range of {
		most := 0
		for k := range q + 1 {
			if attention(q, k) > attention(q, most) {
				most = k
			}
		}
		if of[most] == begin {
			continue
		}
		raised, sum := w.raise(z[q], of, most)
		attended, all = attended+raised, all+sum
	}
	return 2*attended/all - 1
}

// copiesEach is the same by every key's own value v.
func (w writer) copiesEach(of []int, v [][]float32, attention func(q, k int) float64) float64 {
	attended, all := 0.0, 0.0
	for k := range of {
		if of[k] == begin {
			continue
		}
		weight := 0.0
		for q := k; q < len(of); q++ {
			weight += attention(q, k)
		}
		raised, sum := w.raise(v[k], of, k)
		attended, all = attended+weight*raised, all+weight*sum
	}
	return 2*attended/all - 1
}

// raise is by how much a vector raises the logit of one token of the row, and
// of all of them.
func (w writer) raise(x []float32, of []int, one int) (raised, all float64) {
	for k, column := range of {
		if column == begin {
			continue
		}
		r := max(0, w.logit(x, column))
		if all += r; k == one {
			raised = r
		}
	}
	return raised, all
}

// logit is what x adds to a token's logit, relative to the mean token.
func (w writer) logit(x []float32, column int) float64 {
	sum := 0.0
	for d, v := range x {
		sum += float64(v) * float64(w.out[d*w.tokens+column]-w.mean[d])
	}
	return sum
}
