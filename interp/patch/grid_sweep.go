package patch

import (
	"slices"

	"github.com/golens/golens/model"
	"github.com/golens/golens/model/array"
	"github.com/golens/golens/model/hook"
)

// variants are one per cell, with an edit at each of its points.
func (g grid) variants(edit func(hook.Point) hook.Edit) []model.Variant {
	all := make([]model.Variant, len(g.cells))
	for i, c := range g.cells {
		v := model.Variant{Name: c.set.String(), Rows: c.rows}
		for _, p := range c.set.Points {
			v.Edits = append(v.Edits, edit(p))
		}
		all[i] = v
	}
	return all
}

// effects are the raw metrics of a sweep whose variants are the cells.
func (g grid) effects(run *model.SweepResult, metric model.Metric, d Direction) Effects {
	e := Effects{metric: metric, direction: d, runs: d.runs(), Plans: Plans{run.Plan}, Base: perSample(run.Base)}
	if run.Source != nil && len(run.Source.Metrics) > 0 {
		e.Other = perSample(run.Source)
	}
	e.Metric = g.empty(e.Base.Shape()[0])
	rows := run.PerRow(0)
	for i, c := range g.cells {
		g.put(e.Metric, c.at, func(sample int) float32 { return rows.Values()[i*rows.Shape()[1]+sample] })
	}
	return e
}

// empty is samples of which none is known [sample, ...].
func (g grid) empty(samples int) *array.Array {
	return unset(slices.Concat([]array.Axis{array.Dim("sample", samples)}, g.axes)...)
}

// put sets a value of every sample.
func (g grid) put(to *array.Array, at int, value func(sample int) float32) {
	n := to.Shape()[0]
	size := len(to.Values()) / n
	for s := range n {
		to.Values()[s*size+at] = value(s)
	}
}

// perSample is the first metric of a run, each row a sample.
func perSample(r *model.Result) *array.Array { return r.PerRow(0).Rename("sample") }
