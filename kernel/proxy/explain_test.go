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
	const stack = "panic: boom\n\ngoroutine 1 [running]:\nmain.f(...)\n\t/golens/cell/3.go:2 +0x1d\nmain.main()\n\t/golens/kernel.go:1 +0x5\n" +
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
		{"second panic counts", outcome{gonb: exit2, stderr: tail{"panic: a [recovered]\n\tpanic: b\npanic: c\n"}}, "Panic: c", nil},
		{"fatal error", outcome{gonb: exit2, stderr: tail{"fatal error: all goroutines are asleep - deadlock!\n"}}, "Fatal error: all goroutines are asleep - deadlock!", nil},
		{"a word that is no panic", outcome{gonb: gonb("exit status 3"), stderr: tail{"panic: a word\n"}}, "ExitError: the cell's program ended with exit status 3", nil},
		{"killed", outcome{gonb: gonb("signal: killed")}, "ExitError: the cell's program ended with signal: killed", nil},
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
	code := func(n int) string {
		return map[int]string{2: "%%\n\tfmt.Println(\"日本語\", x)\r\ny", 1: "f(\"👍👍é\", z)"}[n]
	}
	f := compileFailure(compileErrors("# command\n/golens/cell/2.go:2:27: undefined: x\n/golens/cell/1.go:1:17: undefined: z\n/golens/kernel.go:1:1: odd\n"), code)
	if got := f.Value; got != "undefined: x (and 2 more)" {
		t.Errorf("got %q", got)
	}
	want := []string{
		red("cell 2, line 2") + ": undefined: x\n    \tfmt.Println(\"日本語\", x)\n    \t" + strings.Repeat(" ", len("fmt.Println(\"123456\", ")) + "^",
		red("cell 1, line 1") + ": undefined: z\n    f(\"👍👍é\", z)\n    " + strings.Repeat(" ", len("f(\"12345\", ")) + "^",
		red("CompileError") + ": odd",
	}
	for i, w := range want {
		if i >= len(f.Traceback) || f.Traceback[i] != w {
			t.Errorf("\n got %q\nwant %q", f.Traceback, w)
		}
	}
	if f := compileFailure(compileErrors("signal: killed"), code); f.Value != "signal: killed" {
		t.Errorf("got %q", f.Value)
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
	f.Add("exit status 2", "panic: x\n\ngoroutine 1 [running]:\nmain.f()\n\t/golens/cell/1.go:2 +0x1\n", "x")
	f.Fuzz(func(t *testing.T, value, stderr, part string) {
		e, failed := explain(outcome{gonb: &failure{Name: "E", Value: value, Traceback: []string{part}}, stderr: tail{stderr}})
		if !failed || e.Name == "" {
			t.Errorf("a failure got lost: %+v", e)
		}
	})
}
