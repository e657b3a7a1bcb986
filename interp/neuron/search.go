package neuron

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/golens/golens/model"
	"github.com/golens/golens/model/array"
	"github.com/golens/golens/model/hook"
)

// A Found is a neuron and how well it fits what was searched.
type Found struct {
	Unit
	Value float64
}

// String names it, with its value behind.
func (f Found) String() string { return fmt.Sprintf("%s: %.3g", f.Unit, f.Value) }

// Promoting are the n neurons of all layers that raise a token's logit most for each
// unit of activation, straight through the unembedding with the norms' weights and
// without their divisors, relative to the mean token. A token may have several ids, such
// as those with a space before it: the mean counts. With n below 0 those that lower it
// most come.
func Promoting(m *model.Model, n int, tokens ...int32) ([]Found, error) {
	if len(tokens) == 0 || n == 0 {
		return nil, errors.New("search: no token, or no neurons, are asked for")
	}
	c := m.Config()
	var all []Found
	for l := range c.Layers {
		p, err := m.Products(model.Chain{model.WOut(l).AfterNorm(), model.WU().Of(tokens...).BehindNorm()}, model.Chain{model.WOut(l).AfterNorm(), model.WU().Average().BehindNorm()})
		if err != nil {
			return nil, fmt.Errorf("search: %w", err)
		}
		for i := range c.DMLP {
			sum := 0.0
			for k := range tokens {
				sum += p[0].At(i, k) / float64(len(tokens))
			}
			all = append(all, Found{Unit{l, i}, sum - p[1].At(i, 0)})
		}
	}
	return best(all, n), nil
}

// Firing are the n neurons that are most active at the last token of a text, in
// standard deviations from their own mean over the text's other tokens and those of the
// texts beside it, which tell what is usual. One pass.
func Firing(ctx context.Context, m *model.Model, n int, text string, beside ...string) ([]Found, error) {
	prompts := m.Tokens(append([]string{text}, beside...)...)
	c := m.Config()
	request := prompts.Request()
	for l := range c.Layers {
		request = request.Capture(hook.MLPPost(l))
	}
	run, err := m.RunContext(ctx, request)
	if err != nil {
		return nil, fmt.Errorf("search: %w", err)
	}
	var all []Found
	for l := range c.Layers {
		a := run.At(hook.MLPPost(l))
		width := a.Shape()[1]
		for i := range c.DMLP {
			sum, squares, count, last := 0.0, 0.0, 0.0, 0.0
			for row, ids := range prompts.IDs {
				for pos := range ids {
					v := float64(a.Values()[(row*width+pos)*c.DMLP+i])
					if row == 0 && pos == len(ids)-1 {
						last = v
						continue
					}
					sum, squares, count = sum+v, squares+v*v, count+1
				}
			}
			mean := sum / count
			if sd := math.Sqrt(math.Max(0, squares/count-mean*mean)); sd > 0 {
				all = append(all, Found{Unit{l, i}, (last - mean) / sd})
			}
		}
	}
	if len(all) == 0 {
		return nil, errors.New("search: no neuron varies over these texts; put others beside")
	}
	return best(all, n), nil
}

// best are the n largest, or for n below 0 the smallest.
func best(all []Found, n int) []Found {
	slices.SortStableFunc(all, func(a, b Found) int {
		if n < 0 {
			a, b = b, a
		}
		return cmp.Compare(b.Value, a.Value)
	})
	return all[:min(max(n, -n), len(all))]
}

// extremes are the tokens with the largest and the smallest values.
func extremes(m *model.Model, values []float32, n int) (most, least []array.Entry, err error) {
	order := make([]int32, len(values))
	mean := 0.0
	for i, v := range values {
		order[i] = int32(i)
		mean += float64(v) / float64(len(values))
	}
	slices.SortStableFunc(order, func(a, b int32) int { return cmp.Compare(values[b], values[a]) })
	n = min(n, len(order))
	ends := slices.Concat(order[:n], order[len(order)-n:])
	d, err := m.Decode(ends)
	if err != nil {
		return nil, nil, err
	}
	for i, id := range ends {
		e := array.Entry{Label: d.Labels[0][i], Value: float64(values[id]) - mean}
		if i < n {
			most = append(most, e)
		} else {
			least = append([]array.Entry{e}, least...)
		}
	}
	return most, least, nil
}

func cosine(a, b []float32) float64 {
	ab, aa, bb := 0.0, 0.0, 0.0
	for i := range a {
		x, y := float64(a[i]), float64(b[i])
		ab, aa, bb = ab+x*y, aa+x*x, bb+y*y
	}
	if aa == 0 || bb == 0 {
		return 0
	}
	return ab / math.Sqrt(aa*bb)
}
