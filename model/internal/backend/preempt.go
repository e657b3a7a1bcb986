package backend

import (
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"sync"
)

// preempt warns, once in a process.
type preempt struct{ once sync.Once }

var preemption preempt

// warn says on w if this program, built with SIMD, runs without
// GODEBUG=asyncpreemptoff=1: on processors with AVX-512 its exponentials and
// logarithms are then 25 to 80 times slower at random, because an asynchronous
// preemption leaves wide registers in use. The runtime reads the variable
// before any of this program's code and //go:debug does not accept it, so only
// whoever starts the program can set it. It changes no number.
func (p *preempt) warn(w io.Writer, simd bool, godebug string) {
	if !simd || runtime.GOARCH != "amd64" || preemptOff(godebug) {
		return
	}
	p.once.Do(func() {
		fmt.Fprintln(w, "golens: this program is built with GOEXPERIMENT=simd and may be slow at random on processors with AVX-512; start it with GODEBUG=asyncpreemptoff=1")
	})
}

// preemptOff tells whether a value of GODEBUG turns asynchronous preemption
// off. Of several settings the last one counts.
func preemptOff(godebug string) (off bool) {
	for _, setting := range strings.Split(godebug, ",") {
		if value, ok := strings.CutPrefix(setting, "asyncpreemptoff="); ok {
			off = value == "1"
		}
	}
	return off
}

func warnPreempt() { preemption.warn(os.Stderr, SIMD, os.Getenv("GODEBUG")) }
