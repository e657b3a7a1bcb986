package exec

import (
	"context"
	"sync"

	"github.com/golens/golens/model/array"
	"github.com/golens/golens/model/hook"
	"github.com/golens/golens/model/internal/plan"
)

// ExplainRun is what a job costs.
func (e *Engine) ExplainRun(job plan.Job) plan.PassCost {
	return plan.NewPass(e.machine(), job).PassCost()
}

// Run does a job. It stops with the context's error between two blocks.
func (e *Engine) Run(ctx context.Context, job plan.Job) (*Outcome, error) {
	b := plan.NewPass(e.machine(), job)
	out := &Outcome{Metrics: make([][]float64, len(job.Metrics)), Terms: make([][][]float64, len(job.Metrics))}
	for k := range job.Metrics {
		out.Metrics[k], out.Terms[k] = make([]float64, len(b.Lens)), make([][]float64, len(b.Lens))
	}
	answers := func(points []hook.Point) (all []*array.Array) {
		for _, p := range points {
			a := answer(e.Config, p, len(b.Lens), b.Longest)
			if b.Ragged() {
				pad(a, p, b)
			}
			all = append(all, a)
		}
		return all
	}
	out.Captures = answers(job.Captures)
	to := make([][]backTo, len(job.GradOf))
	for m := range to {
		for _, a := range answers(job.Grads) {
			out.Grads = append(out.Grads, a)
			to[m] = append(to[m], backTo{a.Values(), a.Shape()})
		}
	}
	w := &work{
		Engine: e, Batch: b, tokens: job.Tokens, captures: job.Captures, scratch: newScratch(e),
		to: func(i int, _ plan.Row) ([]float32, []int) {
			return out.Captures[i].Values(), out.Captures[i].Shape()
		},
		metric: func(k int, r plan.Row, value float64, terms []float64) {
			out.Metrics[k][r.Index], out.Terms[k][r.Index] = value, terms
		},
	}
	defer w.scratch.close()
	if job.From > 0 {
		into := hook.ResidPre(job.From)
		if job.From == e.Config.Layers {
			into = hook.ResidPost(job.From - 1)
		}
		w.base = map[hook.ID]*array.Array{into.ID: job.Resid}
	}
	group := b.Pass()
	var done sync.Mutex
	return out, each(ctx, group.Chunks, b.Workers, func(ctx context.Context, rows plan.Chunk) error {
		c := w.newChunk(group, rows)
		defer c.close()
		c.keeps = len(job.GradOf) > 0
		if err := c.forward(ctx); err != nil {
			return err
		}
		if c.keeps {
			if err := c.backward(ctx, to); err != nil {
				return err
			}
		}
		if job.Done != nil {
			done.Lock()
			defer done.Unlock()
			job.Done(len(rows.Rows))
		}
		return nil
	})
}
