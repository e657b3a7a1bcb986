//go:build cgo && !noxla && (amd64 || arm64)

package backend

import (
	"os"
	"runtime"
	"syscall"
	"testing"

	. "github.com/gomlx/gomlx/core/graph"
)

// What XLA frees serves its next call, whichever thread makes it: else the system
// zeroes 10,240 pages for each of these outputs. An output that is freed late, by
// another thread, leaves room for one more, as often as that happens for the first time.
func TestNoFreshPagesForEachCall(t *testing.T) {
	if os.Getenv("MALLOC_MMAP_THRESHOLD_") != "" || os.Getenv("MALLOC_ARENA_MAX") != "" {
		t.Skip("the environment says how memory is allocated")
	}
	b, err := Open("xla:cpu")
	if err != nil {
		t.Skip(err)
	}
	exec, err := NewExec(b.Backend, func(x *Node) *Node { return BroadcastToDims(ExpandAxes(x, -1), 1024, 10240) })
	if err != nil {
		t.Fatal(err)
	}
	x := make([]float32, 1024)
	call := func() {
		done := make(chan error)
		go func() {
			runtime.LockOSThread() // not unlocked: the thread ends with the goroutine
			out, err := exec.Call(x)
			if err == nil {
				err = out[0].FinalizeAll()
			}
			done <- err
		}()
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	}
	faults := func() int64 {
		var u syscall.Rusage
		if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
			t.Fatal(err)
		}
		return u.Minflt
	}
	for range 3 {
		call()
	}
	const calls = 16
	before := faults()
	for range calls {
		call()
	}
	if n := faults() - before; n > calls*10240/2 {
		t.Errorf("%d pages were new to %d calls", n, calls)
	}
}
