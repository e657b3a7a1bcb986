package model

import (
	"slices"

	"github.com/golens/golens/model/formula"
	"github.com/golens/golens/model/hook"
)

// pick is the request of some of its rows, in that order, which must not be padded.
// Edits of other rows alone are left out.
func (r Request) pick(rows []int) Request {
	p := picker{of: len(r.Rows), rows: rows}
	all := r
	r.Rows, r.Edits, r.Metrics = nil, nil, nil
	for _, row := range rows {
		r.Rows = append(r.Rows, all.Rows[row])
	}
	for _, e := range all.Edits {
		if e, ok := p.edit(e); ok {
			r.Edits = append(r.Edits, e)
		}
	}
	for _, m := range all.Metrics {
		m.At, m.Answer, m.Wrong = p.positions(m.At), p.choice(m.Answer), p.choice(m.Wrong)
		if m.Reference != nil {
			m.Reference = m.Reference.Select(hook.Batch, rows...)
		}
		if m.Kind == KindLinear {
			m.Functional, _ = p.edit(m.Functional)
		}
		r.Metrics = append(r.Metrics, m)
	}
	return r
}

// picker takes some of so many rows.
type picker struct {
	of   int
	rows []int
}

func (p picker) positions(at hook.Positions) hook.Positions {
	at.Rows = perRow(p, at.Rows)
	return at
}

// perRow are the entries of the rows, where there is one for each.
func perRow[T any](p picker, all []T) []T {
	if len(all) < 2 || len(all) != p.of {
		return all
	}
	some := make([]T, len(p.rows))
	for i, row := range p.rows {
		some[i] = all[row]
	}
	return some
}

func (p picker) choice(c Choice) Choice {
	return Choice{Texts: perRow(p, c.Texts), IDs: perRow(p, c.IDs), Sets: perRow(p, c.Sets)}
}

// point is the same part of the rows that are left; ok is false if it selects none
// of them. ranks are, of each that it selects, its place among those before.
func (p picker) point(q hook.Point) (_ hook.Point, ranks []int, ok bool) {
	q.Pos = p.positions(q.Pos)
	if q.Batch == nil {
		return q, p.rows, true
	}
	var batch []int
	for i, row := range p.rows {
		if rank := slices.Index(q.Batch, row); rank >= 0 {
			batch, ranks = append(batch, i), append(ranks, rank)
		}
	}
	q.Batch = batch
	return q, ranks, len(batch) > 0
}

func (p picker) edit(e hook.Edit) (hook.Edit, bool) {
	point, ranks, ok := p.point(e.Point)
	e.Point = point
	if axes := len(e.Kind.Axes()); e.Value == "" && len(e.Shape) == axes && axes > 0 && e.Shape[0] > 1 { // values of every row
		n := len(e.Values) / e.Shape[0]
		values := make([]float32, 0, n*len(ranks))
		for _, rank := range ranks {
			values = append(values, e.Values[rank*n:][:n]...)
		}
		e.Shape, e.Values = slices.Clone(e.Shape), values
		e.Shape[0] = len(ranks)
	}
	if e.Op == hook.OpCompute {
		e.Formula.Steps = slices.Clone(e.Formula.Steps)
		for i, s := range e.Formula.Steps {
			if s.Op == formula.OpBase || s.Op == formula.OpSource {
				e.Formula.Steps[i].Rows = perRow(p, s.Rows)
			}
		}
	}
	return e, ok
}
