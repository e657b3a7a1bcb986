package subclone

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/golens/golens/model"
	"github.com/golens/golens/model/config"
	"github.com/golens/golens/model/formula"
	"github.com/golens/golens/model/hook"
	"github.com/golens/golens/model/tally"
)

// A Shape is the sizes of a child; 0 means the parent's.
type Shape struct {
	Layers, DModel, Heads, DHead, DMLP int
	Unscaled                           bool // weights are taken as they are
}

// An Importance is how large the activations of every part are: means over tokens.
type Importance struct {
	Config   config.Config
	Residual []float64     // [d_model], over all layers too
	Heads    [][]float64   // [layer][head], of what it writes
	HeadDims [][][]float64 // [layer][head][d_head], of queries times keys, and of z
	Neurons  [][]float64   // [layer][d_mlp]
	Tokens   int64
}

// Measure measures a model on rows of tokens.
func Measure(m *model.Model, rows [][]int32) (*Importance, error) {
	c := m.Config()
	const size = "size"
	var points []hook.Point
	for l := range c.Layers {
		points = append(points, hook.ResidPre(l), hook.ResidPost(l), hook.HeadResult(l), hook.Q(l), hook.K(l), hook.Z(l))
		if !c.AttnOnly() {
			points = append(points, hook.MLPPost(l))
		}
	}
	t := model.Tally{Rows: rows}
	for _, p := range points {
		t.Edits = append(t.Edits, p.Watch(size, formula.Here().Abs()))
		t.Reducers = append(t.Reducers, tally.Reducer{Point: p.Label(size), Kind: tally.Moments})
	}
	r, err := m.TallyContext(context.Background(), t)
	if err != nil {
		return nil, fmt.Errorf("subclone: %w", err)
	}
	out := &Importance{Config: c, Residual: make([]float64, c.DModel), Tokens: r.Tokens}
	at := 0
	next := func() []float32 {
		mean := r.Reducers[at].Mean(r.States[at]).Values()
		at++
		return mean
	}
	for l := range c.Layers {
		pre, post := next(), next()
		for i := range out.Residual {
			if l == 0 {
				out.Residual[i] += float64(pre[i])
			}
			out.Residual[i] += float64(post[i])
		}
		result, q, k, z := next(), next(), next(), next()
		heads, dims := make([]float64, c.Heads), make([][]float64, c.Heads)
		for h := range heads {
			for _, v := range result[h*c.DModel : (h+1)*c.DModel] {
				heads[h] += float64(v)
			}
			for i := range c.DHead {
				score := float64(q[h*c.DHead+i])*float64(k[c.KVHead(h)*c.DHead+i]) + float64(z[h*c.DHead+i])
				dims[h] = append(dims[h], score)
			}
		}
		out.Heads, out.HeadDims = append(out.Heads, heads), append(out.HeadDims, dims)
		var neurons []float64
		if !c.AttnOnly() {
			for _, v := range next() {
				neurons = append(neurons, float64(v))
			}
		}
		out.Neurons = append(out.Neurons, neurons)
	}
	for i := range out.Residual {
		out.Residual[i] /= float64(c.Layers + 1)
	}
	return out, nil
}

// Part chooses what stays in a child of the shape.
func (x *Importance) Part(s Shape) (*model.Part, error) {
	c := x.Config
	for _, f := range []struct {
		name         string
		size         *int
		parent, most int
	}{
		{"layers", &s.Layers, c.Layers, 1 << 12}, {"d_model", &s.DModel, c.DModel, c.DModel}, {"heads", &s.Heads, c.Heads, c.Heads},
		{"d_head", &s.DHead, c.DHead, c.DHead}, {"d_mlp", &s.DMLP, c.DMLP, c.DMLP},
	} {
		if *f.size == 0 {
			*f.size = f.parent
		}
		if *f.size < 0 || *f.size > f.most {
			return nil, fmt.Errorf("subclone: a child with %d %s; the parent has %d, and a child at most %d", *f.size, f.name, f.parent, f.most)
		}
	}
	share := c.Heads / c.KVHeads
	if s.Heads%share != 0 {
		return nil, fmt.Errorf("subclone: %d heads; %d share their keys and stay together", s.Heads, share)
	}
	p := &model.Part{Layers: Middle(c.Layers, s.Layers), Residual: largest(x.Residual, s.DModel), Scale: !s.Unscaled}
	for _, l := range p.Layers {
		groups := make([]float64, c.KVHeads)
		for h, v := range x.Heads[l] {
			groups[c.KVHead(h)] += v
		}
		var heads []int
		for _, g := range largest(groups, s.Heads/share) {
			for i := range share {
				heads = append(heads, g*share+i)
			}
		}
		p.Heads = append(p.Heads, heads)
		if s.DHead < c.DHead {
			var dims [][]int
			for _, h := range heads {
				dims = append(dims, largest(x.HeadDims[l][h], s.DHead))
			}
			p.HeadDims = append(p.HeadDims, dims)
		}
		if !c.AttnOnly() {
			p.Neurons = append(p.Neurons, largest(x.Neurons[l], s.DMLP))
		}
	}
	return p, nil
}

// Middle is which of a parent's layers a child has: all but some in the middle, or
// those in the middle several times.
func Middle(parent, child int) []int {
	var all []int
	if child <= parent {
		front := (child + 1) / 2
		for l := range child {
			if l >= front {
				l += parent - child
			}
			all = append(all, l)
		}
		return all
	}
	times := slices.Repeat([]int{1}, parent)
	for i := range child - parent { // from the middle outwards, again and again
		k := i % parent
		at := parent/2 + (k+1)/2
		if k%2 == 1 {
			at = parent/2 - (k+1)/2
		}
		times[(at+parent)%parent]++
	}
	for l, n := range times {
		for range n {
			all = append(all, l)
		}
	}
	return all
}

// largest are the indices of the n largest values, rising.
func largest(values []float64, n int) []int {
	order := make([]int, len(values))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(values[b], values[a]) })
	return slices.Sorted(slices.Values(order[:n]))
}
