package plotting

import (
	gobuild "go/build"
	"math"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

func TestClean(t *testing.T) {
	for _, c := range []struct{ name, in, want string }{
		{"plain", "cat", "cat"},
		{"leading space", " cat", "·cat"},
		{"inner space", "the cat", "the cat"},
		{"only spaces", "  ", "··"},
		{"newline", "\n\n", `\n\n`},
		{"byte-level space", "Ġcat", "Ġcat"},
		{"accent", "é", "é"},
		{"kanji", "日本", "日本"},
		{"broken bytes", "a\xffb", "a\ufffdb"},
		{"escape sequence", "\x1b[31m", `\x1b[31m`},
		{"right to left override", "\u202e", `\u202e`},
		{"right to left", "ڤ", "\u2068ڤ\u2069"},
		{"right to left, again", "\u2068ڤ\u2069", "\u2068ڤ\u2069"},
		{"an isolate of nothing turned", "\u2068a\u2069", `\u2068a\u2069`},
		{"endless", strings.Repeat("x", 5000), strings.Repeat("x", maxText) + "…"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := clean(c.in); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

// FuzzClean checks that a label of any bytes becomes one line of printable
// text, and that making it so again changes nothing.
func FuzzClean(f *testing.F) {
	for _, s := range []string{"", " the", "\n", "\xff\xfe", "日本", "a b ", "\u2028"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := clean(s)
		if !utf8.ValidString(got) {
			t.Errorf("clean(%q) = %q is not UTF-8", s, got)
		}
		for _, r := range strings.TrimSuffix(strings.TrimPrefix(got, isolate), isolateEnd) {
			if !unicode.IsPrint(r) {
				t.Errorf("clean(%q) = %q holds %U", s, got, r)
			}
		}
		if utf8.RuneCountInString(got) <= maxText && clean(got) != got {
			t.Errorf("clean(%q) = %q, again %q", s, got, clean(got))
		}
	})
}

func TestNumber(t *testing.T) {
	for _, c := range []struct {
		v    float64
		want string
	}{
		{0, "0"}, {0.98, "0.98"}, {-0.1234, "−0.12"}, {12.34, "12.3"}, {1234.5, "1234"},
		{3.1e-5, "3.1e−5"}, {2.5e7, "2.5e7"}, {0.0123, "0.012"}, {-9.996, "−10.0"}, {99.96, "100"}, {0.0996, "0.10"}, {math.NaN(), "no value"},
	} {
		if got := number(c.v); got != c.want {
			t.Errorf("number(%v) = %q, want %q", c.v, got, c.want)
		}
	}
}

func TestTicks(t *testing.T) {
	for _, c := range []struct {
		name   string
		lo, hi float64
		n      int
		want   string
	}{
		{"unit", 0, 1, 5, "0.0 0.2 0.4 0.6 0.8 1.0"},
		{"about zero", -2.3, 2.3, 5, "−2 −1 0 1 2"},
		{"thousands", 0, 3200, 8, "0 500 1000 1500 2000 2500 3000"},
		{"small", 0, 1e-5, 5, "0 2e−6 4e−6 6e−6 8e−6 1e−5"},
		{"large", 0, 3e6, 4, "0 1e6 2e6 3e6"},
		{"small steps off zero", 3.00001, 3.00003, 2, "3.00001 3.00002 3.00003"},
		{"small steps off a small value", 0.00301, 0.00303, 2, "0.00301 0.00302 0.00303"},
		{"large steps off a larger value", 1.23e9, 1.25e9, 2, "1.23e9 1.24e9 1.25e9"},
		{"off zero", 100.2, 100.8, 3, "100.2 100.4 100.6 100.8"},
		{"empty", 3, 3, 5, "3.00"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := strings.Join(tickLabels(ticks(c.lo, c.hi, c.n)), " "); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}

// TestLongLabels checks that labels get the room that they need, up to a third of the
// figure, and that what is longer keeps both ends and says all of it on hover.
func TestLongLabels(t *testing.T) {
	fits, endless := "the direct effect of blocks.9.attn.hook_z", "from the "+strings.Repeat("very ", 30)+"beginning to the end"
	if w := width(fits, tickSize); w < 200 || w > labelRoom(pageWidth, 0) {
		t.Fatalf("the label that fits is %.0f pixels wide", w)
	}
	labels := []string{fits, endless, "short"}
	rows := fake{shape: []int{3, 2}, vals: noise(6, 0, 1), names: []string{"component", "layer"}, labels: [][]string{labels, nil}}
	cols := fake{shape: []int{2, 3}, vals: noise(6, 0, 1), names: []string{"layer", "component"}, labels: [][]string{nil, labels}}
	one := fake{shape: []int{3}, vals: noise(3, 0, 1), names: []string{"component"}, labels: [][]string{labels}}
	for name, f := range map[string]*Figure{
		"rows": Heatmap(rows), "columns": Heatmap(cols), "bars": Bars(one), "lines": Lines(one), "narrow": Bars(one, Size(300, 200)), "low": Heatmap(cols, Size(400, 200)),
	} {
		t.Run(name, func(t *testing.T) {
			svg, err := f.SVG()
			if err != nil {
				t.Fatal(err)
			}
			if whole := strings.Contains(string(svg), ">"+fits+"</text>"); whole != (name != "narrow" && name != "low") {
				t.Errorf("the label that fits is whole: %t", whole)
			}
			_, rest, _ := strings.Cut(string(svg), "<title>"+endless+"</title>")
			seen, _, _ := strings.Cut(rest, "</text>")
			if before, after, cut := strings.Cut(seen, "…"); !cut || len(before) < 5 || !strings.HasPrefix(endless, before) || !strings.HasSuffix(endless, after) || len(after) < 3 {
				t.Errorf("the longer one reads %q", seen)
			}
		})
	}
	for s, want := range map[string]string{"\u2068ڤڤڤڤڤڤڤڤڤڤڤڤڤڤڤڤڤڤ\u2069": "\u2069", strings.Repeat("e\u0301", 40): "e\u0301", "": "", "x": "x"} {
		if got := (text{s: s, size: tickSize}).within(30).s; !strings.HasSuffix(got, want) || !utf8.ValidString(got) {
			t.Errorf("%q becomes %q", s, got)
		}
	}
}

// TestScale checks where zero falls: white in the middle when values have
// both signs, the light end when they do not.
func TestScale(t *testing.T) {
	for _, c := range []struct {
		name          string
		lo, hi        float64
		o             options
		wantLo, wantH float64
		zero          color
	}{
		{"both signs", -1, 3, options{}, -3, 3, Diverging.At(0.5)},
		{"positive", 0.5, 2, options{}, 0, 2, Sequential.At(0)},
		{"negative", -2, -1, options{}, -2, 2, Diverging.At(0.5)},
		{"positive, diverging asked", 0, 2, options{palette: &Diverging}, -2, 2, Diverging.At(0.5)},
		{"range", -1, 1, options{ranged: true, vmin: 0, vmax: 4}, 0, 4, Diverging.At(0)},
		{"constant zero", 0, 0, options{}, 0, 1, Sequential.At(0)},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newScale(c.lo, c.hi, "", c.o)
			if s.lo != c.wantLo || s.hi != c.wantH || s.at(0) != c.zero {
				t.Errorf("got %v to %v, zero %v", s.lo, s.hi, s.at(0))
			}
			if s.at(math.NaN()) != blank || s.at(1e9) != s.p.At(1) {
				t.Error("NaN or a value beyond the end has the wrong colour")
			}
		})
	}
}

// TestPalettes checks that lightness falls from the light end, so that a
// figure reads in print and for any colour vision.
func TestPalettes(t *testing.T) {
	luma := func(c color) float64 { return 0.299*float64(c.R) + 0.587*float64(c.G) + 0.114*float64(c.B) }
	for _, c := range []struct {
		p        Palette
		from, to float64
	}{{Sequential, 0, 1}, {Greys, 0, 1}, {Diverging, 0.5, 1}, {Diverging, 0.5, 0}} {
		last := math.Inf(1)
		for i := range 101 {
			l := luma(c.p.At(c.from + (c.to-c.from)*float64(i)/100))
			// Rounding to 8 bits may lift a channel by one.
			if l > last+1 {
				t.Errorf("%s: lightness rises at %d%%", c.p.name, i)
			}
			last = l
		}
	}
}

// TestImports holds the arrow: figures are drawn from small interfaces, and
// this package depends on none of ours outside its folder but the one that writes files.
func TestImports(t *testing.T) {
	p, err := gobuild.ImportDir(".", 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range p.Imports {
		if strings.HasPrefix(i, "github.com/golens/") && !strings.HasPrefix(i, "github.com/golens/golens/plotting/") && i != "github.com/golens/golens/model/files" || i == "C" {
			t.Errorf("imports %s", i)
		}
	}
}
