package modeltest

import (
	"fmt"
	"math"
	"slices"

	"github.com/golens/golens/model"
	"github.com/golens/golens/model/array"
	"github.com/golens/golens/model/formula"
	"github.com/golens/golens/model/hook"
)

// NaiveSweep does a sweep as its definition reads, with one full run of the
// whole batch for every variant: the twin that the sweep engine is held to.
func NaiveSweep(m *model.Model, s model.Sweep) (*model.SweepResult, error) {
	out := &model.SweepResult{}
	var err error
	if out.Base, err = m.Run(s.Base); err != nil {
		return nil, err
	}
	base, source := unpadded(s.Base), unpadded(s.Source)
	for _, v := range s.Variants {
		for _, e := range v.Edits {
			freeze, take := e.Op == hook.OpFreeze || e.Formula.Has(formula.OpBase), e.Op == hook.OpSource || e.Formula.Has(formula.OpSource)
			if freeze && e.Whole().Find(base.Captures) < 0 {
				base.Captures = append(base.Captures, e.Whole())
			}
			if take && e.Whole().Find(source.Captures) < 0 {
				source.Captures = append(source.Captures, e.Whole())
			}
		}
	}
	frozen, err := m.Run(base)
	if err != nil {
		return nil, err
	}
	var taken *model.Result
	if s.Source.Rows != nil {
		if out.Source, err = m.Run(s.Source); err != nil {
			return nil, err
		}
		if taken, err = m.Run(source); err != nil {
			return nil, err
		}
	}
	metrics := make([][]*array.Array, len(s.Base.Metrics))
	captures := make([][]*array.Array, len(s.Captures))
	for i, v := range s.Variants {
		r := s.Base
		r.Captures, r.Grads, r.Edits = s.Captures, nil, slices.Clone(s.Base.Edits)
		formulas := false
		for _, e := range v.Edits {
			if e.Op == hook.OpCompute {
				formulas = true
				r.Edits = append(r.Edits, ofRows(e, v))
				continue
			}
			r.Edits = append(r.Edits, given(e, frozen, taken, v)...)
		}
		if formulas {
			plain, _, err := Unroll(m, model.Request{Rows: base.Rows, Edits: r.Edits}, Runs{frozen, taken, v.Donors})
			if err != nil {
				return nil, fmt.Errorf("naive sweep: variant %d: %w", i, err)
			}
			r.Edits = plain.Edits
		}
		res, err := m.Run(r)
		if err != nil {
			return nil, fmt.Errorf("naive sweep: variant %d: %w", i, err)
		}
		for k, m := range res.Metrics {
			metrics[k] = append(metrics[k], leaveOut(m, v, nil))
		}
		for k, c := range res.Captures {
			captures[k] = append(captures[k], leaveOut(c.Array, v, c.Point.Batch))
		}
	}
	for k := range metrics {
		out.Metrics = append(out.Metrics, stack(metrics[k]))
	}
	for k, p := range s.Captures {
		out.Captures = append(out.Captures, model.Captured{Point: p, Array: stack(captures[k])})
	}
	return out, nil
}

// unpadded is the batch and the edits of a request alone, without padding.
func unpadded(r model.Request) model.Request {
	rows := slices.Clone(r.Rows)
	for i, mask := range r.Mask {
		rows[i] = nil
		for j, token := range r.Rows[i] {
			if mask[j] {
				rows[i] = append(rows[i], token)
			}
		}
	}
	return model.Request{Rows: rows, Edits: r.Edits}
}

// part is the values of one row that a point selects.
func part(a *array.Array, p hook.Point) *array.Array {
	if axis := p.Kind.HeadAxis(); axis >= 0 && p.Heads != nil {
		a = a.Select(hook.Head, p.Heads...)
	}
	axes := p.Kind.Axes()
	if !p.Pos.All() {
		a = a.Select(axes[p.Kind.PositionAxis()], p.Pos.Rows[0]...)
	}
	if p.Coords != nil {
		a = a.Select(axes[len(axes)-1], p.Coords...)
	}
	return a
}

func upTo(n int) []int {
	all := make([]int, n)
	for i := range all {
		all[i] = i
	}
	return all
}

// runs tells whether a variant runs a row.
func runs(v model.Variant, row int) bool { return v.Rows == nil || slices.Contains(v.Rows, row) }

// ofRows is an edit of the rows that a variant runs.
func ofRows(e hook.Edit, v model.Variant) hook.Edit {
	if v.Rows != nil && e.Batch == nil {
		e.Batch = v.Rows
	}
	return e
}

// given is an edit with its values, row by row.
func given(e hook.Edit, base, source *model.Result, v model.Variant) (edits []hook.Edit) {
	longest := 0
	for _, labels := range base.Labels {
		longest = max(longest, len(labels))
	}
	for row, labels := range base.Labels {
		rank := row
		if e.Batch != nil {
			rank = slices.Index(e.Batch, row)
		}
		if rank < 0 || !runs(v, row) {
			continue
		}
		one := e
		one.Batch = nil
		if at := slices.Clone(e.Pos.In(row)); at != nil {
			for i, pos := range at {
				at[i] = (pos + len(labels)) % len(labels)
			}
			one.Pos = hook.Positions{Rows: [][]int{at}}
		}
		switch from := map[hook.Op]*model.Result{hook.OpFreeze: base, hook.OpSource: source}[e.Op]; {
		case from != nil:
			donor := row
			if e.Op == hook.OpSource && v.Donors != nil {
				donor = v.Donors[row]
			}
			values := from.At(e.Whole()).Select(hook.Batch, donor)
			for _, axis := range []string{hook.Pos, hook.Query, hook.Key} { // the source may have longer rows than the base
				if slices.Contains(e.Kind.Axes(), axis) {
					values = values.Select(axis, upTo(longest)...)
				}
			}
			one = one.Replace(part(values, one.Point))
		case len(e.Shape) == len(e.Kind.Axes()) && e.Shape[0] > 1: // values of every row
			n := len(e.Values) / e.Shape[0]
			one.Shape, one.Values = e.Shape[1:], e.Values[rank*n:(rank+1)*n]
		}
		one.Batch = []int{row}
		edits = append(edits, one)
	}
	return edits
}

// leaveOut makes the rows that a variant does not run NaN. The batch axis holds
// the rows of batch, or all.
func leaveOut(a *array.Array, v model.Variant, batch []int) *array.Array {
	if v.Rows == nil {
		return a
	}
	b := array.New(a.Axes()...)
	copy(b.Values(), a.Values())
	n := a.Shape()[0]
	for i := range n {
		row := i
		if batch != nil {
			row = batch[i]
		}
		if !runs(v, row) {
			part := b.Values()[i*len(b.Values())/n:][:len(b.Values())/n]
			for k := range part {
				part[k] = float32(math.NaN())
			}
		}
	}
	return b
}

// stack puts one array of each variant on top of each other.
func stack(parts []*array.Array) *array.Array {
	values := make([]float32, 0, len(parts)*len(parts[0].Values()))
	for _, p := range parts {
		values = append(values, p.Values()...)
	}
	return array.Of(values, append([]array.Axis{array.Dim(hook.Variant, len(parts))}, parts[0].Axes()...)...)
}
