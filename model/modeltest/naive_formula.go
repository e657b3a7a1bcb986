package modeltest

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/golens/golens/model"
	"github.com/golens/golens/model/array"
	"github.com/golens/golens/model/formula"
	"github.com/golens/golens/model/hook"
)

// Runs are the results of other runs that formulas read, with every activation
// that they read captured whole.
type Runs struct {
	Base, Source *model.Result
	Donors       []int // row of the source of each row; nil: the same
}

// Unroll turns the formulas of a request's edits into values: it runs the request
// up to each, evaluates the formula position by position on what was captured, and
// puts the values in its place. It gives also the labelled values, [pos][value] of
// each row, by label. Rows must not be padded.
func Unroll(m *model.Model, r model.Request, runs Runs) (model.Request, map[string][][]Value, error) {
	order := m.Config().Order()
	place := func(e hook.Edit) int { // among all activations, in the order in which they are computed
		switch {
		case e.Kind == hook.KindEmbed:
			return -2
		case e.Kind == hook.KindPosEmbed:
			return -1
		case e.Kind.Global():
			return m.Config().Layers*100 + slices.Index(hook.Kinds(), e.Kind)
		}
		return e.Layer*100 + slices.Index(order, e.Kind)
	}
	todo := slices.Clone(r.Edits)
	slices.SortStableFunc(todo, func(a, b hook.Edit) int { return cmp.Compare(place(a), place(b)) })
	labels := map[string][][]Value{}
	var done []hook.Edit
	for _, e := range todo {
		if e.Op != hook.OpCompute {
			done = append(done, e)
			continue
		}
		captures := []hook.Point{e.Whole()}
		for _, name := range e.Formula.Activations() {
			p, err := hook.Parse(name)
			if err != nil {
				return r, nil, err
			}
			captures = append(captures, p)
		}
		res, err := m.Run(model.Request{Rows: r.Rows, Edits: done, Captures: captures})
		if err != nil {
			return r, nil, fmt.Errorf("unroll %s: %w", e.Point, err)
		}
		for row, tokens := range r.Rows {
			if e.Batch != nil && !slices.Contains(e.Batch, row) {
				continue
			}
			for i, pos := range listed(e.Pos, row, len(tokens)) {
				value, named := Evaluate(e.Formula, func(s formula.Step) Value {
					switch s.Op {
					case formula.OpBase:
						return valueAt(runs.Base, e.Point, row, elsewhere(s, row, i, pos, len(tokens)))
					case formula.OpSource:
						donor := row
						if runs.Donors != nil {
							donor = runs.Donors[row]
						}
						return valueAt(runs.Source, e.Point, donor, elsewhere(s, row, i, pos, len(tokens)))
					case formula.OpAt:
						p, _ := hook.Parse(s.Name)
						return valueAt(res, p, row, pos)
					}
					return valueAt(res, e.Point, row, pos)
				})
				for name, v := range named {
					if labels[name] == nil {
						labels[name] = make([][]Value, len(r.Rows))
					}
					if labels[name][row] == nil {
						labels[name][row] = make([]Value, len(tokens))
					}
					labels[name][row][pos] = v
				}
				done = append(done, e.Point.Row(row).At(pos).Replace(value.tensor(e.Kind)))
			}
		}
	}
	r.Edits = done
	return r, labels, nil
}

// listed are the positions of a row, all of them or those selected.
func listed(p hook.Positions, row, n int) []int {
	if p.All() {
		return upTo(n)
	}
	list := slices.Clone(p.In(row))
	for i := range list {
		list[i] = (list[i] + n) % n
	}
	return list
}

// elsewhere is the position of another run that a formula reads for the i-th one
// of its point.
func elsewhere(s formula.Step, row, i, pos, n int) int {
	if s.Rows == nil {
		return pos
	}
	return (hook.Positions{Rows: s.Rows}.In(row)[i] + n) % n
}

// valueAt is what a point selects at one position of a row.
func valueAt(r *model.Result, p hook.Point, row, pos int) (v Value) {
	a := r.At(p.Whole()).Select(hook.Batch, row)
	axes := p.Kind.Axes()
	a = a.Select(axes[p.Kind.PositionAxis()], pos)
	if last := axes[len(axes)-1]; last == hook.Key {
		a = a.Select(last, upTo(len(r.Labels[row]))...)
	}
	if axis := p.Kind.HeadAxis(); axis >= 0 && p.Heads != nil {
		a = a.Select(hook.Head, p.Heads...)
	}
	if p.Coords != nil {
		a = a.Select(axes[len(axes)-1], p.Coords...)
	}
	for i, axis := range a.Axes() {
		if i > 0 && i != p.Kind.PositionAxis() {
			v.Dims = append(v.Dims, axis.Len)
		}
	}
	for _, x := range a.Values() {
		v.X = append(v.X, float64(x))
	}
	return v
}

// tensor is the value at one position, as an edit of an activation wants it: for
// patterns, whose position stands behind the heads, with an axis for it.
func (v Value) tensor(k hook.Kind) *array.Array {
	dims := slices.Clone(v.Dims)
	if k.PositionAxis() == 2 && len(dims) > 1 {
		dims = slices.Insert(dims, len(dims)-1, 1)
	}
	if len(dims) == 0 {
		dims = []int{1}
	}
	axes := make([]array.Axis, len(dims))
	for i, n := range dims {
		axes[i] = array.Dim(fmt.Sprint("axis ", i), n)
	}
	a := array.New(axes...)
	for i, x := range v.X {
		a.Values()[i] = float32(x)
	}
	return a
}
