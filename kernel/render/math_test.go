package render

import (
	"regexp"
	"strings"
	"testing"
)

// tex are the formulas that a page was typeset from.
func tex(t *testing.T, markdown string) (formulas []string, page string) {
	t.Helper()
	page, err := newMarkdown().html(markdown)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile(`<annotation encoding="application/x-tex">([^<]*)</annotation>`).FindAllStringSubmatch(page, -1) {
		formulas = append(formulas, strings.NewReplacer("&lt;", "<", "&gt;", ">", "&amp;", "&").Replace(m[1]))
	}
	return formulas, page
}

func TestMath(t *testing.T) {
	for _, c := range []struct {
		name, source string
		want         []string
	}{
		{"no emphasis", "product $a*b*c$ of three", []string{"a*b*c"}},
		{"no tags", "order $a<b>c$ and more", []string{"a<b>c"}},
		{"underscores", "$W_Q$ and $W_K$ *here*", []string{"W_Q", "W_K"}},
		{"two lines", "$a +\nb$ and", []string{"a +\nb"}},
		{"display", "so $$a\\\\b$$ it is", []string{"a\\\\b"}},
		{"block", "$$\na = b\n- c\n\nd\n===\n$$\n\nafter", []string{"a = b\n- c\n\nd\n==="}},
		{"environment", "\\begin{align}\na &= b\\\\\n- c &= d\n\\end{align}\ntext", []string{"\\begin{align}\na &= b\\\\\n- c &= d\n\\end{align}"}},
		{"escaped delimiters", `\\(a_1\\) and \\[b_2\\]`, []string{"a_1", "b_2"}},
		{"an escaped dollar in it", `$a \$ b$`, []string{`a \$ b`}},
		{"in a list", "- $x_i$\n- y", []string{"x_i"}},
		{"in a table", "| a | b |\n|---|---|\n| $x_i$ | 2 |", []string{"x_i"}},
		{"prices", "from $5 to $6, or $7 each", nil},
		{"escaped", `\$a\$`, nil},
		{"in code", "`$a$` and\n\n```\n$$b$$\n```", nil},
		{"never closed", "$$\na = b\n\nmore *text*", nil},
		{"one dollar", "a $ b", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, page := tex(t, c.source)
			if strings.Join(got, "|") != strings.Join(c.want, "|") {
				t.Errorf("got %q, want %q in\n%s", got, c.want, page)
			}
			if strings.Contains(page, "<em>") && !strings.Contains(c.source, "*here*") && !strings.Contains(c.source, "*text*") {
				t.Errorf("markdown in math: %s", page)
			}
		})
	}
}

// The end of a formula is looked for in its neighbourhood, not in all that follows.
func TestFormulasAreBounded(t *testing.T) {
	long := "$a" + strings.Repeat("+b", longestFormula) + "$"
	if got, _ := tex(t, long); len(got) != 0 {
		t.Errorf("%d formulas", len(got))
	}
	if got, _ := tex(t, long+" and $c$"); strings.Join(got, "|") != "c" {
		t.Errorf("behind it there is %q", got)
	}
	whole := "a" + strings.Repeat("+b", longestFormula/2-10)
	if got, _ := tex(t, "$"+whole+"$"); strings.Join(got, "|") != whole {
		t.Errorf("a long one: %d formulas", len(got))
	}
}

func TestMathIsMathML(t *testing.T) {
	_, page := tex(t, `$\frac{x_i}{\sqrt{2}}$`)
	for _, want := range []string{`<math display="inline">`, "<mfrac>", "<msqrt>", "<msub>"} {
		if !strings.Contains(page, want) {
			t.Errorf("no %s in %s", want, page)
		}
	}
	for range 20 { // the converter orders attributes by chance
		if _, again := tex(t, `$\frac{x_i}{\sqrt{2}}$`); again != page {
			t.Fatalf("another page of the same source:\n%s\n%s", page, again)
		}
	}
}

func TestMathCarriesNoMarkup(t *testing.T) {
	for _, source := range []string{
		`$\text{<script>alert(1)</script>}$`, `$x</math><img src=x onerror=alert(1)>$`, `$\class{x" onclick="y}{z}$`,
		`$\text{a<b> & "c"}$`, `$\href{javascript:alert(1)}{x}$`, `$\color{red" onclick="x}{y}$`, `$\foo{$`, `$}{$`, "$\x00\ue000$",
	} {
		_, page := tex(t, source)
		if m := regexp.MustCompile(`(?i)<(script|img|b|a)\b|<[^>]* (onclick|onerror|href)=`).FindString(page); m != "" {
			t.Errorf("%s: %q in %s", source, m, page)
		}
	}
}

func FuzzMath(f *testing.F) {
	f.Add("$a<b$")
	f.Add("$$\n\\begin{matrix}a&b\\\\c\\end{matrix}\n$$")
	f.Add(`\\(\text{<x>}\\)`)
	f.Fuzz(func(t *testing.T, source string) {
		if out := mathHTML(source, true); strings.Contains(strings.ToLower(out), "<script") || strings.Count(out, "<math") != strings.Count(out, "</math>") {
			t.Errorf("%q became %s", source, out)
		}
		if _, err := newMarkdown().html(source); err != nil {
			t.Error(err)
		}
	})
}
