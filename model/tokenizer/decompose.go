package tokenizer

import (
	"slices"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// decompose takes characters apart, to NFD or NFKD; each part stands where the
// whole character stood. Bytes that are not valid UTF-8 stay.
func decompose(v view, form norm.Form) view {
	if utf8.ValidString(v.text) && form.IsNormalString(v.text) {
		return v
	}
	type mark struct {
		text  string
		class uint8
		first bool // of its character
	}
	b := rewriter{old: v}
	var marks []mark // since the last character that is none
	var from []int   // where the characters begin whose first part is one of them
	last := 0        // where the character begins that was written last
	put := func(text string) {
		_, n := utf8.DecodeRuneInString(v.text[last:])
		b.put(text, last, last+n)
	}
	flush := func() {
		// The marks are put in order, their places are in order already.
		slices.SortStableFunc(marks, func(a, b mark) int { return int(a.class) - int(b.class) })
		for _, m := range marks {
			if m.first {
				last, from = from[0], from[1:]
			}
			put(m.text)
		}
		marks, from = marks[:0], from[:0]
	}
	for i := 0; i < len(v.text); {
		r, n := utf8.DecodeRuneInString(v.text[i:])
		if r < utf8.RuneSelf || r == utf8.RuneError {
			flush()
			b.keep(i, i+n)
			last = i
			i += n
			continue
		}
		for at, part := range form.String(v.text[i : i+n]) {
			text := string(part)
			class := form.PropertiesString(text).CCC()
			switch {
			case class == 0:
				flush()
				last = i
				put(text)
			case at == 0:
				from = append(from, i)
				fallthrough
			default:
				marks = append(marks, mark{text, class, at == 0})
			}
		}
		i += n
	}
	flush()
	return b.view()
}
