// Package fonts lets figures be saved as PNG and PDF with signs of any script, by
// the fonts that the machine has: Chinese, Japanese, Korean, Arabic, Hebrew, Thai,
// Devanagari, emoji. Importing it is enough:
//
//	import _ "github.com/golens/golens/plotting/fonts"
//
// Programs that import package plotting have it. Cells of a notebook do not, since
// it makes each of them take longer to build; what they show is SVG, which the
// browser sets.
package fonts

import (
	"bytes"
	"image"
	_ "image/jpeg" // bitmaps of glyphs are PNG, JPEG or TIFF
	_ "image/png"
	"io"
	"log"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"codeberg.org/go-fonts/liberation/liberationsansbold"
	"codeberg.org/go-fonts/liberation/liberationsansregular"
	"github.com/go-text/typesetting/di"
	"github.com/go-text/typesetting/font"
	ot "github.com/go-text/typesetting/font/opentype"
	"github.com/go-text/typesetting/fontscan"
	"github.com/go-text/typesetting/language"
	"github.com/go-text/typesetting/shaping"
	"golang.org/x/image/math/fixed"

	"github.com/golens/golens/plotting/glyphs"
)

func init() { glyphs.Register(New) }

// setter sets type in Liberation Sans and, where that lacks a sign, in fonts of
// the machine.
type setter struct {
	mu     sync.Mutex
	own    map[bool]*font.Face // by weight
	system *fontscan.FontMap   // nil: the machine's fonts cannot be read
	shaper shaping.HarfbuzzShaper
}

// New returns a drawer with the fonts that this machine has.
func New() glyphs.Drawer {
	s := &setter{own: map[bool]*font.Face{}}
	for bold, ttf := range map[bool][]byte{false: liberationsansregular.TTF, true: liberationsansbold.TTF} {
		if f, err := font.ParseTTF(bytes.NewReader(ttf)); err == nil {
			s.own[bold] = f
		}
	}
	// The index of fonts is kept: reading all of them takes a second.
	dir, err := os.UserCacheDir()
	if err == nil {
		dir = filepath.Join(dir, "golens")
		err = os.MkdirAll(dir, 0o755)
	}
	if err != nil {
		dir = os.TempDir()
	}
	m := fontscan.NewFontMap(log.New(io.Discard, "", 0))
	if m.UseSystemFonts(dir) == nil {
		m.SetQuery(fontscan.Query{Families: []string{fontscan.SansSerif, fontscan.Emoji}})
		s.system = m
	}
	return s
}

// faces resolves a sign to the first font that has it.
type faces struct {
	*setter
	bold bool
}

// ResolveFace implements shaping.Fontmap.
func (f faces) ResolveFace(r rune) *font.Face {
	own := f.own[f.bold]
	if _, ok := own.NominalGlyph(r); ok || f.system == nil {
		return own
	}
	f.system.SetScript(language.LookupScript(r)) // finds fonts of a script that are no sans serif's substitute
	if face := f.system.ResolveFace(r); face != nil {
		return face
	}
	return own
}

// Has implements glyphs.Drawer.
func (s *setter) Has(r rune) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	face := faces{s, false}.ResolveFace(r)
	gid, ok := face.NominalGlyph(r)
	if !ok || gid == 0 {
		return false
	}
	switch g := face.GlyphData(gid).(type) {
	case font.GlyphOutline:
		return true
	case font.GlyphSVG:
		return len(g.Outline.Segments) > 0
	case font.GlyphBitmap:
		return decode(g) != nil
	}
	return false
}

// Line implements glyphs.Drawer.
func (s *setter) Line(text string, size float64, bold bool) glyphs.Line {
	s.mu.Lock()
	defer s.mu.Unlock()
	runes := []rune(text)
	var seg shaping.Segmenter
	runs := visual(seg.Split(shaping.Input{Text: runes, RunEnd: len(runes), Direction: di.DirectionLTR, Size: fixed.Int26_6(size * 64)}, faces{s, bold}))
	var line glyphs.Line
	for _, run := range runs {
		out := s.shaper.Shape(run)
		for _, g := range out.Glyphs {
			s.glyph(&line, run.Face, g, size)
			line.Width += float64(g.Advance) / 64
		}
	}
	return line
}

// visual puts runs in the order in which they stand from left to right: a stretch
// of runs from right to left is turned round.
func visual(runs []shaping.Input) []shaping.Input {
	for i := 0; i < len(runs); {
		j := i + 1
		if runs[i].Direction == di.DirectionRTL {
			for j < len(runs) && runs[j].Direction == di.DirectionRTL {
				j++
			}
			slices.Reverse(runs[i:j])
		}
		i = j
	}
	return runs
}

// glyph adds one glyph at the line's end.
func (s *setter) glyph(line *glyphs.Line, face *font.Face, g shaping.Glyph, size float64) {
	x, y := line.Width+float64(g.XOffset)/64, float64(g.YOffset)/64
	k := size / float64(face.Upem())
	outline := func(o font.GlyphOutline) {
		for _, seg := range o.Segments {
			out := glyphs.Segment{Op: map[ot.SegmentOp]glyphs.Op{ot.SegmentOpLineTo: glyphs.LineTo, ot.SegmentOpQuadTo: glyphs.QuadTo, ot.SegmentOpCubeTo: glyphs.CubeTo}[seg.Op]}
			for i, p := range seg.Args {
				out.Pts[i] = glyphs.Point{X: x + float64(p.X)*k, Y: y + float64(p.Y)*k}
			}
			line.Outlines = append(line.Outlines, out)
		}
	}
	switch d := face.GlyphData(g.GlyphID).(type) {
	case font.GlyphOutline:
		outline(d)
	case font.GlyphSVG:
		outline(d.Outline)
	case font.GlyphBitmap:
		img := decode(d)
		if img == nil {
			return
		}
		// Bitmaps are as wide as the glyph, and stand a little below the baseline.
		w := float64(g.Advance) / 64
		h := w * float64(img.Bounds().Dy()) / float64(img.Bounds().Dx())
		line.Pictures = append(line.Pictures, glyphs.Picture{Image: img, Min: glyphs.Point{X: x, Y: y - 0.2*h}, Max: glyphs.Point{X: x + w, Y: y + 0.8*h}})
	}
}

// decode is a bitmap's image, nil if its format is not known.
func decode(g font.GlyphBitmap) image.Image {
	img, _, err := image.Decode(bytes.NewReader(g.Data))
	if err != nil || img.Bounds().Empty() {
		return nil
	}
	return img
}
