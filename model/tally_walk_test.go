//go:build !golens_cell

package model_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/golens/golens/model"
	"github.com/golens/golens/model/modeltest"
)

// elsewhere is a runner that deals: it answers nothing before it was asked so often at
// a time.
type elsewhere struct {
	model.Runner
	want, asked int32
	all         chan struct{}
	alone       atomic.Bool // an ask waited for the others in vain
}

func (e *elsewhere) Info() model.Info {
	i := e.Runner.Info()
	i.Dealt = true
	return i
}

func (e *elsewhere) Do(ctx context.Context, ask model.Ask) (any, error) {
	if atomic.AddInt32(&e.asked, 1) == e.want {
		close(e.all)
	}
	select {
	case <-e.all:
	case <-time.After(time.Minute):
		e.alone.Store(true)
	}
	return e.Runner.Do(ctx, ask)
}

// Where others compute, a walk asks for its next parts before the first is there, and
// gives what it gives here.
func TestWalksAskAhead(t *testing.T) {
	runner, err := model.OpenLocal(t.Context(), modeltest.Dir())
	if err != nil {
		t.Fatal(err)
	}
	here := model.New(runner)
	rows := make([]model.TallyRow, 0, 4096)
	for _, row := range corpus(here.Config().Vocab, 16, 3) {
		for len(row.Tokens) < 16 {
			row.Tokens = append(row.Tokens, row.Tokens...)
		}
		row.Tokens = row.Tokens[:16]
		for range 256 { // 65,536 tokens: four parts
			rows = append(rows, row)
		}
	}
	ask := tallyOf()
	ask.Positions, ask.Reducers = 16, ask.Reducers[2:3]
	want, err := here.TallyOver(t.Context(), ask, each(rows), nil)
	if err != nil {
		t.Fatal(err)
	}
	far := &elsewhere{Runner: runner, want: 4, all: make(chan struct{})}
	got, err := model.New(far).TallyOver(t.Context(), ask, each(rows), nil)
	if err != nil {
		t.Fatal(err)
	}
	if far.alone.Load() {
		t.Error("a part was not asked for before the one before it was there")
	}
	if far.asked != 4 || got.Rows != want.Rows {
		t.Errorf("asked %d times for %d rows of %d", far.asked, got.Rows, want.Rows)
	}
	if err := modeltest.SameTally(want, got); err != nil {
		t.Error(err)
	}
}
