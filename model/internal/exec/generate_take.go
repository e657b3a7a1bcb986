package exec

import (
	"math"

	"github.com/gomlx/gomlx/core/tensors"

	"github.com/golens/golens/model/array"
	"github.com/golens/golens/model/hook"
	"github.com/golens/golens/model/internal/plan"
)

// answer is the array of a capture before anything is computed: all NaN.
func (g *generation) answer(p hook.Point) *array.Array {
	a := answer(g.Config, p, len(g.lens), g.longest+g.job.New-1)
	if plan.EachStep(p) {
		axes := append([]array.Axis(nil), a.Axes()...)
		axes[p.Kind.PositionAxis()].Len = g.job.New
		a = array.New(axes...).Named(a.Title(), a.Unit())
	}
	for i := range a.Values() {
		a.Values()[i] = float32(math.NaN())
	}
	return a
}

// takeSteps copies what is read of some activations to its places in the
// answer, and frees.
func (r *rows) takeSteps(out []*tensors.Tensor, kinds []hook.Kind, layer int, lies func(hook.Kind) ([]int, func(int) view)) error {
	defer free(out...)
	for i, k := range kinds {
		dims, at := lies(k)
		err := tensors.ConstFlatData(out[i], func(x []float32) {
			for n, p := range r.gen.job.Captures {
				if p.ID == (hook.ID{Kind: k, Layer: layer}) {
					r.takeStep(p, x, dims, at, r.gen.out.Captures[n])
				}
			}
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (r *rows) takeStep(p hook.Point, x []float32, dims []int, at func(int) view, a *array.Array) {
	to, rowLen := a.Values(), product(dims)
	if plan.EachStep(p) {
		to = to[r.step*strides(a.Shape())[p.Kind.PositionAxis()]:]
	}
	for i, c := range r.courses {
		if !r.ended[i] {
			r.copyOut(p, c, x[i*rowLen:][:rowLen], dims, at(i), to, a.Shape())
		}
	}
}

// settle ends a capture: keys that came after a query was computed have no
// weight, and the array is cut to what the longest row holds.
func (g *generation) settle(p hook.Point, a *array.Array) *array.Array {
	last := len(a.Shape()) - 1
	keyed := a.Axes()[last].Name == hook.Key
	if keyed {
		g.blind(p, a)
	}
	ran, steps := 0, 0
	for row, n := range g.lens {
		ran, steps = max(ran, n-1), max(steps, n-g.prompts[row])
	}
	cut := func(axis, n int) {
		if n < a.Shape()[axis] {
			a = a.Select(a.Axes()[axis].Name, upTo(n)...)
		}
	}
	if plan.EachStep(p) {
		cut(p.Kind.PositionAxis(), steps)
	} else if p.Pos.All() && p.Kind.PositionAxis() >= 0 {
		cut(p.Kind.PositionAxis(), ran)
	}
	if keyed && p.Coords == nil {
		cut(last, ran)
	}
	return a
}

// blind sets scores and patterns where the key came after the query was computed.
func (g *generation) blind(p hook.Point, a *array.Array) {
	shape := a.Shape()
	none := float32(0)
	if p.Kind == hook.KindScores {
		none = float32(math.Inf(-1))
	}
	axis := p.Kind.PositionAxis()
	for rank := range shape[0] {
		row := rank
		if p.Batch != nil {
			row = p.Batch[rank]
		}
		ran := g.lens[row] - 1
		queries := positions(p.Pos.In(row), shape[axis], 0, false)
		if plan.EachStep(p) {
			queries = from(upTo(g.prompts[row]-1+shape[axis]), g.prompts[row]-1)
		}
		keys := p.Coords
		if keys == nil {
			keys = upTo(shape[len(shape)-1])
		}
		rowLen := product(shape[1:])
		for i := range rowLen / len(keys) {
			q := queries[i%shape[axis]]       // the axis before the keys'
			there := max(g.prompts[row], q+1) // keys when the query was computed
			for j, key := range keys {
				if q < ran && key >= there && key < ran {
					a.Values()[rank*rowLen+i*len(keys)+j] = none
				}
			}
		}
	}
}
