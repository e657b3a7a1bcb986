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
	}
	b := rewriter{old: v}
	var marks []mark // since the last character that is none
	var from []int   // where each of them comes from
	flush := func() {
		// The marks are put in order, their places are in order already.
		slices.SortStableFunc(marks, func(a, b mark) int { return int(a.class) - int(b.class) })
		for i, m := range marks {
			_, n := utf8.DecodeRuneInString(v.text[from[i]:])
			b.put(m.text, from[i], from[i]+n)
		}
		marks, from = marks[:0], from[:0]
	}
	for i := 0; i < len(v.text); {
		r, n := utf8.DecodeRuneInString(v.text[i:])
		if r < utf8.RuneSelf || r == utf8.RuneError {
			flush()
			b.keep(i, i+n)
			i += n
			continue
		}
		for _, part := range form.String(v.text[i : i+n]) {
			text := string(part)
			class := form.PropertiesString(text).CCC()
			if class == 0 {
				flush()
				b.put(text, i, i+n)
			} else {
				marks, from = append(marks, mark{text, class}), append(from, i)
			}
		}
		i += n
	}
	flush()
	return b.view()
}
