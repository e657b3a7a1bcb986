package exec

import (
	"math"

	"github.com/golens/golens/model/array"
	"github.com/golens/golens/model/hook"
	"github.com/golens/golens/model/internal/place"
	"github.com/golens/golens/model/internal/plan"
)

// answer is the array of a capture before anything is computed: all NaN.
func (g *generation) answer(p hook.Point) *array.Array {
	a := answer(g.Config, p, len(g.Lens), g.Longest+g.New-1)
	if plan.EachStep(p) {
		axes := append([]array.Axis(nil), a.Axes()...)
		axes[p.Kind.PositionAxis()].Len = g.New
		a = array.New(axes...).Named(a.Title(), a.Unit())
	}
	set(a.Values(), float32(math.NaN()))
	return a
}

// toStep is where a capture of a row goes in the step at hand; rows that have
// ended give nothing.
func (c *chunk) toStep(i int, r plan.Row) ([]float32, []int) {
	g := c.growth
	for k := range c.rows {
		if c.rows[k].Index == r.Index && g.ended[k] {
			return nil, nil
		}
	}
	a := g.out.Captures[i]
	if p := g.job.Captures[i]; plan.EachStep(p) {
		return a.Values()[g.step*place.Strides(a.Shape())[p.Kind.PositionAxis()]:], a.Shape()
	}
	return a.Values(), a.Shape()
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
	for row, n := range g.Lens {
		ran, steps = max(ran, n-1), max(steps, n-g.prompts[row])
	}
	cut := func(axis, n int) {
		if n < a.Shape()[axis] {
			a = a.Select(a.Axes()[axis].Name, hook.UpTo(n)...)
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
		ran := g.Lens[row] - 1
		queries := p.Pos.Of(row, shape[axis])
		if plan.EachStep(p) {
			queries = plan.Range(g.prompts[row]-1, g.prompts[row]-1+shape[axis])
		}
		keys := p.Coords
		if keys == nil {
			keys = hook.UpTo(shape[len(shape)-1])
		}
		rowLen := place.Size(shape[1:])
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
