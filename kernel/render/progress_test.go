package render

import (
	"bytes"
	"strings"
	"testing"

	"github.com/golens/golens/kernel/notebook"
)

func TestFirstLineNamesACell(t *testing.T) {
	for _, test := range []struct{ name, source, want string }{
		{"plain", "x := 1\ny := 2", "x := 1"},
		{"after a command", "%%\n\nfmt.Println(x)", "fmt.Println(x)"},
		{"after imports", "import (\n\t\"fmt\"\n)\n\nvar m = 1", "var m = 1"},
		{"after one import", "import \"fmt\"\n// why\nvar m = 1", "var m = 1"},
		{"imports alone", "import (\n\t\"fmt\"\n)", "import ("},
		{"command alone", "%reset", "%reset"},
		{"long", strings.Repeat("é", 99), strings.Repeat("é", lineWidth-1) + "…"},
		{"empty", "", ""},
		{"what a terminal obeys", "x := \"\x1b]0;a\x07\u202eb\tc\"", "x := \"\ufffd]0;a\ufffd\ufffdb c\""},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := firstLine(test.source); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

func TestProgressOnATerminalIsOneLine(t *testing.T) {
	var out bytes.Buffer
	p := newProgress(&out, &notebook.Notebook{Cells: []*notebook.Cell{{Type: notebook.Code, Source: "a"}, {Type: notebook.Markdown}, {Type: notebook.Code}}})
	p.live = true
	p.begin(1, "a")
	if _, err := p.log(&out).Write([]byte("a log line\n")); err != nil {
		t.Fatal(err)
	}
	p.end(true)
	text := out.String()
	if strings.Count(text, "\n") != 2 || !strings.Contains(text, "\r[1/1] a") || !strings.Contains(text, "\r\x1b[Ka log line\n") || !strings.HasSuffix(text, " s\x1b[K\n") {
		t.Errorf("drawn as %q", text)
	}
}
