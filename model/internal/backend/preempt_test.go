package backend

import (
	"runtime"
	"strings"
	"testing"
)

func TestWarnsOnceOfAsynchronousPreemption(t *testing.T) {
	if runtime.GOARCH != "amd64" {
		t.Skip("only amd64 has AVX-512; run on amd64")
	}
	var p preempt
	var told strings.Builder
	for _, quiet := range []struct {
		simd    bool
		godebug string
	}{{false, ""}, {true, "asyncpreemptoff=1"}, {true, "gctrace=0,asyncpreemptoff=0,asyncpreemptoff=1"}} {
		if p.warn(&told, quiet.simd, quiet.godebug); told.Len() > 0 {
			t.Fatalf("%+v: %q", quiet, &told)
		}
	}
	for _, loud := range []string{"", "gctrace=0", "asyncpreemptoff=0", "asyncpreemptoff=1,asyncpreemptoff=0"} {
		var p preempt
		var told strings.Builder
		p.warn(&told, true, loud)
		p.warn(&told, true, loud)
		if strings.Count(told.String(), "GODEBUG=asyncpreemptoff=1") != 1 {
			t.Errorf("GODEBUG=%q: told %q", loud, &told)
		}
	}
}
