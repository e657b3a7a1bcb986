package tokenizer

import (
	"slices"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// compose brings text to NFC or NFKC. What was composed stands where all the
// characters stood that it was composed from. Bytes that are not valid UTF-8
// stay, and nothing is composed across them.
func compose(v view, form norm.Form) view {
	if utf8.ValidString(v.text) && form.IsNormalString(v.text) {
		return v
	}
	b := rewriter{old: v}
	for at := 0; at < len(v.text); {
		n := segment(v.text[at:], form)
		part := v.text[at : at+n]
		if composed := composeSegment(part, form); composed == part {
			b.keep(at, at+n)
		} else {
			b.put(composed, at, at+n)
		}
		at += n
	}
	return b.view()
}

// segment is the length of the first character of s with all that may combine
// with it, or of an invalid byte.
func segment(s string, form norm.Form) int {
	r, i := utf8.DecodeRuneInString(s)
	if r == utf8.RuneError && i == 1 {
		return 1
	}
	for i < len(s) {
		r, n := utf8.DecodeRuneInString(s[i:])
		if r == utf8.RuneError && n == 1 || form.PropertiesString(s[i:]).BoundaryBefore() {
			break
		}
		i += n
	}
	return i
}

// streamSafe is how many combining marks norm takes on one character: it
// divides more of them by U+034F, which the reference does not. A segment of
// this many bytes cannot have more.
const streamSafe = 30

func composeSegment(s string, form norm.Form) string {
	switch {
	case len(s) == 1: // an ASCII character or an invalid byte
		return s
	case len(s) <= streamSafe:
		return form.String(s)
	}
	return composeLong(s, form)
}

// composeLong is canonical composition, of a segment of any length: decompose,
// order the marks by class, and join each to its starter unless another of its
// class or a higher one stands between.
//
// Source: The Unicode Standard, section 3.11, D109, D115 and D117.
func composeLong(s string, form norm.Form) string {
	apart := norm.NFD
	if form == norm.NFKC {
		apart = norm.NFKD
	}
	type mark struct {
		r     rune
		class uint8
	}
	var marks []mark
	for _, r := range s {
		for _, r := range apart.String(string(r)) {
			marks = append(marks, mark{r, norm.NFD.PropertiesString(string(r)).CCC()})
		}
	}
	for i := 0; i < len(marks); {
		j := i + 1
		if marks[i].class != 0 {
			for j < len(marks) && marks[j].class != 0 {
				j++
			}
			slices.SortStableFunc(marks[i:j], func(a, b mark) int { return int(a.class) - int(b.class) })
		}
		i = j
	}
	var out []mark
	starter := -1
	for _, m := range marks {
		if starter >= 0 && (starter == len(out)-1 || out[len(out)-1].class < m.class) {
			joined := []rune(norm.NFC.String(string([]rune{out[starter].r, m.r})))
			if len(joined) == 1 {
				out[starter].r = joined[0]
				continue
			}
		}
		if m.class == 0 {
			starter = len(out)
		}
		out = append(out, m)
	}
	var b strings.Builder
	for _, m := range out {
		b.WriteRune(m.r)
	}
	return b.String()
}
