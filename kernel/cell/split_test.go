package cell

import (
	"strings"
	"testing"
)

func TestAMagicStandsWhereGoHasNoToken(t *testing.T) {
	for _, test := range []struct {
		name, code string
		magics     string
		gocode     string
	}{
		{"statements", "%%\nx := 1", "%%", "  \nx := 1"},
		{"shell", "!ls -l\n%args a", "!ls -l|%args a", "      \n       "},
		{"raw string", "var q = `a\n!echo b\n%d\n%%`", "", "var q = `a\n!echo b\n%d\n%%`"},
		{"comment", "/*\n!echo\n%%\n*/\n// !echo\nx := 1", "", "/*\n!echo\n%%\n*/\n// !echo\nx := 1"},
		{"after a comment", "// a\n!echo", "!echo", "// a\n     "},
		{"line of gonb's comments", "//gonb:!echo\n", "", "//gonb:!echo\n"},
		{"expression", "ok := a &&\n!b", "", "ok := a &&\n!b"},
		{"argument", "f(\n!a,\n)", "", "f(\n!a,\n)"},
		{"remainder", "x := (a +\n%b)", "", "x := (a +\n%b)"},
		{"block", "if a {\n!ls\n}", "", "if a {\n!ls\n}"},
		{"after a block", "if a {\n}\n!ls", "!ls", "if a {\n}\n   "},
		{"indented", " !ls", "", " !ls"},
		{"continued", "!a \\\nb\nc()", "!a  b", "    \n \nc()"},
		{"continued at the end", "!a \\", "!a ", "    "},
		{"quotes in a magic", "!echo \"it's `\n%% x\ny()", "!echo \"it's `|%% x", "             \n    \ny()"},
		{"CRLF", "%% a b\r\nf()\r\n", "%% a b", "      \nf()\n"},
		{"rune", "r := '\n!ls", "!ls", "r := '\n   "},
		{"open string", "s := \"a\n!ls", "!ls", "s := \"a\n   "},
		{"open raw string", "s := `a\n!ls", "", "s := `a\n!ls"},
		{"too many closed", ")\n!ls", "!ls", ")\n   "},
		{"not equal", "!=", "!=", "  "},
		{"time", "%time x := f()\n%%timeit\ng()", "%time|%timeit", "      x := f()\n        \ng()"},
		{"empty", "", "", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := Split(test.code)
			var magics []string
			for _, m := range got.Magics {
				magics = append(magics, m.Text)
			}
			if s := strings.Join(magics, "|"); s != test.magics {
				t.Errorf("magics %q, want %q", s, test.magics)
			}
			if got.Go != test.gocode {
				t.Errorf("Go %q, want %q", got.Go, test.gocode)
			}
		})
	}
	if got := Split("%%bash\nls"); got.Special != "%%bash" {
		t.Errorf("a script is %+v", got)
	}
}

func TestSafe(t *testing.T) {
	for _, test := range []struct{ code, want string }{
		{"var q = `a\n!b\n`\n%%\nf()", "var q = (\"a\\n\"+\n\"!b\\n\"+\n\"\")\n%%\nf()"},
		{"%%\na()\n%%\nb()", "%%\na()\n  \nb()"},
		{"%main\n%% x\nb()", "%main\n    \nb()"},
		{"packages := 3", " packages := 3"},
		{"/*\n!ls\n//gonb:!ls\n*/\n//gonb:!ls", "/*\n !ls\n //gonb:!ls\n*/\n //gonb:!ls"},
		{"% \n! ", "  \n  "},
		{"s := `open\n!ls", "s := `open\n !ls"},
	} {
		if got := Safe(test.code); got != test.want {
			t.Errorf("%q gives %q, want %q", test.code, got, test.want)
		}
	}
}

func FuzzSafe(f *testing.F) {
	f.Add("var q = `a\n!b\n`\n%%\nf()")
	f.Fuzz(func(t *testing.T, code string) {
		magics := map[int]bool{}
		for _, m := range Split(code).Magics {
			magics[m.Line] = true
		}
		for i, l := range strings.Split(Safe(code), "\n") {
			if Split(code).Special == "" && !magics[i] && (strings.HasPrefix(l, "!") || strings.HasPrefix(l, "%")) {
				t.Errorf("line %d of %q becomes a command", i, code)
			}
		}
	})
}
