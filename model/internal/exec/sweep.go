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

// Explain is the plan of a sweep.
func (e *Engine) Explain(job plan.Sweep) (SweepPlan, error) {
	_, p, err := e.newSweep(job).plan()
	return p, err
}

// Sweep does a sweep. It stops with the context's error between two blocks, and
// gives what it has. If that is given as before to the same job, it goes on from
// there.
func (e *Engine) Sweep(ctx context.Context, job plan.Sweep, before *SweepOutcome) (*SweepOutcome, error) {
	s := e.newSweep(job)
	groups, p, err := s.plan()
	if err != nil {
		return nil, err
	}
	defer s.scratch.close()
	s.out = &SweepOutcome{Plan: p}
	if err := s.runBase(ctx); err != nil {
		return before, err
	}
	s.answers()
	left := p.Rows
	for _, v := range s.variants {
		left -= len(v.rows)
	}
	done := func(int) {}
	if job.Done != nil {
		done = job.Done
	}
	done(-left) // rows that nothing changes are done
	var chunks []*work
	for _, g := range groups {
		for _, c := range g.chunks {
			chunks = append(chunks, &work{sweep: s, group: g, courses: c, batch: g.batch, index: len(chunks)})
		}
	}
	s.out.finished = make([]bool, len(chunks))
	if before != nil {
		s.out.Metrics, s.out.Captures, s.out.finished = before.Metrics, before.Captures, before.finished
	}
	chunks = slices.DeleteFunc(chunks, func(w *work) bool {
		if s.out.finished[w.index] {
			done(len(w.courses))
		}
		return s.out.finished[w.index]
	})
	var mu sync.Mutex
	return s.out, each(ctx, chunks, e.workers(), func(ctx context.Context, w *work) error {
		if err := w.run(ctx); err != nil {
			return err
		}
		mu.Lock()
		defer mu.Unlock()
		s.out.finished[w.index] = true
		done(len(w.courses))
		return nil
	})
}

// runBase does the base and the source run and keeps what the groups need.
func (s *sweep) runBase(ctx context.Context) error {
	keepOf := func(job plan.Job, ids []hook.Point, more []hook.Point) (*Outcome, map[hook.ID]*array.Array, []*array.Array, error) {
		asked := len(job.Captures)
		job.Captures = slices.Concat(job.Captures, ids, more)
		job.Most = s.rows
		out, err := s.Run(ctx, job)
		if err != nil {
			return nil, nil, nil, err
		}
		kept := map[hook.ID]*array.Array{}
		for i, p := range ids {
			kept[p.ID] = out.Captures[asked+i]
		}
		rest := out.Captures[asked+len(ids):]
		out.Captures = out.Captures[:asked]
		return out, kept, rest, nil
	}
	var err error
	base := s.job.Base
	base.Until = s.Config.Layers
	if s.out.Base, s.base, s.copies, err = keepOf(base, s.needs.base, s.job.Captures); err != nil || s.job.Source == nil {
		return err
	}
	source := *s.job.Source
	source.Until = s.until()
	s.out.Source, s.source.kept, _, err = keepOf(source, s.needs.source, nil)
	return err
}

// until is how many blocks the source runs: up to the last that somebody reads.
func (s *sweep) until() int {
	if len(s.job.Source.Metrics) > 0 {
		return s.Config.Layers
	}
	n := 0
	for _, p := range slices.Concat(s.job.Source.Kept(), s.needs.source) {
		switch {
		case finals[p.Kind]:
			return s.Config.Layers
		case !p.Kind.Global():
			n = max(n, p.Layer+1)
		}
	}
	return n
}

// answers makes the arrays of the answer, filled with what the base run has.
func (s *sweep) answers() {
	for _, m := range s.out.Base.Metrics {
		all := make([][]float64, len(s.variants))
		for v := range all {
			all[v] = make([]float64, len(s.lens))
			for r := range all[v] {
				all[v][r] = math.NaN()
			}
			for _, r := range s.variants[v].rows {
				all[v][r] = m[r]
			}
		}
		s.out.Metrics = append(s.out.Metrics, all)
	}
	for i, p := range s.job.Captures {
		a := s.answerOf(p)
		one := s.copies[i].Values()
		rowLen := len(one) / s.copies[i].Shape()[0]
		for v := range s.variants {
			to := a.Values()[v*len(one):][:len(one)]
			for rank := range len(one) / rowLen {
				row := rank
				if p.Batch != nil {
					row = p.Batch[rank]
				}
				if slices.Contains(s.variants[v].rows, row) {
					copy(to[rank*rowLen:], one[rank*rowLen:][:rowLen])
				} else {
					copy(to[rank*rowLen:][:rowLen], filled(rowLen, float32(math.NaN())))
				}
			}
		}
		s.out.Captures = append(s.out.Captures, a)
	}
}
