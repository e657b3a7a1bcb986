package exec_test

import (
	"runtime"
	"slices"
	"testing"

	"github.com/golens/golens/model"
	"github.com/golens/golens/model/config"
	"github.com/golens/golens/model/hook"
	"github.com/golens/golens/model/internal/backend"
	"github.com/golens/golens/model/internal/exec"
	"github.com/golens/golens/model/modeltest"
)

func TestFewer(t *testing.T) {
	// About as many multiplications for a row as GPT-2 small, 1.2e8.
	c := config.Config{Layers: 12, DModel: 768, Heads: 12, KVHeads: 12, DHead: 64, DMLP: 3072, Vocab: 25000}
	for _, x := range []struct {
		backend                  string
		batch, live, steps, want int
	}{
		{"go", 16, 9, 100, 16},
		{"go", 16, 8, 1, 8},
		{"go", 16, 3, 1, 3},
		{"go", 8, 1, 100, 8}, // so few rows cost as much
		{"xla:cpu", 16, 9, 100, 16},
		{"xla:cpu", 16, 8, 100, 8},
		{"xla:cpu", 16, 3, 100, 4},
		{"xla:cpu", 24, 5, 100, 6},
		{"xla:cpu", 3, 1, 1000, 1},
		{"xla:cpu", 16, 8, 5, 16}, // too late to pay
		{"xla:cuda", 16, 1, 100, 16},
	} {
		e := &exec.Engine{Config: c, Backend: &backend.Backend{Name: x.backend}}
		if got := e.Fewer(x.batch, x.live, x.steps); got != x.want {
			t.Errorf("%s: of %d rows %d go on for %d steps in a batch of %d, want %d", x.backend, x.batch, x.live, x.steps, got, x.want)
		}
	}
}

// Rows that leave the batch change nothing for those that stay: edits,
// captures, draws and caches go with them, past the cache's first size too.
func TestRowsLeave(t *testing.T) {
	exec.LeaveSoon(t)
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))          // more of them would cut the rows into small chunks, which none leave
	m, err := model.Open(modeltest.Families(t)["llama_gqa"]) // rotary positions, shared keys
	if err != nil {
		t.Fatal(err)
	}
	var rows [][]int32
	for i := range 12 {
		rows = append(rows, nil)
		for j := range 1 + i*5%7 {
			rows[i] = append(rows[i], int32(3+(7*i+3*j)%90))
		}
	}
	g := m.Rows(rows).Complete(18).Sample(1.2, 3).Edit(hook.ResidPre(1).Row(2, 7, 11).Scale(2)).
		Capture(hook.ResidPost(2))
	for id := range int32(m.Config().Vocab) {
		if id%7 == 0 { // few enough that a row stays to the end
			g.Stop = append(g.Stop, id)
		}
	}
	got := modeltest.SameAsNaive(t, m, g)
	var added []int
	for i := range rows {
		added = append(added, len(got.New(i)))
	}
	slices.Sort(added)
	if added[6] > 9 || added[9] > 14 || added[11] < 16 { // half of the batch, half of that, and one that goes on
		t.Errorf("rows end after %v tokens: they should leave one after the other", added)
	}
}
