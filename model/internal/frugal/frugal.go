// Package frugal holds, for tests, what reading something allocates.
package frugal

import (
	"runtime"
	"runtime/metrics"
	"testing"
)

// Check fails the test if do allocates more than most bytes, garbage or not. What
// takes a microsecond to ask the runtime comes in whole spans: only what seems too much
// is counted exactly, for which do runs again.
func Check(t testing.TB, most int, do func()) {
	t.Helper()
	before := allocated()
	do()
	if allocated()-before <= uint64(most) {
		return
	}
	var first, last runtime.MemStats
	runtime.ReadMemStats(&first)
	do()
	runtime.ReadMemStats(&last)
	if used := last.TotalAlloc - first.TotalAlloc; used > uint64(most) {
		t.Errorf("%d bytes were allocated, want at most %d", used, most)
	}
}

func allocated() uint64 {
	s := [1]metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(s[:])
	return s[0].Value.Uint64()
}
