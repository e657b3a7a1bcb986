//go:build !golens_cell

package model

import (
	"context"
	"runtime"
	"sync"

	"github.com/golens/golens/model/internal/exec"
	"github.com/golens/golens/model/internal/plan"
	"github.com/golens/golens/model/tally"
)

func init() { executes("tally", (*local).tally) }

// tally reduces activations in this process.
func (l *local) tally(ctx context.Context, t Tally, hash string) (*TallyResult, error) {
	job, err := t.job(l.config)
	if err != nil {
		return nil, err
	}
	return l.tallyChunks(ctx, t, job, 0, exec.AllChunks, hash)
}

// tallyChunks reduces activations of some chunks of the rows. Each processor has
// states of its own, which are merged in the end.
func (l *local) tallyChunks(ctx context.Context, t Tally, job plan.Job, from, until int, hash string) (*TallyResult, error) {
	done := 0
	job.Done = func(rows int) {
		done += rows
		report(ctx, done, len(job.Tokens))
	}
	free := make(chan []*tally.State, runtime.GOMAXPROCS(0))
	var all [][]*tally.State
	var mu sync.Mutex
	states := func() []*tally.State {
		select {
		case s := <-free:
			return s
		default:
		}
		mu.Lock()
		if len(all) == cap(free) {
			mu.Unlock()
			return <-free
		}
		defer mu.Unlock()
		s := make([]*tally.State, len(t.Reducers))
		for i, r := range t.Reducers {
			s[i] = r.New(t.units(l.config, r), t.groups(l.config, r))
		}
		all = append(all, s)
		return s
	}
	err := l.engine.Tally(ctx, job, from, until, func(i int, row plan.Row, values []float32) {
		s := states()
		defer func() { free <- s }()
		tokens := job.Tokens[row.Index]
		at := job.Captures[i].Pos.Of(row.Index, len(tokens))
		for k, r := range t.Reducers {
			if r.Point.Equal(job.Captures[i]) {
				r.Add(s[k], t.groupsOf(r, row.Index, tokens, at), values[:len(at)*s[k].Units], t.First+int64(row.Index), at)
			}
		}
	})
	if err != nil {
		return nil, err
	}
	if len(all) == 0 { // no row has what is asked for
		states()
	}
	res := l.tallyResult(t, all[0], hash)
	return res, res.mergeStates(all[1:])
}

// tallyResult is the result that has states.
func (l *local) tallyResult(t Tally, states []*tally.State, hash string) *TallyResult {
	res := &TallyResult{Reducers: t.Reducers, States: states, Rows: int64(len(t.Rows)), Provenance: l.info.Provenance()}
	res.Request = hash
	for _, row := range t.Rows {
		res.Tokens += int64(len(row))
	}
	return res
}

// mergeStates takes more states of the same rows into r.
func (r *TallyResult) mergeStates(more [][]*tally.State) error {
	for _, s := range more {
		for i, reducer := range r.Reducers {
			if err := reducer.Merge(r.States[i], s[i]); err != nil {
				return err
			}
		}
	}
	return nil
}

// groupsOf are the groups of positions of a row.
func (t Tally) groupsOf(r tally.Reducer, row int, tokens []int32, at []int) []int {
	groups := make([]int, len(at))
	for i, pos := range at {
		if r.Kind == tally.Grams {
			if groups[i] = -1; pos+1 >= r.N {
				groups[i] = int(tally.KeyOf(tokens[pos+1-r.N : pos+1]...))
			}
			continue
		}
		switch r.By {
		case tally.ByPosition:
			groups[i] = pos
		case tally.ByToken:
			groups[i] = int(tokens[pos])
		case tally.ByLabel:
			groups[i] = t.Labels[row]
		}
	}
	return groups
}
