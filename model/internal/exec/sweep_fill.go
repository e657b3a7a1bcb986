package exec

import (
	"math"
	"slices"

	"github.com/gomlx/gomlx/core/tensors"

	"github.com/golens/golens/model/array"
	"github.com/golens/golens/model/hook"
)

// view is where positions of a row of the batch lie in a tensor: local index of
// each position, or -1.
type view struct {
	queries, keys func(pos int) int
}

// listed is the view of a list of positions.
func listed(list []int) func(pos int) int {
	return func(pos int) int { return slices.Index(list, pos) }
}

// ranged is the view of positions that follow one another.
func ranged(first, n int) func(pos int) int {
	return func(pos int) int {
		if pos < first || pos >= first+n {
			return -1
		}
		return pos - first
	}
}

func viewOf(list []int) func(pos int) int {
	if n := len(list); n > 0 && list[n-1]-list[0] == n-1 {
		return ranged(list[0], n)
	}
	return listed(list)
}

// part is the values of one row that a point selects: for each axis after
// batch, their indices in the whole activation and in the tensor at hand.
type selection struct {
	rank       int // of the row among the point's rows
	abs, local [][]int
}

// pick selects; ok is false if the point leaves the row alone.
func (s *sweep) pick(p hook.Point, row int, dims []int, v view) (sel selection, ok bool) {
	sel.rank = row
	if p.Batch != nil {
		if sel.rank = slices.Index(p.Batch, row); sel.rank < 0 {
			return sel, false
		}
	}
	names := p.Kind.Axes()[1:]
	for i, name := range names {
		var abs, local []int
		at := func(list []int, place func(int) int) {
			abs = list
			local = make([]int, len(list))
			for j, pos := range list {
				local[j] = place(pos)
			}
		}
		switch {
		case i+1 == p.Kind.PositionAxis():
			at(positions(p.Pos.In(row), s.lens[row], 0, false), v.queries)
		case name == hook.Key:
			list := p.Coords
			if list == nil {
				list = upTo(s.lens[row])
			}
			at(list, func(pos int) int {
				if pos >= s.lens[row] {
					return -1
				}
				return v.keys(pos)
			})
		case i+1 == p.Kind.HeadAxis() && p.Heads != nil:
			abs, local = p.Heads, p.Heads
		case i == len(names)-1 && p.Coords != nil:
			abs, local = p.Coords, p.Coords
		default:
			all := upTo(dims[i])
			abs, local = all, all
		}
		sel.abs, sel.local = append(sel.abs, abs), append(sel.local, local)
	}
	return sel, true
}

// walk visits every index of the selection but that of the last axis.
// Offsets are -1 where the tensor does not hold the position.
func (sel selection) walk(ldims, adims []int, visit func(index []int, local, abs int)) {
	n := len(ldims) - 1
	lsteps, asteps := strides(ldims), strides(adims)
	for _, axis := range sel.abs {
		if len(axis) == 0 {
			return
		}
	}
	index := make([]int, n)
	for {
		l, a := 0, 0
		for i, k := range index {
			a += sel.abs[i][k] * asteps[i]
			if at := sel.local[i][k]; at < 0 || l < 0 {
				l = -1
			} else {
				l += at * lsteps[i]
			}
		}
		visit(index, l, a)
		i := n - 1
		for ; i >= 0; i-- {
			if index[i]++; index[i] < len(sel.abs[i]) {
				break
			}
			index[i] = 0
		}
		if i < 0 {
			return
		}
	}
}

// spread visits every value that the edits select in one row of the tensor,
// with its offset within the row and the edit's value.
func (s *sweep) spread(edits []hook.Edit, c course, dims []int, v view, visit func(at int, value float32, e hook.Edit)) {
	for _, e := range edits {
		sel, ok := s.pick(e.Point, c.row, dims, v)
		if !ok {
			continue
		}
		steps := broadcast(e.Shape, len(dims)+1)
		kept, whole := s.kept(e, c)
		last := len(dims) - 1
		sel.walk(dims, whole, func(index []int, local, abs int) {
			if local < 0 {
				return
			}
			from := sel.rank * steps[0]
			for i, k := range index {
				from += k * steps[i+1]
			}
			for k, i := range sel.local[last] {
				if i < 0 {
					continue
				}
				var value float32
				switch {
				case kept != nil:
					value = kept[abs+sel.abs[last][k]]
				case len(e.Values) > 0:
					value = e.Values[from+k*steps[last+1]]
				}
				visit(local+i, value, e)
			}
		})
	}
}

// kept is the activation of a row of the base or the source run that an edit
// puts in place, and its dimensions; no values if the edit brings its own.
func (s *sweep) kept(e hook.Edit, c course) (values []float32, dims []int) {
	a, row, longest := (*array.Array)(nil), c.row, s.longest
	switch e.Op {
	case hook.OpFreeze:
		a = s.base[e.ID]
	case hook.OpSource:
		a, row, longest = s.source.kept[e.ID], s.variants[c.variant].donors[c.row], s.source.longest
	}
	dims = s.Config.Dims(e.Kind, longest)
	if a == nil {
		return nil, dims
	}
	return a.Values()[row*product(dims):], dims
}

// copyIn puts the selected values of a kept activation into a row x.
func (s *sweep) copyIn(x, values []float32, whole []int, p hook.Point, row int, dims []int, v view) {
	sel, ok := s.pick(p, row, dims, v)
	if !ok {
		return
	}
	locals, abs := sel.local[len(dims)-1], sel.abs[len(dims)-1]
	run := min(leading(locals), leading(abs))
	sel.walk(dims, whole, func(_ []int, to, from int) {
		if to < 0 {
			return
		}
		copy(x[to:][:run], values[from:])
		for k := run; k < len(locals); k++ {
			if locals[k] >= 0 {
				x[to+locals[k]] = values[from+abs[k]]
			}
		}
	})
}

// given are base activations of an activation that are used as they are, at
// places of every row, with the variant's own edits made [batch, places, ...].
func (w *work) given(id hook.ID, places func(c course) []int, own bool) (*tensors.Tensor, error) {
	kept := w.base[id]
	n := len(places(w.courses[0]))
	dims := w.Config.Dims(id.Kind, n)
	rowLen, whole := product(dims), product(w.Config.Dims(id.Kind, w.longest))
	inner := rowLen / max(n, 1)
	return reuse(w.scratch, func(x []float32) {
		for i, c := range w.courses {
			list := places(c)
			to := x[i*rowLen:][:rowLen]
			for j, pos := range list {
				if pos < w.lens[c.row] {
					copy(to[j*inner:][:inner], kept.Values()[c.row*whole+pos*inner:])
				}
			}
			if own {
				for _, e := range w.variants[c.variant].edits[id] {
					w.change(to, e, c, dims, view{queries: viewOf(list)})
				}
			}
		}
	}, append([]int{w.batch}, dims...)...)
}

// change makes an edit on the values of a row.
func (s *sweep) change(x []float32, e hook.Edit, c course, dims []int, v view) {
	if e.Op == hook.OpProject {
		u := unit(e.Values, dims[len(dims)-1])
		n := dims[len(dims)-1]
		seen := map[int]bool{}
		s.spread([]hook.Edit{e}, c, dims, v, func(at int, _ float32, _ hook.Edit) {
			at -= at % n
			if seen[at] {
				return
			}
			seen[at] = true
			along := float32(0)
			for i, c := range u {
				along += x[at+i] * c
			}
			for i, c := range u {
				x[at+i] -= along * c
			}
		})
		return
	}
	if kept, whole := s.kept(e, c); kept != nil {
		s.copyIn(x, kept, whole, e.Point, c.row, dims, v)
		return
	}
	s.spread([]hook.Edit{e}, c, dims, v, func(at int, value float32, e hook.Edit) {
		switch e.Op {
		case hook.OpAdd:
			x[at] += value
		case hook.OpScale:
			x[at] *= e.Factor
		case hook.OpClamp:
			x[at] = min(max(x[at], e.Lo), e.Hi)
		default:
			x[at] = value
		}
	})
}

// fillSlot is a slot's inputs: fill are the edits of each row.
func (w *work) fillSlot(sl slot, fill [][]hook.Edit, dims []int, at func(i int) view) ([]*tensors.Tensor, error) {
	shape := append([]int{w.batch}, dims...)
	if finals[sl.kind] { // flat rows
		shape = append([]int{shape[0] * shape[1]}, shape[2:]...)
	}
	rowLen := product(dims)
	each := func(visit func(at int, v float32, e hook.Edit)) {
		for i, edits := range fill {
			w.spread(edits, w.courses[i], dims, at(i), func(k int, v float32, e hook.Edit) { visit(i*rowLen+k, v, e) })
		}
	}
	one := func(write func(x []float32)) ([]*tensors.Tensor, error) {
		t, err := reuse(w.scratch, write, shape...)
		return []*tensors.Tensor{t}, err
	}
	switch sl.op {
	case hook.OpReplace:
		return fillBoth(w.scratch, func(mask []bool, value []float32) {
			each(func(at int, v float32, _ hook.Edit) { mask[at], value[at] = true, v })
		}, shape, shape)
	case hook.OpAdd:
		return one(func(value []float32) { each(func(at int, v float32, _ hook.Edit) { value[at] += v }) })
	case hook.OpScale:
		return one(func(value []float32) {
			set(value, 1)
			each(func(at int, _ float32, e hook.Edit) { value[at] *= e.Factor })
		})
	case hook.OpClamp:
		return fillBoth(w.scratch, func(lo, hi []float32) {
			set(lo, float32(math.Inf(-1)))
			set(hi, float32(math.Inf(1)))
			each(func(at int, _ float32, e hook.Edit) { lo[at], hi[at] = e.Lo, e.Hi })
		}, shape, shape)
	default: // a direction of each row
		last := dims[len(dims)-1]
		flat := slices.Clone(shape)
		flat[len(flat)-1] = 1
		return fillBoth(w.scratch, func(mask, u []float32) {
			each(func(at int, _ float32, _ hook.Edit) { mask[at/last] = 1 })
			for i, edits := range fill {
				if len(edits) == 0 {
					continue
				}
				along := unit(edits[0].Values, last)
				for k := range rowLen / last {
					copy(u[i*rowLen+k*last:], along)
				}
			}
		}, flat, shape)
	}
}
