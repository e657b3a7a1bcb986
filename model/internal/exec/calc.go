package exec

import (
	"slices"

	"github.com/gomlx/gomlx/core/tensors"

	"github.com/golens/golens/model/array"
	"github.com/golens/golens/model/formula"
	"github.com/golens/golens/model/hook"
	"github.com/golens/golens/model/internal/place"
	"github.com/golens/golens/model/internal/plan"
)

// fillCalc appends the inputs of a formula to the arguments of a call. fill are the
// edits of each row.
func (c *chunk) fillCalc(args *[]any, f *calc, fill [][]hook.Edit, l layout) error {
	kind := f.edit.Kind
	add := c.add(args)
	err := add(reuse(c.scratch, func(mask []bool) {
		for i, edits := range fill {
			start, dims, view := l.row(kind, i)
			for _, e := range edits {
				if sel, _, ok := c.choose(e, c.rows[i], dims, view); ok {
					sel.Spread(e, nil, func(at int, _ float32) { mask[start+at] = true })
				}
			}
		}
	}, l.shape(kind)...))
	if err != nil {
		return err
	}
	for n := range f.runs {
		err := add(reuse(c.scratch, func(x []float32) {
			for i, edits := range fill {
				start, dims, view := l.row(kind, i)
				for _, e := range edits {
					step := newCalc(e, none).runs[n]
					if sel, _, ok := c.choose(e, c.rows[i], dims, view); ok {
						sel.Put(x[start:], c.otherRun(e, step, c.rows[i]))
					}
				}
			}
		}, l.shape(kind)...))
		if err != nil {
			return err
		}
	}
	for _, id := range f.far {
		if err := add(c.farValues(id, kind, l)); err != nil {
			return err
		}
	}
	for i, t := range f.edit.Formula.Tensors() {
		_ = i
		*args = append(*args, c.held.of(t))
	}
	return nil
}

func none(hook.Kind) bool { return false }

// otherRun is a row's whole activation at an edit's point, of which the selected
// values are those that the base or the source run has where the formula reads it.
func (c *chunk) otherRun(e hook.Edit, s formula.Step, r plan.Row) []float32 {
	a, row, lens, longest := c.base[e.ID], r.Index, c.Lens, c.Longest
	if s.Op == formula.OpSource {
		a, row, lens, longest = c.source[e.ID], c.Variants[r.Variant].Donors[r.Index], c.Source.Each, c.Source.Longest
	}
	there, from := e.Point, c.Config.Dims(e.Kind, longest)
	if s.Rows != nil {
		there.Pos = hook.Positions{Rows: s.Rows}
	}
	kept := a.Values()[row*place.Size(from):][:place.Size(from)]
	to := c.Config.Dims(e.Kind, c.Longest)
	whole := make([]float32, place.Size(to))
	var places []int
	e.Point.Offsets(to, r.Index, c.Lens[r.Index], func(at int) { places = append(places, at) })
	// Which positions are read follows the row of the base, how long the row is the donor.
	i := 0
	there.Offsets(from, r.Index, lens[row], func(at int) {
		if i < len(places) { // keys of a longer donor
			whole[places[i]] = kept[at]
		}
		i++
	})
	return whole
}

// farValues are an activation of another block, or one that the graph does not
// come by, at the positions of an activation of the graph. What was not computed is
// the base run's.
func (c *chunk) farValues(id hook.ID, at hook.Kind, l layout) (*tensors.Tensor, error) {
	far := c.far[id]
	whole := c.Config.Dims(id.Kind, c.Longest)
	inner := place.Size(whole[1:])
	shape := l.shape(at)
	flat := len(shape) < len(at.Axes()) // rows of the unembedding
	lead := shape[:1]
	if !flat {
		lead = []int{c.size, shape[at.PositionAxis()]}
	}
	return reuse(c.scratch, func(x []float32) {
		for i, r := range c.rows {
			start, own, view := l.row(at, i)
			if flat {
				start /= place.Size(own[1:])
			} else {
				start = i * lead[1]
			}
			var kept []float32
			if a := c.base[id]; a != nil {
				kept = a.Values()[r.Index*place.Size(whole):]
			}
			for pos := range c.Lens[r.Index] {
				to := view.Queries(pos)
				if to < 0 {
					continue
				}
				y := x[(start+to)*inner:][:inner]
				if from := far.at(i, pos); from >= 0 {
					copy(y, far.values[from:])
				} else if kept != nil {
					copy(y, kept[pos*inner:])
				}
			}
		}
	}, append(slices.Clone(lead), whole[1:]...)...)
}

// A farValue is an activation as a block computed it, for formulas of later ones.
type farValue struct {
	values []float32
	lies   func(row, pos int) int // where the values of a position begin, or -1
}

func (f *farValue) at(row, pos int) int {
	if f == nil {
		return -1
	}
	return f.lies(row, pos)
}

// keepFar keeps an activation that formulas of later blocks read.
func (c *chunk) keepFar(id hook.ID, x []float32, l layout) {
	if c.far == nil {
		c.far = map[hook.ID]*farValue{}
	}
	_, dims, _ := l.row(id.Kind, 0)
	inner := place.Size(dims[1:])
	c.far[id] = &farValue{slices.Clone(x), func(row, pos int) int {
		start, _, view := l.row(id.Kind, row)
		at := view.Queries(pos)
		if at < 0 {
			return -1
		}
		return start + at*inner
	}}
}

// isFar tells whether a formula of another block reads the activation.
func (w *work) isFar(id hook.ID) bool {
	w.findFar.Do(func() {
		w.readFar = map[hook.ID]bool{}
		note := func(edits []hook.Edit) {
			for _, e := range edits {
				for _, id := range plan.Reads(e) {
					if id.Kind.Global() || e.Layer != id.Layer {
						w.readFar[id] = true
					}
				}
			}
		}
		note(w.Job.Base.Edits)
		for _, v := range w.Variants {
			for _, edits := range v.Edits {
				note(edits)
			}
		}
	})
	return w.readFar[id]
}

// weighed are the tensors of the slots whose gradients are wanted, each once.
func (t *taps) weighed(wanted []string) (names []string) {
	for _, c := range t.calcs {
		if c == nil {
			continue
		}
		for _, s := range c.edit.Formula.Tensors() {
			if slices.Contains(wanted, s.Name) && !slices.Contains(names, s.Name) {
				names = append(names, s.Name)
			}
		}
	}
	return names
}

// lowestWeighed is the lowest layer whose formulas have a tensor whose gradient is
// wanted.
func lowestWeighed(edits []hook.Edit, wanted []string, until int) int {
	for _, e := range edits {
		if len((&taps{calcs: []*calc{{edit: e}}}).weighed(wanted)) > 0 && !plan.Final(e.Kind) {
			until = min(until, e.Layer)
		}
	}
	return until
}

// leftBy is what other runs left for a job.
func leftBy(runs ...*plan.Left) map[hook.ID]*array.Array {
	all := map[hook.ID]*array.Array{}
	for _, run := range runs {
		if run == nil {
			continue
		}
		for id, a := range run.At {
			all[id] = a
		}
	}
	return all
}
