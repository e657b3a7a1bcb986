//go:build !golens_cell

package model_test

import (
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"testing"

	"github.com/golens/golens/model"
	"github.com/golens/golens/model/internal/backend"
	"github.com/golens/golens/model/modeltest"
)

// heldWhile is what is alive at each of the times that f calls its argument, beyond what was
// alive before, in bytes. No collection runs between them, so that whatever was freed
// into a pool since is there, as it is for work between two collections.
func heldWhile(f func(look func())) (held []int) {
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	runtime.GC() // a pool is emptied by the second collection
	runtime.GC()
	before := heapAlive()
	f(func() {
		runtime.GC()
		held = append(held, heapAlive()-before)
	})
	return held
}

// A walk over twice the corpus holds as much as one over the half of it, and as much as
// was said beforehand. One worker: of two the peaks may fall together or not.
func TestTallyMemoryIsFlat(t *testing.T) {
	if testing.Short() {
		t.Skip("-short is for the race detector, under which pools drop what they like")
	}
	if !modeltest.Alone(t, "GOMAXPROCS=1") { // what other tests hold is freed when it likes
		return
	}
	const length = 128
	for _, shape := range []modeltest.Shape{
		{Name: "wide", Layers: 1, Heads: 2, DModel: 16, DMLP: 640, Vocab: ids, Context: length},
		{Name: "of many heads", Layers: 2, Heads: 8, DModel: 32, DMLP: 128, Vocab: ids, Context: length},
	} {
		m, err := model.Open(modeltest.Random(t, shape, 1))
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(m.Info().Backend, "go") {
			t.Skip("counts the collector's heap, in which the Go engine's values lie")
		}
		walk := firing(shape.Layers, true)
		walk.Rows = randomRows(tallied, length, 5) // of which a walk takes so many at a time
		walk.Of = 3 * tallied
		want, err := m.ExplainTally(walk)
		if err != nil {
			t.Fatal(err)
		}
		said, given := float64(want.Memory)/1e6, 4*want.Rows/want.Chunks*length*shape.DMLP
		walk.Rows = nil
		var held []float64
		for range 4 { // in which order a graph's products run, and so how many buffers there are, is left to the scheduler
			held = heldByParts(t, m, walk, given)
			t.Logf("%s: held in each part %.2f MB; predicted are %.2f MB, of which states %.2f MB", shape.Name, held, said, float64(want.Kept)/1e6)
			if slices.Min(held) >= 0.9*said && slices.Max(held) <= 1.1*said {
				break
			}
		}
		if r := held[1] / held[0]; r > 1.2 {
			t.Errorf("%s: a part behind holds %.2f times as much", shape.Name, r)
		}
		if slices.Min(held) < 0.9*said || slices.Max(held) > 1.1*said {
			t.Errorf("%s: what is held is %.2f MB, predicted were %.2f", shape.Name, held, said)
		}
		if _, err := m.ExplainTally(model.Tally{}); err == nil {
			t.Error("a tally of nothing has a cost")
		}
	}
}

// heldByParts is what a walk over three parts of a corpus holds in the middle of the second
// and of the third, when there is a total, in MB: what the last block gave, given bytes, was
// freed a moment before, and was held as long as it was reduced.
func heldByParts(t *testing.T, m *model.Model, walk model.Tally, given int) (held []float64) {
	t.Helper()
	for _, n := range heldWhile(func(look func()) {
		rows := make([]model.TallyRow, walk.Of)
		for i, row := range randomRows(len(rows), 128, 5) {
			rows[i].Tokens = row
		}
		ctx := model.WithProgress(t.Context(), func(done, of int) {
			if done > tallied && done%tallied == tallied/2 {
				look()
			}
		})
		got, err := m.TallyOver(ctx, walk, each(rows), nil)
		if err != nil || got.Tokens != int64(len(rows)*128) {
			t.Errorf("%v (%v)", got, err)
		}
	}) {
		held = append(held, float64(n+given)/1e6)
	}
	if len(held) != 2 {
		t.Fatalf("%d parts were looked at, of 2", len(held))
	}
	return held
}

// tallied are the rows of 128 tokens that a walk takes at a time.
const tallied = 128

// BenchmarkTallyWalk walks over two lengths of a corpus, as BenchmarkTally counts: what a
// token costs and what the process holds at most depend on neither.
func BenchmarkTallyWalk(b *testing.B) {
	m, err := model.Open(modeltest.Random(b, modeltest.GPT2Small, 1))
	if err != nil {
		b.Fatal(err)
	}
	defer m.Close()
	ask := firing(modeltest.GPT2Small.Layers, true)
	walk := func(rows [][]int32) {
		all := make([]model.TallyRow, len(rows))
		for i, row := range rows {
			all[i].Tokens = row
		}
		ask.Of = len(rows)
		if got, err := m.TallyOver(b.Context(), ask, each(all), nil); err != nil || got.Tokens != int64(128*len(rows)) {
			b.Fatal(got, err)
		}
	}
	walk(randomRows(160, 128, 1)) // compiles, and has a total
	lengths := []int{256, 640}
	if os.Getenv("GOLENS_SLOW") != "" {
		lengths = []int{256, 7813} // a million tokens, for eight minutes
	}
	for _, rows := range lengths {
		b.Run(fmt.Sprint(128*rows), func(b *testing.B) {
			plan := ask
			plan.Rows, plan.Of = randomRows(128, 128, 1), rows
			cost, err := m.ExplainTally(plan)
			if err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				backend.GiveBack() // else pages that the walk before left are no growth
				before := modeltest.ResetPeak()
				s := clock(b, func() { walk(randomRows(rows, 128, 1)) })
				b.ReportMetric(float64(128*rows)/s, "tokens/s")
				b.ReportMetric(float64(modeltest.Memory("VmHWM")-before)/1e6, "MB")
				b.ReportMetric(float64(cost.Memory)/1e6, "MB_said")
			}
		})
	}
}
