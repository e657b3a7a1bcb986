//go:build !golens_cell

package model

import (
	"context"
	"fmt"
	"sync"

	"github.com/golens/golens/model/array"
	"github.com/golens/golens/model/hook"
	"github.com/golens/golens/model/internal/exec"
	"github.com/golens/golens/model/internal/plan"
)

func init() {
	executes("sweep", (*local).sweep)
	executes("explain", (*local).explain)
}

// sweep runs a sweep in this process. The last one that was cancelled goes on
// where it stopped if it is asked for again.
func (l *local) sweep(ctx context.Context, s Sweep, hash string) (*SweepResult, error) {
	job, left, err := s.job(l.config, l.answer)
	if err != nil {
		return nil, err
	}
	done, total := 0, 0
	for _, v := range job.Variants {
		if total += len(v.Rows); v.Rows == nil {
			total += len(job.Base.Tokens)
		}
	}
	job.Done = func(rows int) {
		done += rows
		report(ctx, done, total)
	}
	out, err := l.engine.Sweep(ctx, job, l.left.take(hash))
	if err != nil {
		if ctx.Err() != nil {
			l.left.put(hash, out)
		}
		return nil, err
	}
	base, source, err := l.baseResults(s, job, left, out.Base, out.Source, hash)
	if err != nil {
		return nil, err
	}
	return l.sweepResult(s, left, base, source, out, hash), nil
}

// baseResults are what the base and the source run of a sweep gave.
func (l *local) baseResults(s Sweep, job plan.Sweep, left []int, base, source *exec.Outcome, hash string) (b, from *Result, err error) {
	if b, err = l.result(s.Base, job.Base, left, base, hash); err != nil || job.Source == nil {
		return b, nil, err
	}
	_, sourceLeft, _ := strip(s.Source) // checked with the job
	from, err = l.result(s.Source, *job.Source, sourceLeft, source, hash)
	return b, from, err
}

// sweepResult gives the arrays of a sweep their axes.
func (l *local) sweepResult(s Sweep, left []int, base, source *Result, out *exec.SweepOutcome, hash string) *SweepResult {
	res := &SweepResult{Base: base, Source: source, Provenance: l.info.Provenance(), Plan: planOf(s, out.Plan)}
	res.Request = hash
	axis := array.Dim(hook.Variant, len(s.Variants))
	names := make([]string, len(s.Variants))
	for i, v := range s.Variants {
		if names[i] = v.Name; v.Name != "" {
			axis.Labels = names
		}
	}
	for i, m := range s.Base.Metrics {
		var values []float32
		for _, rows := range out.Metrics[i] {
			for _, v := range rows {
				values = append(values, float32(v))
			}
		}
		res.Metrics = append(res.Metrics, array.Of(values, axis, array.Dim(hook.Batch, len(s.Base.Rows))).Named(m.String(), m.Unit()))
	}
	for i, p := range s.Captures {
		a := shiftEach(out.Captures[i], p, left, s.Base)
		if axis.Labels != nil {
			a = a.Label(hook.Variant, names)
		}
		res.Captures = append(res.Captures, Captured{Point: p, Array: a})
	}
	return res
}

// shiftEach is shift for every variant of an array [variant, batch, ...].
func shiftEach(a *array.Array, p hook.Point, left []int, r Request) *array.Array {
	if r.Mask == nil {
		return a
	}
	var values []float32
	var one *array.Array
	for v := range a.Dim(hook.Variant) {
		one = shift(a.Pick(hook.Variant, v), p, left, r)
		values = append(values, one.Values()...)
	}
	return array.Of(values, append([]array.Axis{a.Axes()[0]}, one.Axes()...)...).Named(a.Title(), a.Unit())
}

// explain is the plan of a sweep.
func (l *local) explain(_ context.Context, e Explain, _ string) (*Plan, error) {
	s := e.Sweep
	job, _, err := s.job(l.config, l.answer)
	if err != nil {
		return nil, err
	}
	plan, err := l.engine.Explain(job)
	if err != nil {
		return nil, fmt.Errorf("explain: %w", err)
	}
	p := planOf(s, plan)
	return &p, nil
}

func planOf(s Sweep, c plan.Cost) Plan {
	p := Plan{Variants: len(s.Variants), Rows: c.Rows, Same: c.Same, FLOPs: c.FLOPs, Base: c.Base, Naive: c.Naive, Memory: c.Memory}
	for _, g := range c.Groups {
		p.Groups = append(p.Groups, PlanGroup(g))
	}
	return p
}

// leftover is what the last cancelled sweep left.
type leftover struct {
	mu   sync.Mutex
	hash string
	out  *exec.SweepOutcome
}

// take gives what the sweep of that hash left, once: its arrays go on to be
// written. Another sweep's is forgotten when the next one is cancelled.
func (l *leftover) take(hash string) *exec.SweepOutcome {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.hash != hash {
		return nil
	}
	out := l.out
	l.hash, l.out = "", nil
	return out
}

func (l *leftover) put(hash string, out *exec.SweepOutcome) {
	if out == nil {
		return // cancelled before anything was done
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.hash, l.out = hash, out
}
