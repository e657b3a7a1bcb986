//go:build !golens_cell

package model_test

import (
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"strings"
	"testing"
	"time"

	"github.com/golens/golens/model"
	"github.com/golens/golens/model/modeltest"
)

// growth is the memory that a sweep which ran before takes at most, result
// included, as a multiple of what Explain predicts: by which the process grows,
// at the collector's pace in golens-host, and what of that the sweep holds. On the
// Go engine this is what the collector finds alive, on XLA the process's growth
// with hardly any garbage on our side; see BENCHMARKS.md for its allocator.
func growth(b testing.TB, m *model.Model, s model.Sweep) (hosted, held float64) {
	b.Helper()
	plan, err := m.Explain(s)
	if err != nil {
		b.Fatal(err)
	}
	run := func() (process, live float64) {
		runtime.GC() // a pool is emptied by the second collection
		debug.FreeOSMemory()
		before, most := modeltest.ResetPeak(), 0
		alive := heapAlive()
		stop := make(chan bool)
		go func() {
			for {
				select {
				case <-stop:
					stop <- true
					return
				case <-time.After(time.Millisecond):
					most = max(most, heapAlive())
				}
			}
		}()
		res := sweep(b, m, s)
		peak := modeltest.Memory("VmHWM")
		stop <- true
		<-stop
		runtime.KeepAlive(res)
		if before == 0 { // not Linux
			before = peak
		}
		return float64(peak-before) / float64(plan.Memory), float64(most-alive) / float64(plan.Memory)
	}
	defer debug.SetGCPercent(debug.SetGCPercent(25))
	hosted, _ = run()
	debug.SetGCPercent(3)
	held, live := run()
	if strings.HasPrefix(m.Info().Backend, "go") {
		held = live
	}
	return hosted, held
}

// heapAlive is what the last collection found alive, in bytes.
func heapAlive() int {
	sample := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(sample)
	return int(sample[0].Value.Uint64())
}
