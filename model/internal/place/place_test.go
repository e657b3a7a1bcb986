package place_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/golens/golens/model/array"
	"github.com/golens/golens/model/config"
	"github.com/golens/golens/model/hook"
	"github.com/golens/golens/model/internal/place"
)

var conf = config.Config{Layers: 2, Heads: 3, KVHeads: 1, DModel: 6, DHead: 2, DMLP: 4, Vocab: 5, Experts: 2, Chosen: 1, DExpert: 2, Gated: true}

// point is a random selection of a kind in rows of such lengths.
func point(r *rand.Rand, k hook.Kind, lens []int) hook.Point {
	p := hook.Point{ID: hook.ID{Kind: k}}
	some := func(n int) []int { return r.Perm(n)[:1+r.IntN(n)] }
	if r.IntN(2) == 0 {
		p.Batch = some(len(lens))
	}
	dims := conf.Dims(k, slices.Min(lens))
	if axis := k.HeadAxis(); axis > 0 && r.IntN(2) == 0 {
		p.Heads = some(dims[axis-1])
	}
	if r.IntN(2) == 0 {
		p.Coords = some(dims[len(dims)-1])
	}
	n := slices.Min(lens)
	switch r.IntN(4) {
	case 0:
		p = p.At(some(n)...)
	case 1: // from the end, and named by row
		each := make([]int, len(lens))
		for i := range each {
			each[i] = -1 - r.IntN(n)
		}
		p = p.AtEach(each)
	case 2:
		p = p.At(-1, 0)
	}
	return p
}

// naive are the offsets of what a point selects in a row, by looking at every
// index.
func naive(p hook.Point, dims []int, row, n int) (offsets [][]int) {
	if p.Batch != nil && !slices.Contains(p.Batch, row) {
		return nil
	}
	lists := make([][]int, len(dims))
	for i, axis := range p.Kind.Axes()[1:] {
		for at := range dims[i] {
			lists[i] = append(lists[i], at)
		}
		switch axis {
		case hook.Pos, hook.Query, hook.Key:
			lists[i] = lists[i][:n]
		}
		if (axis == hook.Pos || axis == hook.Query) && p.Pos.Rows != nil {
			lists[i] = nil
			for _, pos := range p.Pos.Rows[min(row, len(p.Pos.Rows)-1)] {
				lists[i] = append(lists[i], (pos+n)%n)
			}
		}
		if (axis == hook.Head || axis == "kv_head") && p.Heads != nil {
			lists[i] = p.Heads
		}
		if i == len(dims)-1 && p.Coords != nil {
			lists[i] = p.Coords
		}
	}
	all := [][]int{{}}
	for _, list := range lists {
		var next [][]int
		for _, index := range all {
			for _, at := range list {
				next = append(next, append(slices.Clone(index), at))
			}
		}
		all = next
	}
	return all
}

func offset(index, dims []int) int {
	o := 0
	for i, at := range index {
		o = o*dims[i] + at
	}
	return o
}

// A selection reads and writes what looking at every index finds, in whole
// activations and in tensors that hold some of the positions.
func TestSelectionIsTheNaiveOne(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	lens := []int{4, 7, 5}
	longest := slices.Max(lens)
	for _, k := range hook.Kinds() {
		for round := range 20 {
			p := point(r, k, lens)
			t.Run(fmt.Sprint(p, round), func(t *testing.T) {
				whole := conf.Dims(k, longest)
				for row, n := range lens {
					want := naive(p, whole, row, n)
					var offsets []int
					p.Offsets(whole, row, n, func(o int) { offsets = append(offsets, o) })
					if len(offsets) != len(want) {
						t.Fatalf("row %d: %d values, want %d", row, len(offsets), len(want))
					}
					for i, index := range want {
						if offsets[i] != offset(index, whole) {
							t.Fatalf("row %d: value %d lies at %d, want %d", row, i, offsets[i], offset(index, whole))
						}
					}
					held := r.Perm(n)[:1+r.IntN(n)] // positions in the tensor
					if r.IntN(2) == 0 {
						slices.Sort(held)
					}
					local := conf.Dims(k, len(held))
					view := place.View{Queries: place.List(held), Keys: func(pos int) int { return slices.Index(held, pos) }}
					sel, ok := place.Select(p, place.Row{Index: row, Len: n}, local, whole, view)
					if !ok {
						if want != nil {
							t.Fatalf("row %d is left alone", row)
						}
						continue
					}
					checkValues(t, r, p, sel, want, held, local, whole, lens)
				}
			})
		}
	}
}

func checkValues(t *testing.T, r *rand.Rand, p hook.Point, sel place.Selection, want [][]int, held, local, whole, lens []int) {
	kept, tensor := make([]float32, place.Size(whole)), make([]float32, place.Size(local))
	for i := range kept {
		kept[i] = r.Float32()
	}
	for i := range tensor {
		tensor[i] = r.Float32()
	}
	shape := conf.Selected(p, len(lens), slices.Max(lens))
	coefficients := array.New(array.Dim("a", shape[len(shape)-1]))
	for i := range coefficients.Values() {
		coefficients.Values()[i] = r.Float32()
	}
	edit := p.Replace(coefficients)
	in := func(index []int) int { // offset in the tensor
		index = slices.Clone(index)
		for i, axis := range p.Kind.Axes()[1:] {
			if axis == hook.Pos || axis == hook.Query || axis == hook.Key {
				if index[i] = slices.Index(held, index[i]); index[i] < 0 {
					return -1
				}
			}
		}
		return offset(index, local)
	}
	put, spread, sum := slices.Clone(tensor), map[int]float32{}, 0.0
	gathered := make([]float32, place.Size(shape))
	lists := make([][]int, len(whole))
	for _, index := range want {
		for i, at := range index {
			if !slices.Contains(lists[i], at) {
				lists[i] = append(lists[i], at)
			}
		}
	}
	for _, index := range want {
		c := coefficients.Values()[0]
		ranks := make([]int, len(index))
		for i, at := range index {
			ranks[i] = slices.Index(lists[i], at)
		}
		if n := len(ranks) - 1; shape[n+1] > 1 {
			c = coefficients.Values()[ranks[n]]
		}
		value := kept[offset(index, whole)]
		if at := in(index); at >= 0 {
			put[at], spread[at], value = kept[offset(index, whole)], c, tensor[at]
			gathered[offset(append([]int{sel.Rank}, ranks...), shape)] = tensor[at]
		}
		sum += float64(value) * float64(c)
	}
	got := slices.Clone(tensor)
	sel.Put(got, kept)
	if !slices.Equal(got, put) {
		t.Error("Put puts other values")
	}
	n := 0
	sel.Spread(edit, nil, func(at int, v float32) {
		if spread[at] != v {
			t.Errorf("Spread gives %g at %d, want %g", v, at, spread[at])
		}
		n++
	})
	if n != len(spread) {
		t.Errorf("Spread visits %d values, want %d", n, len(spread))
	}
	array := make([]float32, len(gathered))
	sel.Gather(tensor, array, shape)
	if !slices.Equal(array, gathered) {
		t.Error("Gather gives other values")
	}
	if d := sel.Sum(edit, tensor, kept) - sum; d > 1e-6 || d < -1e-6 { // in another order
		t.Errorf("Sum is %g off %g", d, sum)
	}
}
