package cell

import (
	"go/types"
	"strings"
	"testing"
)

// noPackages knows where a few packages lie.
type noPackages map[string]string

func (noPackages) Import(path string) (*types.Package, error) {
	return types.NewPackage(path, path), nil
}
func (noPackages) Name(path string) string               { return path[strings.LastIndexByte(path, '/')+1:] }
func (p noPackages) Find(name string, _ []string) string { return p[name] }

func TestSketch(t *testing.T) {
	s := NewState()
	for _, test := range []struct{ code, want string }{ // ‸ is the cursor
		{"fmt.Pri‸", "package main\n\nimport  \"fmt\"\nfunc main() {\nfmt.Pri‸\n}\n"},
		{"x := 1\n‸\ny := 2", "package main\n\nfunc main() {\nx := 1\n‸\ny := 2\n}\n"},
		{"func f() {\n\tg(‸\n}", "package main\n\nfunc f() {\n\tg(‸\n}\nfunc main() {\n}\n"},
		{"f()\ntype T struct{ ‸ }", "package main\n\ntype T struct{ ‸ }\nfunc main() {\nf()\n}\n"},
		{"f()\nimport \"fm‸\"", "package main\n\nimport \"fm‸\"\nfunc main() {\nf()\n}\n"},
		{"%%\ns := \"é\"; fmt.Prin‸", "package main\n\nimport  \"fmt\"\nfunc main() {\ns := \"é\"; fmt.Prin‸\n}\n"},
		{"‸", "package main\n\nfunc main() {\n‸\n}\n"},
		{"for i := 0; i < ‸", "package main\n\nfunc main() {\nfor i := 0; i < ‸\n}\n"},
		{"var x = fmt.‸", "package main\n\nimport  \"fmt\"\nvar x = fmt.‸\nfunc main() {\n}\n"},
	} {
		at := strings.Index(test.code, "‸")
		file, in := s.Sketch(Split(strings.Replace(test.code, "‸", "", 1)), at, noPackages{"fmt": "fmt"})
		if got := file[:in] + "‸" + file[in:]; got != test.want {
			t.Errorf("%q:\n got %q\nwant %q", test.code, got, test.want)
		}
	}
}

func FuzzSketch(f *testing.F) {
	f.Add("func f() { x.", 13)
	f.Add("import (\n\"a\"", 3)
	f.Fuzz(func(t *testing.T, code string, at int) {
		text := Split(code)
		if at < 0 || at > len(text.Go) || text.Special != "" {
			return
		}
		if file, in := NewState().Sketch(text, at, noPackages{}); in < 0 || in > len(file) {
			t.Errorf("%q, %d: %d of %d", code, at, in, len(file))
		}
	})
}
