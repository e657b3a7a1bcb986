package exec

import (
	"context"
	"math"
	"slices"
	"sync"

	"github.com/golens/golens/model/array"
	"github.com/golens/golens/model/hook"
	"github.com/golens/golens/model/internal/plan"
)

// A SweepOutcome is what a sweep gave.
type SweepOutcome struct {
	Base, Source *Outcome
	Metrics      [][][]float64  // [metric][variant][row]
	Captures     []*array.Array // [variant, batch, ...]
	Plan         plan.Cost
	finished     []bool // chunks, in the order of the plan
}

// sweep is a sweep at work.
type sweep struct {
	*work
	out    *SweepOutcome
	copies []*array.Array // of the sweep's captures, of the base run
}

// Explain is what a sweep costs.
func (e *Engine) Explain(job plan.Sweep) (plan.Cost, error) {
	_, cost, err := plan.NewBatch(e.machine(), job).Sweep()
	return cost, err
}

// part is a chunk of a sweep's plan.
type part struct {
	group *plan.Group
	rows  plan.Chunk
	index int // among all chunks
}

// newSweep plans a sweep.
func (e *Engine) newSweep(job plan.Sweep) (s *sweep, parts []part, err error) {
	b := plan.NewBatch(e.machine().Under(job.Base.Cut), job)
	groups, cost, err := b.Sweep()
	if err != nil {
		return nil, nil, err
	}
	s = &sweep{work: &work{Engine: e, Batch: b, tokens: job.Base.Tokens, captures: job.Captures, scratch: newScratch(e)}, out: &SweepOutcome{Plan: cost}}
	s.to, s.metric = s.place, s.measured
	for _, g := range groups {
		for _, c := range g.Chunks {
			parts = append(parts, part{g, c, len(parts)})
		}
	}
	return s, parts, nil
}

// open brings what chunks need; close gives it back.
func (s *sweep) open() (err error) {
	s.held, err = s.hold(s.Edits(), nil)
	return err
}

func (s *sweep) close() {
	s.held.release()
	s.scratch.close()
}

// run does a chunk.
func (s *sweep) run(ctx context.Context, p part) error {
	c := s.newChunk(p.group, p.rows)
	defer c.close()
	return c.forward(ctx)
}

// Sweep does a sweep. It stops with the context's error between two blocks, and
// gives what it has. If that is given as before to the same job, it goes on from
// there.
func (e *Engine) Sweep(ctx context.Context, job plan.Sweep, before *SweepOutcome) (*SweepOutcome, error) {
	s, parts, err := e.newSweep(job)
	if err != nil {
		return nil, err
	}
	if err := s.open(); err != nil {
		return nil, err
	}
	defer s.close()
	if err := s.runBase(ctx); err != nil {
		return before, err
	}
	s.answers()
	done := func(int) {}
	if job.Done != nil {
		done = job.Done
	}
	done(s.out.Plan.Same)
	s.out.finished = make([]bool, len(parts))
	if before != nil {
		s.out.Metrics, s.out.Captures, s.out.finished = before.Metrics, before.Captures, before.finished
	}
	parts = slices.DeleteFunc(parts, func(p part) bool {
		if s.out.finished[p.index] {
			done(len(p.rows.Rows))
		}
		return s.out.finished[p.index]
	})
	var mu sync.Mutex
	return s.out, each(ctx, parts, s.Workers, func(ctx context.Context, p part) error {
		if err := s.run(ctx, p); err != nil {
			return err
		}
		mu.Lock()
		defer mu.Unlock()
		s.out.finished[p.index] = true
		done(len(p.rows.Rows))
		return nil
	})
}

// runBase does the base and the source run and keeps what the groups need.
func (s *sweep) runBase(ctx context.Context) error {
	run := func(job plan.Job, needs, more []hook.Point) (*Outcome, map[hook.ID]*array.Array, []*array.Array, error) {
		asked := len(job.Captures)
		job.Captures = slices.Concat(job.Captures, needs)
		for _, p := range more {
			if s.BaseLabels(p) {
				job.Captures = append(job.Captures, p)
			}
		}
		job.Most, job.Common = s.Most, true
		out, err := s.Run(ctx, job)
		if err != nil {
			return nil, nil, nil, err
		}
		kept := map[hook.ID]*array.Array{}
		for i, p := range needs {
			kept[p.ID] = out.Captures[asked+i]
		}
		rest := out.Captures[asked+len(needs):]
		out.Captures = out.Captures[:asked]
		return out, kept, rest, nil
	}
	var err error
	base := s.Job.Base
	base.Until = s.BaseUntil()
	if s.out.Base, s.base, s.copies, err = run(base, s.Needs.Base, s.Job.Captures); err != nil {
		return err
	}
	s.terms = s.out.Base.Terms
	if s.Job.Source == nil {
		return nil
	}
	source := *s.Job.Source
	source.Until = s.SourceUntil()
	s.out.Source, s.source, _, err = run(source, s.Needs.Source, nil)
	return err
}

// answers makes the arrays of the answer, filled with what the base run has.
func (s *sweep) answers() {
	nan := math.NaN()
	for _, m := range s.out.Base.Metrics {
		all := make([][]float64, len(s.Variants))
		for v := range all {
			all[v] = slices.Repeat([]float64{nan}, len(s.Lens))
			for _, r := range s.Variants[v].Rows {
				all[v][r] = m[r]
			}
		}
		s.out.Metrics = append(s.out.Metrics, all)
	}
	for i, p := range s.captures {
		if !s.BaseLabels(p) { // each variant its own
			one := answer(s.Batch, p, s.Longest)
			set(one.Values(), float32(nan))
			s.copies = slices.Insert(s.copies, i, one)
		}
		one := s.copies[i]
		axes := append([]array.Axis{array.Dim(hook.Variant, len(s.Variants))}, one.Axes()...)
		a := array.New(axes...).Named(one.Title(), "")
		set(a.Values(), float32(nan))
		rowLen := len(one.Values()) / one.Shape()[0]
		for v := range s.Variants {
			to := a.Values()[v*len(one.Values()):]
			for _, r := range s.Variants[v].Rows {
				if rank, ok := p.Selects(r); ok {
					copy(to[rank*rowLen:][:rowLen], one.Values()[rank*rowLen:])
				}
			}
		}
		s.out.Captures = append(s.out.Captures, a)
	}
}

// place is where a capture of a row goes: to its variant.
func (s *sweep) place(i int, r plan.Row) ([]float32, []int) {
	n := len(s.copies[i].Values())
	return s.out.Captures[i].Values()[r.Variant*n:][:n], s.copies[i].Shape()
}

func (s *sweep) measured(k int, r plan.Row, value float64, _ []float64) {
	s.out.Metrics[k][r.Variant][r.Index] = value
}
