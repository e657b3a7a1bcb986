package kerneltest_test

import (
	"testing"

	"github.com/golens/golens/kernel/kerneltest"
)

// Cells that were written on Windows, or pasted from there.
func TestLinesOfWindows(t *testing.T) {
	s := kerneltest.Start(t)
	mustRun(t, s, "%%\r\nfmt.Println(\"ok\")\r\n", "ok")
	mustRun(t, s, "%% a b\r\nfmt.Println(os.Args[1:])\r\n", "[a b]")
	mustRun(t, s, "x := `a\r\nb`\r\nfmt.Printf(\"%q\", x)\r\n", `"a\nb"`)
	mustRun(t, s, "!echo hi\r\n", "hi")
}
