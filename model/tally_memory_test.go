//go:build !golens_cell

package model_test

import (
	"runtime"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	"github.com/golens/golens/model"
	"github.com/golens/golens/model/modeltest"
)

// heldBy is the most that the collector finds alive while f runs, beyond what was alive
// before, in bytes.
func heldBy(f func()) int {
	defer debug.SetGCPercent(debug.SetGCPercent(3))
	runtime.GC() // a pool is emptied by the second collection
	runtime.GC()
	alive, most := heapAlive(), 0
	stop, stopped := make(chan bool), make(chan bool)
	go func() {
		defer close(stopped)
		for {
			select {
			case <-stop:
				return
			case <-time.After(time.Millisecond):
				most = max(most, heapAlive())
			}
		}
	}()
	f()
	close(stop)
	<-stopped
	return most - alive
}

// A walk over twice the corpus holds as much as one over the half of it, and about as
// much as was said beforehand. One worker: of two the peaks may fall together or not.
func TestTallyMemoryIsFlat(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	m, err := model.Open(modeltest.Random(t, modeltest.Shape{Name: "wide", Layers: 1, Heads: 2, DModel: 32, DMLP: 512, Vocab: ids, Context: 128}, 1))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(m.Info().Backend, "go") {
		t.Skip("counts the collector's heap, in which the Go engine's values lie")
	}
	ask := firing(1, true)
	walk := func(n int) int {
		rows := make([]model.TallyRow, n)
		for i, row := range randomRows(n, 128, 5) {
			rows[i].Tokens = row
		}
		ask.Of = n
		return heldBy(func() {
			got, err := m.TallyOver(t.Context(), ask, each(rows), nil)
			if err != nil || got.Tokens != int64(n*128) {
				t.Errorf("%v (%v)", got, err)
			}
		})
	}
	walk(32) // compiles
	short, long := walk(192), walk(384)
	plan := ask
	plan.Rows = randomRows(128, 128, 5) // of which a walk takes so many at a time
	want, err := m.ExplainTally(plan)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("192 rows hold %.1f MB, 384 rows %.1f MB; predicted are %.1f MB, of which states %.1f MB", float64(short)/1e6, float64(long)/1e6, float64(want.Memory)/1e6, float64(want.Kept)/1e6)
	if r := float64(long) / float64(short); r > 1.1 {
		t.Errorf("twice the rows hold %.2f times as much", r)
	}
	if r := float64(long) / float64(want.Memory); r < 0.6 || r > 1.1 {
		t.Errorf("what is held is %.2f times what was predicted", r)
	}
	if _, err := m.ExplainTally(model.Tally{}); err == nil {
		t.Error("a tally of nothing has a cost")
	}
}
