//go:build !golens_cell

package model_test

import (
	"runtime/debug"
	"testing"

	"github.com/golens/golens/model"
	"github.com/golens/golens/model/modeltest"
)

// BenchmarkOpen opens GPT-2 small in this process with the page cache warm. It
// reports the peak of the process' memory, mapped files included, over what it
// was before, as a multiple of the weights in float32.
func BenchmarkOpen(b *testing.B) {
	if _, err := model.Open(modeltest.Dir()); err != nil { // starts the engine
		b.Fatal(err)
	}
	for _, dtype := range []string{"F32", "BF16", "F16"} {
		b.Run(dtype, func(b *testing.B) {
			dir := modeltest.RandomAs(b, modeltest.GPT2Small, dtype, 1)
			s := modeltest.GPT2Small
			weights := 4 * float64(s.Params()+(s.Vocab+s.Context)*s.DModel)
			peak := 0.0
			for b.Loop() {
				b.StopTimer()
				debug.FreeOSMemory()
				before := modeltest.ResetPeak()
				b.StartTimer()
				m, err := model.Open(dir)
				if err != nil {
					b.Fatal(err)
				}
				b.StopTimer()
				if most := modeltest.Memory("VmHWM"); before > 0 {
					peak = max(peak, float64(most-before)/weights)
				}
				if err := m.Close(); err != nil {
					b.Fatal(err)
				}
				b.StartTimer()
			}
			b.ReportMetric(peak, "peak/weights")
			if peak > 1.3 { // beside the weights there is room for the largest tensor's pages, GPT-2's embedding
				b.Errorf("opening takes %.2f times the memory of the weights", peak)
			}
		})
	}
}
