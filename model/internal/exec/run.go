package exec

import (
	"context"
	"math"
	"sync"

	"github.com/golens/golens/model/array"
	"github.com/golens/golens/model/hook"
	"github.com/golens/golens/model/internal/place"
	"github.com/golens/golens/model/internal/plan"
)

// ExplainRun is what a job costs.
func (e *Engine) ExplainRun(job plan.Job) plan.PassCost {
	return plan.NewPass(e.machine(), job).PassCost()
}

// Run does a job. It stops with the context's error between two blocks.
func (e *Engine) Run(ctx context.Context, job plan.Job) (*Outcome, error) {
	return e.RunGiven(ctx, job, nil)
}

// RunGiven is [Engine.Run] with the values of free tensors of formulas.
func (e *Engine) RunGiven(ctx context.Context, job plan.Job, given Given) (*Outcome, error) {
	held, err := e.hold(job.Edits, given)
	if err != nil {
		return nil, err
	}
	defer held.release()
	b := plan.NewPass(e.machine().Under(job.Cut), job)
	out := &Outcome{Metrics: make([][]float64, len(job.Metrics)), Terms: make([][][]float64, len(job.Metrics))}
	for k := range job.Metrics {
		out.Metrics[k], out.Terms[k] = make([]float64, len(b.Lens)), make([][]float64, len(b.Lens))
	}
	answers := func(points []hook.Point) (all []*array.Array) {
		for _, p := range points {
			a := answer(b, p, b.Longest)
			if b.Ragged() {
				pad(a, p, b)
			}
			all = append(all, a)
		}
		return all
	}
	out.Captures = answers(job.Captures)
	for i, p := range job.Captures {
		if p.Value != "" { // is there only where it is labelled
			set(out.Captures[i].Values(), float32(math.NaN()))
		}
	}
	to := make([][]backTo, len(job.GradOf))
	for m := range to {
		for _, a := range answers(job.Grads) {
			out.Grads = append(out.Grads, a)
			to[m] = append(to[m], backTo{a.Values(), a.Shape()})
		}
	}
	w := &work{
		Engine: e, Batch: b, tokens: job.Tokens, captures: job.Captures, scratch: newScratch(e), held: held,
		base: leftBy(job.Below, job.Base), source: leftBy(job.Source),
		to: func(i int, _ plan.Row) ([]float32, []int) {
			return out.Captures[i].Values(), out.Captures[i].Shape()
		},
		metric: func(k int, r plan.Row, value float64, terms []float64) {
			out.Metrics[k][r.Index], out.Terms[k][r.Index] = value, terms
		},
	}
	defer w.scratch.close()
	defer w.soft.close()
	if job.From > 0 {
		into := hook.ResidPre(job.From)
		if job.From == e.Config.Layers {
			into = hook.ResidPost(job.From - 1)
		}
		w.base[into.ID] = job.Resid
	}
	group := b.Pass()
	weights := make([][][]float64, len(group.Chunks))
	var done sync.Mutex
	err = each(ctx, hook.UpTo(len(group.Chunks)), e.machine().Workers, func(ctx context.Context, i int) error {
		rows := group.Chunks[i]
		c := w.newChunk(group, rows)
		defer c.close()
		c.keeps = len(job.GradOf) > 0
		if c.keeps && job.Soft {
			c.insides = c.lowest()
		}
		if err := c.forward(ctx); err != nil {
			return err
		}
		if c.keeps {
			if err := c.backward(ctx, to); err != nil {
				return err
			}
		}
		done.Lock()
		defer done.Unlock()
		weights[i] = c.byTensor
		if job.Done != nil {
			job.Done(len(rows.Rows))
		}
		return nil
	})
	out.Weights = sumWeights(job, weights)
	return out, err
}

// sumWeights adds up what chunks have, in their order, so that the sum is the same
// every time.
func sumWeights(job plan.Job, chunks [][][]float64) (all [][]float64) {
	for range job.GradOf {
		for _, name := range job.Weigh {
			sum := make([]float64, sizeOf(job.Edits, name))
			for _, c := range chunks {
				if c != nil {
					for i, v := range c[len(all)] {
						sum[i] += v
					}
				}
			}
			all = append(all, sum)
		}
	}
	return all
}

// sizeOf is how many values a tensor of formulas has.
func sizeOf(edits []hook.Edit, name string) int {
	for _, e := range edits {
		for _, s := range e.Formula.Tensors() {
			if s.Name == name {
				return place.Size(s.Shape)
			}
		}
	}
	return 0
}
