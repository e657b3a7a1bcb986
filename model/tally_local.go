//go:build !golens_cell

package model

import (
	"context"
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

// tallyChunks reduces activations of some chunks of the rows, whichever chunk they come
// from into one state for each reducer.
func (l *local) tallyChunks(ctx context.Context, t Tally, job plan.Job, from, until int, hash string) (*TallyResult, error) {
	done := 0
	job.Done = func(rows int) {
		done += rows
		report(ctx, done, len(job.Tokens))
	}
	states, adders := make([]*tally.State, len(t.Reducers)), make([]*tally.Adder, len(t.Reducers))
	groups := make([]func(row int, tokens []int32, at []int) []int, len(t.Reducers))
	locks := make([]sync.Mutex, len(t.Reducers))
	for i, r := range t.Reducers {
		states[i], groups[i] = r.New(t.units(l.config, r), t.groups(l.config, r)), t.groupsOf(r)
		adders[i] = r.Adder(states[i])
	}
	err := l.engine.Tally(ctx, job, from, until, func(i int, row plan.Row, values []float32) {
		tokens := job.Tokens[row.Index]
		at := job.Captures[i].Pos.Of(row.Index, len(tokens))
		for k, r := range t.Reducers {
			if !r.Point.Equal(job.Captures[i]) {
				continue
			}
			into := groups[k](row.Index, tokens, at)
			locks[k].Lock()
			adders[k].Add(into, values, t.First+int64(row.Index), at)
			locks[k].Unlock()
		}
	})
	if err != nil {
		return nil, err
	}
	for _, a := range adders {
		a.Close()
	}
	return l.tallyResult(t, states, hash), nil
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

// groupsOf gives the groups of positions of a row for a reducer, below 0 for those that
// are left out.
func (t Tally) groupsOf(r tally.Reducer) func(row int, tokens []int32, at []int) []int {
	of := func(row int, tokens []int32, pos int) int { return 0 }
	switch {
	case r.Kind == tally.Grams:
		of = func(_ int, tokens []int32, pos int) int {
			if pos+1 < r.N {
				return -1
			}
			return int(tally.KeyOf(tokens[pos+1-r.N : pos+1]...))
		}
	case r.By == tally.ByPosition:
		of = func(_ int, _ []int32, pos int) int { return pos }
	case r.By == tally.ByToken && r.Tokens != nil:
		rank := make(map[int32]int, len(r.Tokens))
		for i, id := range r.Tokens {
			rank[id] = i
		}
		of = func(_ int, tokens []int32, pos int) int {
			if i, ok := rank[tokens[pos]]; ok {
				return i
			}
			return -1
		}
	case r.By == tally.ByToken:
		of = func(_ int, tokens []int32, pos int) int { return int(tokens[pos]) }
	case r.By == tally.ByLabel:
		of = func(row int, _ []int32, _ int) int { return t.Labels[row] }
	}
	return func(row int, tokens []int32, at []int) []int {
		groups := make([]int, len(at))
		for i, pos := range at {
			groups[i] = of(row, tokens, pos)
		}
		return groups
	}
}
