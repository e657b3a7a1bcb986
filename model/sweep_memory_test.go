//go:build !golens_cell

package model_test

import (
	"runtime"
	"runtime/debug"
	"testing"

	"github.com/golens/golens/model"
)

// growth is how much memory the process takes at most during a sweep that ran
// before, result included, as a multiple of what Explain predicts: at the
// collector's pace in golens-host, and with one that leaves hardly any garbage.
func growth(b testing.TB, m *model.Model, s model.Sweep) (hosted, held float64) {
	b.Helper()
	plan, err := m.Explain(s)
	if err != nil {
		b.Fatal(err)
	}
	run := func() float64 {
		runtime.GC() // a pool is emptied by the second collection
		debug.FreeOSMemory()
		before := resetPeak()
		res := sweep(b, m, s)
		most := memory("VmHWM")
		runtime.KeepAlive(res)
		if before == 0 {
			return 0
		}
		return float64(most-before) / float64(plan.Memory)
	}
	defer debug.SetGCPercent(debug.SetGCPercent(25))
	hosted = run()
	debug.SetGCPercent(3)
	return hosted, run()
}
