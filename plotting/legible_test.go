package plotting

import (
	"strings"
	"testing"

	"github.com/golens/golens/plotting/glyphs"
)

// poor is a drawer that has one foreign sign.
type poor struct{ set []string }

func (p *poor) Has(r rune) bool { return r == 'ש' }
func (p *poor) Line(s string, size float64, _ bool) glyphs.Line {
	p.set = append(p.set, s)
	return glyphs.Line{Width: size, Outlines: []glyphs.Segment{{Op: glyphs.MoveTo}, {Op: glyphs.LineTo, Pts: [3]glyphs.Point{{X: size}}}}}
}

func foreignBars() *Figure {
	return Bars(fake{shape: []int{4}, vals: []float32{1, 2, 3, 4}, names: []string{"token"}, labels: [][]string{{" 中文", "שש", "👍", "é−Ġ"}}})
}

// TestWhatNoFontHasIsNamed: no boxes, but a number, and a note that says of what.
func TestWhatNoFontHasIsNamed(t *testing.T) {
	d := &poor{}
	glyphs.Register(func() glyphs.Drawer { return d })
	defer glyphs.Register(realFonts)
	f := foreignBars()
	s := f.scene.legible()
	var all []string
	for _, m := range s.marks {
		if l, ok := m.(text); ok {
			all = append(all, l.s)
			if strings.ContainsFunc(l.s, lacking) {
				t.Errorf("%q would be drawn as boxes", l.s)
			}
		}
	}
	got := strings.Join(all, "|")
	for _, want := range []string{"|·‹1›|", "|é−Ġ|", "‹2›", "‹1› U+4E2D U+6587", "‹2› U+1F44D", "SVG"} {
		if !strings.Contains(strings.ReplaceAll(got, "|", " ")+"|"+got, want) {
			t.Errorf("no %q in %q", want, got)
		}
	}
	if s.h <= f.scene.h || f.scene.h != foreignBars().scene.h {
		t.Error("want room for the note, and the figure as it was")
	}
	if _, err := f.PNG(); err != nil {
		t.Fatal(err)
	}
	if len(d.set) != 1 || !strings.Contains(d.set[0], "שש") {
		t.Errorf("set %q, want the label that Liberation cannot set and nothing else", d.set)
	}
	if svg, _ := f.SVG(); !strings.Contains(string(svg), "中文") {
		t.Error("the SVG leaves type to the reader's fonts")
	}
}

func TestGridNamesWhatNoFontHas(t *testing.T) {
	glyphs.Register(func() glyphs.Drawer { return &poor{} })
	defer glyphs.Register(realFonts)
	g := Grid([]*Figure{foreignBars(), foreignBars()})
	if s := g.scene.legible(); s.h <= g.scene.h {
		t.Error("no note below the grid")
	}
}

func TestDirectionIsKept(t *testing.T) {
	x := fake{shape: []int{2, 2}, vals: []float32{1, 0, 0.5, 0.5}, names: []string{"query", "key"}}
	f := Attention(x, Tokens("مرحبا", "שלום"))
	if got := tips(t, f)[1]; got != "\u2068שלום\u2069 → \u2068مرحبا\u2069: 0.50" {
		t.Errorf("got %q: the arrow would be turned round", got)
	}
}
