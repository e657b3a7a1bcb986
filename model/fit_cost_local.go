//go:build !golens_cell

package model

import (
	"context"
	"slices"

	"github.com/golens/golens/model/internal/plan"
)

func init() { executes("cost of a fit", (*local).explainFit) }

func (l *local) explainFit(_ context.Context, e ExplainFit, _ string) (*FitCost, error) {
	t, err := e.Fit.resolve(l.config, l.answer)
	if err != nil {
		return nil, err
	}
	first := 0
	if t.windowed() {
		first = t.Window[0]
	}
	rows := t.rowsOf(first)
	b, kept := l.planBelow(t)
	c := &FitCost{Rows: len(rows), Steps: t.Steps}
	r, reads := t.measured(l.config, t.Base.pick(rows), rows)
	switch {
	case len(reads) == 0:
	case t.Edges != nil:
		p, err := l.planEdges(t, r, rows)
		if err != nil {
			return nil, err
		}
		step := p.ScoreCost(nil, 1, false)
		c.Blocks, c.FLOPs, c.Memory = step.Blocks, step.FLOPs, step.Memory
	default:
		may := allowed{base: true, source: t.Source.Rows != nil, free: true, own: true}
		if may.source {
			may.donors = lengths(t.Source.pick(rows).Rows)
		}
		job, _, err := r.jobWith(l.config, l.answer, may)
		if err != nil {
			return nil, err
		}
		job.From, job.Soft, job.Widest = t.lowest, true, b.widest()
		if b.past {
			for _, row := range rows {
				job.Starts = append(job.Starts, t.starts[row])
			}
		}
		step := l.engine.ExplainRun(job)
		c.Blocks, c.FLOPs, c.Memory = step.Blocks, step.FLOPs, step.Memory
	}
	for _, w := range b.wants {
		all := rows
		if kept {
			all = nil
			for i, f := range w.first {
				if f == i {
					all = append(all, i)
				}
			}
		}
		r := w.of.pick(all)
		r.Metrics, r.Captures, r.Budget = nil, slices.Clone(w.points), 1<<50
		for i, p := range w.points {
			r.Captures[i], _, _ = (picker{of: len(w.of.Rows), rows: all}).point(p)
		}
		job, _, err := r.job(l.config, l.answer)
		if err != nil {
			return nil, err
		}
		run := l.engine.ExplainRun(job)
		c.Below += run.FLOPs
		c.Memory = max(c.Memory, run.Memory-run.Kept)
	}
	if kept {
		c.Kept = b.bytes()
	}
	c.Memory += c.Kept
	for _, f := range t.Find {
		c.Memory += 4 * 4 * int64(product(t.free[f.Name])) // it, its gradient, and what Adam remembers
	}
	return c, nil
}

// planEdges is how a step of a fit of edges is done.
func (l *local) planEdges(t *fitting, r Request, rows []int) (*plan.Edges, error) {
	base := r.withoutGradients()
	base.Metrics = known(base.Metrics)
	job, err := t.Edges.Reference.pick(rows).job(l.config, base, l.encode)
	if err != nil {
		return nil, err
	}
	job.Base.GradOf = []int{0}
	p, _, err := l.engine.PlanEdges(job)
	return p, err
}
