package proxy

import (
	"strings"
	"testing"
	"time"
)

func TestExplain(t *testing.T) {
	gonb := func(value string, traceback ...string) *failure {
		return &failure{Name: "ERROR", Value: value, Traceback: traceback}
	}
	exit2 := gonb("failed to run \"/tmp/x\": exit status 2")
	const stack = "panic: boom\n\ngoroutine 1 [running]:\nmain.f(...)\n\t \x1b[7m[[ Cell [3] Line 2 ]]\x1b[0m /tmp/main.go:9\n" +
		"runtime.goexit()\n\t/go/asm.s:1 +0x1\ngithub.com/x/y.G(0x1, {0x2})\n\t/src/y.go:7 +0x95\n\ngoroutine 7 [select]:\nmain.other()\n\t/tmp/main.go:1\n"
	for _, test := range []struct {
		name      string
		o         outcome
		want      string   // "" for success
		traceback []string // after the first line
	}{
		{"well", outcome{}, "", nil},
		{"interrupted", outcome{gonb: gonb("signal: interrupt"), interrupted: true, took: 1500 * time.Millisecond}, "Interrupted: the cell was interrupted after 1.5 s", nil},
		{"interrupted, but gonb says it was well", outcome{interrupted: true}, "Interrupted: the cell was interrupted after 0.0 s", nil},
		{"shell", outcome{shell: "3"}, "ShellError: a ! line of this cell ended with exit status 3", nil},
		{"must", outcome{gonb: gonb("exit status 1"), must: "no head 12"}, "Error: no head 12", nil},
		{"panic", outcome{gonb: exit2, stderr: tail{stack}}, "Panic: boom (cell 3, line 2)", []string{"  in f: cell 3, line 2", "  in github.com/x/y.G: /src/y.go:7"}},
		{"panic without a cell number", outcome{gonb: exit2, stderr: tail{strings.ReplaceAll(stack, "Cell [3] Line", "Cell Line")}}, "Panic: boom (line 2)", nil},
		{"second panic counts", outcome{gonb: exit2, stderr: tail{"panic: a [recovered]\n\tpanic: b\npanic: c\n"}}, "Panic: c", nil},
		{"fatal error", outcome{gonb: exit2, stderr: tail{"fatal error: all goroutines are asleep - deadlock!\n"}}, "Fatal error: all goroutines are asleep - deadlock!", nil},
		{"a word that is no panic", outcome{gonb: gonb("exit status 3"), stderr: tail{"panic: a word\n"}}, "ExitError: the cell's program ended with exit status 3", nil},
		{"killed", outcome{gonb: gonb("signal: killed")}, "ExitError: the cell's program ended with signal: killed", nil},
		{"compiler", outcome{gonb: gonb("failed to run \"go build\": exit status 1\n# gonb_1\n./main.go:9:5: undefined: x\n./main.go:10:5: undefined: y\n",
			"Cell[2]: Line 4\n\nfunc main() {\nx++\n  ^\ny++\n\nundefined: x", "# gonb_1\n", "failed to run \"go build\"")},
			"CompileError: undefined: x (and 1 more)", nil},
		{"missing module", outcome{gonb: gonb("main.go:3:8: no required module provides package a.b/c; to add it:", "main.go:3:8: no required module")},
			"CompileError: no required module provides package a.b/c; to add it:", nil},
		{"gonb's own", outcome{gonb: gonb("no such command %foo")}, "ERROR: no such command %foo", nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			f, failed := explain(test.o)
			if !failed {
				if test.want != "" {
					t.Errorf("taken for success; want %s", test.want)
				}
				return
			}
			if got := f.Name + ": " + f.Value; got != test.want {
				t.Errorf("\n got %q\nwant %q", got, test.want)
			}
			if len(f.Traceback) == 0 {
				t.Error("nothing is shown")
			}
			if test.traceback != nil && strings.Join(f.Traceback[1:], "\n") != strings.Join(test.traceback, "\n") {
				t.Errorf("traceback %q", f.Traceback)
			}
		})
	}
}

func TestCompilersMessageStandsByItsLine(t *testing.T) {
	got := compact("Cell[2]: Line 4\n\nfunc main() {\nx++\n  ^\ny++\n\nundefined: x")
	if want := red("cell 2, line 4") + ": undefined: x\n    x++\n      ^"; got != want {
		t.Errorf("\n got %q\nwant %q", got, want)
	}
}

func TestLongStacksAreCut(t *testing.T) {
	stack := "panic: x\n\ngoroutine 1 [running]:\n" + strings.Repeat("a.f()\n\t/a.go:1\n", 99)
	f, _ := panicked(stack)
	if n := len(f.Traceback); n != maxFrames+2 || f.Traceback[n-1] != "  …" {
		t.Errorf("%d lines: %q", n, f.Traceback[n-1])
	}
}

func FuzzExplain(f *testing.F) {
	f.Add("exit status 2", "panic: x\n\ngoroutine 1 [running]:\nmain.f()\n\t[[ Cell [1] Line 2 ]] x:1\n", "Cell[1]: Line 2\n^")
	f.Fuzz(func(t *testing.T, value, stderr, part string) {
		e, failed := explain(outcome{gonb: &failure{Name: "E", Value: value, Traceback: []string{part}}, stderr: tail{stderr}})
		if !failed || e.Name == "" {
			t.Errorf("a failure got lost: %+v", e)
		}
	})
}
