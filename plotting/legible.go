package plotting

import (
	"fmt"
	"strings"
	"unicode"

	"golang.org/x/image/font/sfnt"
	"golang.org/x/text/unicode/bidi"

	"github.com/golens/golens/plotting/glyphs"
)

// ours says whether Liberation Sans has the sign.
func ours(r rune, buf *sfnt.Buffer) bool {
	i, err := face(textSize, false).Face.GlyphIndex(buf, r)
	return err == nil && i != 0
}

// turned says whether the sign is written from right to left.
func turned(r rune) bool {
	p, _ := bidi.LookupRune(r)
	return p.Class() == bidi.R || p.Class() == bidi.AL
}

// foreign says whether s has signs that Liberation Sans lacks, or that cannot be
// set one after the other.
func foreign(s string) bool {
	var buf sfnt.Buffer
	return strings.ContainsFunc(s, func(r rune) bool { return r >= 0x80 && (!ours(r, &buf) || turned(r)) })
}

// lacking says whether no font here has the sign.
func lacking(r rune) bool {
	if r < 0x80 || ours(r, new(sfnt.Buffer)) && !turned(r) {
		return false
	}
	if unicode.In(r, unicode.Cf, unicode.Variation_Selector) { // they shape others, and show nothing
		return false
	}
	d := glyphs.Get()
	return d == nil || !d.Has(r)
}

// maxNotes is how many lacking texts a figure's note spells out.
const maxNotes = 12

// legible is the scene for a picture that carries its type with it. What no font
// has is not drawn as boxes: a number stands for it, and a note below the figure
// says which signs it is.
func (s *scene) legible() *scene {
	var notes []string
	numbers := map[string]int{}
	out := s.spelled(func(missing string) string {
		n, ok := numbers[missing]
		if !ok {
			n = len(numbers) + 1
			numbers[missing] = n
			var codes []string
			for _, r := range missing {
				codes = append(codes, fmt.Sprintf("U+%04X", r))
			}
			notes = append(notes, fmt.Sprintf("‹%d› %s", n, strings.Join(codes, " ")))
		}
		return fmt.Sprintf("‹%d›", n)
	})
	if len(notes) == 0 {
		return s
	}
	if more := len(notes) - maxNotes; more > 0 {
		notes = append(notes[:maxNotes], fmt.Sprintf("and %d more", more))
	}
	out.footer("No font here has " + strings.Join(notes, ", ") + ". " + remedy)
	return out
}

// spelled is a copy of the scene with other texts for the signs that are lacking.
func (s *scene) spelled(instead func(missing string) string) *scene {
	out := &scene{w: s.w, h: s.h}
	for _, m := range s.marks {
		switch k := m.(type) {
		case text:
			k.s = replaceRuns(k.s, lacking, instead)
			m = k
		case moved:
			m = moved{k.scene.spelled(instead), k.by}
		}
		out.add(m)
	}
	return out
}

// replaceRuns replaces each stretch of runes that is takes.
func replaceRuns(s string, is func(rune) bool, by func(string) string) string {
	if !strings.ContainsFunc(s, is) {
		return s
	}
	var b, run strings.Builder
	flush := func() {
		if run.Len() > 0 {
			b.WriteString(by(run.String()))
			run.Reset()
		}
	}
	for _, r := range s {
		if is(r) {
			run.WriteRune(r)
			continue
		}
		flush()
		b.WriteRune(r)
	}
	flush()
	return b.String()
}
