package exec

import (
	"math"
	"slices"

	"github.com/golens/golens/model/hook"
	"github.com/golens/golens/model/internal/place"
	"github.com/golens/golens/model/internal/plan"
)

// layout is how activations lie in the tensors of one graph call.
type layout struct {
	row   func(k hook.Kind, i int) (int, []int, place.View) // where row i begins, its dims, and where its positions lie
	shape func(k hook.Kind) []int                           // of the whole tensor
}

// layout is that of a call that computes the positions out, with keys at the
// positions into. Positions past a row's end are nowhere.
func (c *chunk) layout(out, into func(plan.Row) []int) layout {
	dims := func(k hook.Kind) []int {
		at := out
		if plan.OfKeys(c.Config, k) {
			at = into
		}
		d := c.Config.Dims(k, len(at(c.rows[0])))
		if k.Axes()[len(d)] == hook.Key {
			d[len(d)-1] = c.keys()
		}
		return d
	}
	return layout{
		shape: func(k hook.Kind) []int { return append([]int{c.size}, dims(k)...) },
		row: func(k hook.Kind, i int) (int, []int, place.View) {
			r, at, d := c.rows[i], out, dims(k)
			if plan.OfKeys(c.Config, k) {
				at = into
			}
			return i * place.Size(d), d, place.View{Queries: place.List(at(r)), Keys: func(pos int) int {
				switch {
				case c.cached() || pos < r.From:
					return pos
				case pos < r.From+c.group.Width:
					return c.group.Past + pos - r.From
				}
				return -1
			}}
		},
	}
}

// layoutOf is the layout of what a point reads, and the point on an activation that
// lies so: of a labelled value, with the positions of its activation.
func (c *chunk) layoutOf(p hook.Point, l layout) (hook.Point, layout) {
	if p.Value == "" {
		return p, l
	}
	like, dims := c.Lies(p, l.shape(p.Kind)[p.Kind.PositionAxis()])
	return like, layout{
		shape: func(hook.Kind) []int { return append([]int{c.size}, dims...) },
		row: func(_ hook.Kind, i int) (int, []int, place.View) {
			_, _, view := l.row(p.Kind, i)
			return i * place.Size(dims), dims, view
		},
	}
}

// fillSlot appends a slot's inputs to the arguments of a call. fill are the edits
// of each row.
func (c *chunk) fillSlot(args *[]any, s plan.Slot, fill [][]hook.Edit, l layout) error {
	shape := l.shape(s.Kind)
	each := func(visit func(at int, v float32, e hook.Edit)) {
		for i, edits := range fill {
			start, dims, view := l.row(s.Kind, i)
			for _, e := range edits {
				if sel, kept, ok := c.choose(e, c.rows[i], dims, view); ok {
					sel.Spread(e, kept, func(k int, v float32) { visit(start+k, v, e) })
				}
			}
		}
	}
	add := c.add(args)
	switch s.Op {
	case plan.OpWhole:
		return add(reuse(c.scratch, func(value []float32) {
			if axes := s.Kind.Axes(); axes[len(axes)-1] == "scale" { // padding is divided by it
				set(value, 1)
			}
			each(func(at int, v float32, _ hook.Edit) { value[at] = v })
		}, shape...))
	case hook.OpReplace:
		mask, value, err := fillBoth(c.scratch, func(mask []bool, value []float32) {
			each(func(at int, v float32, _ hook.Edit) { mask[at], value[at] = true, v })
		}, shape, shape)
		_ = add(mask, nil)
		return add(value, err)
	case hook.OpAdd:
		return add(reuse(c.scratch, func(value []float32) {
			each(func(at int, v float32, _ hook.Edit) { value[at] += v })
		}, shape...))
	case hook.OpScale:
		return add(reuse(c.scratch, func(value []float32) {
			set(value, 1)
			each(func(at int, _ float32, e hook.Edit) { value[at] *= e.Factor })
		}, shape...))
	case hook.OpClamp:
		lo, hi, err := fillBoth(c.scratch, func(lo, hi []float32) {
			set(lo, float32(math.Inf(-1)))
			set(hi, float32(math.Inf(1)))
			each(func(at int, _ float32, e hook.Edit) { lo[at], hi[at] = e.Lo, e.Hi })
		}, shape, shape)
		_ = add(lo, nil)
		return add(hi, err)
	}
	// hook.OpProject: a mask [..., 1], and a direction of each row of the tensor.
	last := shape[len(shape)-1]
	flat, direction := slices.Clone(shape), slices.Clone(shape)
	flat[len(flat)-1] = 1
	for i := 1; i < len(direction)-1; i++ {
		direction[i] = 1
	}
	perRow := place.Size(shape[1:])
	mask, u, err := fillBoth(c.scratch, func(mask, u []float32) {
		each(func(at int, _ float32, _ hook.Edit) {
			mask[at/last] = 1
		})
		for i, edits := range fill {
			for _, e := range edits {
				start, dims, view := l.row(s.Kind, i)
				along := unit(e.Values, s.Kind.Axes()[len(dims)], last, view)
				for at := start; at < start+place.Size(dims); at += perRow {
					copy(u[at/perRow*last:], along)
				}
			}
		}
	}, flat, direction)
	_ = add(mask, nil)
	return add(u, err)
}

// unit is v over its length, along an axis of n; keys lie where the view says.
func unit(v []float32, axis string, n int, view place.View) []float32 {
	sum := 0.0
	for _, x := range v {
		sum += float64(x) * float64(x)
	}
	u := make([]float32, n)
	for i, x := range v {
		if axis == hook.Key {
			i = view.Keys(i)
		}
		if i >= 0 {
			u[i] = float32(float64(x) / math.Sqrt(sum))
		}
	}
	return u
}
