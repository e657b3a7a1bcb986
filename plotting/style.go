package plotting

import (
	"strings"
	"unicode"

	xfont "golang.org/x/image/font"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/font/liberation"
)

// Sizes in CSS pixels. A notebook shows a figure at 100%, where type under 11
// pixels is hard to read; only numbers printed in cells go smaller.
const (
	titleSize = 14.0
	textSize  = 12.0
	tickSize  = 11.0
	cellSize  = 10.0 // values printed in cells
	margin    = 8.0  // around everything
	tickGap   = 5.0  // between an axis and its labels
	tickLen   = 4.0
	thin      = 1.0
	// slack widens what is kept free for text: a reader without a font of
	// Arial's metrics falls back to one that runs up to a seventh wider.
	slack = 1.15
	// pageWidth is the widest that a figure grows by itself: the width of a
	// notebook's output area on a laptop, less its scroll bar.
	pageWidth = 860.0
)

// fontFamily names faces of the same metrics as Liberation Sans first, with
// which text was measured, then the generic fallback.
const fontFamily = "'Liberation Sans',Arimo,Arial,Helvetica,sans-serif"

var (
	ink   = rgb(0x222222) // text
	soft  = rgb(0x555555) // tick labels
	line  = rgb(0x888888) // axes
	faint = rgb(0xe4e4e4) // grid lines
	blank = rgb(0xeeeeee) // a cell without value
	white = rgb(0xffffff)
)

var (
	fonts = font.NewCache(liberation.Collection())
	sans  = font.Font{Typeface: "Liberation", Variant: "Sans"}
)

// face is Liberation Sans at the size in pixels.
func face(size float64, bold bool) font.Face {
	f := sans
	if bold {
		f.Weight = xfont.WeightBold
	}
	return fonts.Lookup(f, font.Length(size))
}

// width is the room that s needs at the size, slack included. A rune that
// Liberation lacks counts as one em, or as nothing if it combines or is not seen.
func width(s string, size float64) float64 {
	f := face(size, false)
	known, ems := make([]rune, 0, len(s)), 0.0
	for _, r := range s {
		switch i, err := f.Face.GlyphIndex(nil, r); {
		case err == nil && i != 0:
			known = append(known, r)
		case !unicode.In(r, unicode.Mn, unicode.Cf):
			ems++
		}
	}
	return slack * (float64(f.Width(string(known))) + ems*size)
}

// measured is the exact width of s in Liberation Sans, 0 if it has not all of its
// signs.
func measured(s string, size float64, bold bool) float64 {
	f := face(size, bold)
	for _, r := range s {
		if i, err := f.Face.GlyphIndex(nil, r); err != nil || i == 0 {
			return 0
		}
	}
	return float64(f.Width(s))
}

// widest is the room that the longest of the labels needs.
func widest(labels []string, size float64) float64 {
	w := 0.0
	for _, l := range labels {
		w = max(w, width(l, size))
	}
	return w
}

// labelRoom is the most that the labels of an axis take: a third of the figure's
// width w, or of its height h if that is fixed.
func labelRoom(w, h float64) float64 {
	if h > 0 {
		w = min(w, h)
	}
	return w / 3
}

// within is the text in at most w pixels: one that is longer loses its middle, and says
// all of it on hover.
func (t text) within(w float64) text {
	if width(t.s, t.size) <= w {
		return t
	}
	r := []rune(t.s)
	cut := func(n int) string { // to n runes, both ends alike
		after := strings.TrimLeftFunc(string(r[len(r)-n/2:]), unicode.IsMark) // which belong to what is cut
		return string(r[:(n+1)/2]) + "…" + after
	}
	lo, hi := 0, len(r)-1
	for lo < hi {
		if mid := (lo + hi + 1) / 2; width(cut(mid), t.size) <= w {
			lo = mid
		} else {
			hi = mid - 1
		}
	}
	t.tip, t.s = t.s, cut(lo)
	return t
}

// fitting is how many of the first runes of s fit into w pixels.
func fitting(s string, size, w float64) int {
	r := []rune(s)
	lo, hi := 0, len(r)
	for lo < hi {
		if mid := (lo + hi + 1) / 2; width(string(r[:mid]), size) <= w {
			lo = mid
		} else {
			hi = mid - 1
		}
	}
	return lo
}
