package cell

import (
	"go/parser"
	"go/token"
	"testing"
)

// No cell, however broken, is more than an error; and what is no error is a
// program that can be read.
func FuzzCompose(f *testing.F) {
	for _, s := range []string{
		"x := 1\n\nx + 1", "x, y := f()\nfunc f() (int, error) { return 1, nil }", "var a, b = 1, 2\na, b",
		"type T struct{ a int }\nfunc (t T) M() {}\nT{}.M()", "const (\nA = iota\nB\n)\n%%\nA", "import . \"math\"\nSqrt(2)",
		"f := func() { f() }", "x := x + 1;", "var late = early\nvar early = 1", "func main() { return }", "%test\nfunc TestA() {}",
		"%timeit x := 1", "func init_a() {}", "a.b.c()", "l: for { break l }", "x := []int{1}[:]", "_ = 1", "_, x := 1, 2",
		"var _ = 1", "type A = B\ntype B = A", "func f[T any](x T) T { return x }\nf(1)", "x := struct{ y int }{y: 1}\ny := x.y",
	} {
		f.Add(s, "x + y")
	}
	f.Fuzz(func(t *testing.T, first, second string) {
		s := NewState()
		for i, code := range []string{first, second, first} {
			text := Split(code)
			if text.Special != "" {
				return
			}
			p, errs := s.Compose(text, i+1, noPackages{"fmt": "fmt"})
			if len(errs) > 0 {
				continue
			}
			if _, err := parser.ParseFile(token.NewFileSet(), "", p.Source, 0); err != nil {
				t.Errorf("%q becomes what is no Go: %v\n%s", code, err, p.Source)
			}
			s.Commit(p)
			s.Ended(p, true, nil, nil)
			s.Variables()
			s.Sketch(text, len(text.Go), noPackages{})
		}
	})
}
