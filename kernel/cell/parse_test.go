package cell

import (
	"fmt"
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	names := map[kind]string{importItem: "import", constItem: "const", typeItem: "type", varItem: "var", funcItem: "func", stmtItem: "stmt", exprsItem: "exprs"}
	for _, test := range []struct{ code, want string }{
		{"x := 1; y := 2;\nfmt.Println(x)", "stmt x := 1;|stmt y := 2;|stmt fmt.Println(x)"},
		{"for i := 0; i < 3; i++ {\n}\nx++", "stmt for i := 0; i < 3; i++ {\n}|stmt x++"},
		{"if x := f(); x > 0 {\n} else {\n}", "stmt if x := f(); x > 0 {\n} else {\n}"},
		{"switch x := f(); x {\ncase 1:\n}", "stmt switch x := f(); x {\ncase 1:\n}"},
		{"l:\nfor ; ; {\nbreak l\n}", "stmt l:\nfor ; ; {\nbreak l\n}"},
		{"import (\n\t\"fmt\"\n\tm \"math\"\n)\nvar a, b = f()", "import \"fmt\"|import m \"math\"|var a, b = f()"},
		{"var (\n\ta int\n\tb = 1 // one\n)", "var a int|var b = 1"},
		{"func f() int { return 1 }\nfunc (p *T) M() {}\nfunc() { f() }()", "func func f() int { return 1 }|func func (p *T) M() {}|stmt func() { f() }()"},
		{"a, b", "exprs a, b"},
		{"a.b(), c[1],\nd", "exprs a.b(), c[1],\nd"},
		{"%%\nvar x = 1\ntype T int", "local var x = 1|local type T int"},
		{"s := `a\r\nb`\nf(s)", "stmt s := `a\nb`|stmt f(s)"},
		{"x // no\n/* a */ y() /* b\n*/", "stmt x|stmt y()"},
	} {
		items, err := parse(Split(test.code))
		if err != nil {
			t.Errorf("%q: %v", test.code, err)
			continue
		}
		var got []string
		for _, it := range items {
			s := names[it.kind] + " " + it.src
			if it.local {
				s = strings.Replace(s, names[it.kind], "local "+names[it.kind], 1)
			}
			if it.quiet {
				s += ";"
			}
			got = append(got, s)
			if n := it.node(); it.kind != exprsItem && it.text(n) != it.src {
				t.Errorf("%q: an item's node is %q", test.code, it.text(n))
			}
		}
		if s := strings.Join(got, "|"); s != test.want {
			t.Errorf("%q:\n got %s\nwant %s", test.code, s, test.want)
		}
	}
}

func TestFaultsHaveTheirPlace(t *testing.T) {
	for _, test := range []struct{ code, want string }{
		{"%%\nfmt.Println(", "2:12 ( is not closed true"},
		{"x := 1\n)", "2:1 ) closes nothing false"},
		{"x := 1 +", "1:9 expected operand, found the end of the cell true"},
		{"if x {\ny +\n}", "3:1 expected operand, found '}' false"},
		{"s := `a", "1:6 raw string literal not terminated true"},
		{"s := \"a\nx := 1", "1:6 string literal not terminated false"},
		{"%d", "1:1 expected operand, found '%' false"},
		{" %ls", "1:2 expected statement, found '%' false"},
		{"func f( {\n}", "1:7 ( is not closed true"},
		{"}", "1:1 } closes nothing false"},
		{"if x {\n\tf(\"x\"\n}", "2:3 ( is not closed before the } of line 3 false"},
		{"x := []int{1, 2)", "1:11 { is not closed before the ) of line 1 false"},
		{"x := 1\npackage main\n\nfunc main() {}", "2:1 a cell has no package clause: leave this line out false"},
	} {
		err := Parse(Split(test.code))
		var e *Error
		if err == nil {
			if test.code != "%d" { // a magic
				t.Errorf("%q is well", test.code)
			}
			continue
		}
		e = err.(*Error)
		if got := fmt.Sprintf("%d:%d %s %v", e.Line, e.Col, e.Msg, e.Open); got != test.want {
			t.Errorf("%q: got %s, want %s", test.code, got, test.want)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"x := 1; a, b", "func f() {\n}\nvar (\na = `\n`\n)", "l: for i := 0;; {}", "}\n{", "func (", "x := func() {"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, code string) {
		items, err := parse(Split(code))
		if err != nil {
			return
		}
		src := Split(code).Go
		for _, it := range items {
			if it.at < 0 || it.at+len(it.src) > len(src) || src[it.at:it.at+len(it.src)] != it.src {
				t.Errorf("%q: an item is not where it says", code)
			}
		}
	})
}

func TestDirectives(t *testing.T) {
	for code, want := range map[string]string{
		"//go:embed a.txt\nvar s string":                              "line 1: a cell embeds no file: read it with os.ReadFile, or a folder with os.DirFS",
		"import _ \"embed\"\n\n  //go:embed *\nvar s string":          "line 3: a cell embeds no file: read it with os.ReadFile, or a folder with os.DirFS",
		"//go:linkname now time.now\nfunc now() int":                  "line 1: a cell takes no name from inside another package: leave this line out",
		"x := 1\n//go:build ignore":                                   "line 2: a cell has no build constraint: leave this line out",
		"//go:debug panicnil=1\nx := 1":                               "line 1: a cell has no //go:debug: write %env GODEBUG=SETTING in a cell of its own",
		"//go:cgo_import_dynamic x":                                   "line 1: a cell cannot hold C: put it into a module of its own and import that",
		"//go:noinline\nfunc f() {}":                                  "",
		"//go:embedded\nx := `\n//go:embed x\n` // say //go:embed x":  "",
		"/* //go:embed x\n*/ x := 1 // go:embed and //go:generate no": "",
	} {
		err := Parse(Split(code))
		if got := fmt.Sprint(err); err == nil && want != "" || err != nil && got != want {
			t.Errorf("%q: %v, want %q", code, err, want)
		}
	}
}

// A cell cannot say that its faults are another's.
func TestLinesAreTheCellsOwn(t *testing.T) {
	for _, code := range []string{
		"func f() {\n//line /etc/passwd:77\nvar x int = \"s\"; _ = x }", "func f() {\n/*line /golens/cell/9.go:5:1*/var x int = \"s\"; _ = x }",
		"y := 1\n//line :9\nvar x int = \"s\"",
	} {
		p, errs := NewState().Compose(Split(code), 1, noPackages{})
		if len(errs) != 1 || errs[0].Cell != 1 || errs[0].Line != 3-strings.Count(code, "/*") {
			t.Errorf("%q: %v, %v", code, p, errs)
		}
	}
}
