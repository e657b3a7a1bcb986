package proxy

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestMark(t *testing.T) {
	file := filepath.Join(t.TempDir(), "main.go")
	if err := os.WriteFile(file, []byte("package main\n\nfunc main() {\n\tx := list[3]\n\tf()\n\tf()\n}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	const code = "%%\nx := list[3]\nf()\nf()\n"
	for _, c := range []struct{ name, frame, want string }{
		{"in the cell", "\t" + file + ":4 +0x1d", "\t[[ Cell [6] Line 2 ]] " + file + ":4 +0x1d"},
		{"twice in the cell", "\t" + file + ":5", "\t" + file + ":5"},
		{"not in the cell", "\t" + file + ":3", "\t" + file + ":3"},
		{"past the end", "\t" + file + ":99", "\t" + file + ":99"},
		{"not a number", "\t" + file + ":99999999999999999999", "\t" + file + ":99999999999999999999"},
		{"no such file", "\t/nowhere/main.go:4", "\t/nowhere/main.go:4"},
		{"marked already", "\t [[ Cell [5] Line 1 ]] " + file + ":4", "\t [[ Cell [5] Line 1 ]] " + file + ":4"},
	} {
		t.Run(c.name, func(t *testing.T) {
			stack := "panic: boom\n\ngoroutine 1 [running]:\nmain.main()\n"
			if got := strings.TrimPrefix(mark(stack+c.frame+"\n", code, 6), stack); got != c.want+"\n" {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}
