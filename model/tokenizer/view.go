package tokenizer

import "unicode/utf8"

// view is a text on its way through the steps, and where each byte of it stands
// in the text as given.
type view struct {
	text string
	base int // where text begins in the given one, as long as spans is nil
	// spans hold, for each byte of text, the bytes of the given text that it
	// came from; nil if nothing changed.
	spans []span
}

// span is the bytes [start, end) of the text as given.
type span struct{ start, end int32 }

// slice is the part [i, j) of the view.
func (v view) slice(i, j int) view {
	if v.spans == nil {
		return view{text: v.text[i:j], base: v.base + i}
	}
	return view{text: v.text[i:j], spans: v.spans[i:j]}
}

// span maps the bytes [i, j) of the view, at least one, to the given text.
func (v view) span(i, j int) span {
	if v.spans == nil {
		return span{int32(v.base + i), int32(v.base + j)}
	}
	return span{v.spans[i].start, v.spans[j-1].end}
}

// rewrite gives the view with some characters replaced: to says by what, which
// may be nothing, or gives false for what stays. A replacement stands where the
// character stood. An invalid byte comes as U+FFFD.
func (v view) rewrite(to func(r rune) (string, bool)) view {
	b := rewriter{old: v}
	done := 0 // what is before it is written
	for i := 0; i < len(v.text); {
		r, n := utf8.DecodeRuneInString(v.text[i:])
		if s, ok := to(r); ok {
			b.keep(done, i)
			b.put(s, i, i+n)
			done = i + n
		}
		i += n
	}
	if done == 0 {
		return v
	}
	b.keep(done, len(v.text))
	return b.view()
}

// prepend puts s in front of a view that is not empty. It stands where the
// first character does.
func (v view) prepend(s string) view {
	if v.text == "" {
		return v
	}
	_, n := utf8.DecodeRuneInString(v.text)
	b := rewriter{old: v}
	b.put(s, 0, n)
	b.keep(0, len(v.text))
	return b.view()
}

// rewriter builds a view from an older one.
type rewriter struct {
	old   view
	text  []byte
	spans []span
}

// keep takes over the bytes [i, j) of the old view.
func (b *rewriter) keep(i, j int) {
	if b.text == nil {
		size := len(b.old.text) + len(b.old.text)/4
		b.text, b.spans = make([]byte, 0, size), make([]span, 0, size)
	}
	b.text = append(b.text, b.old.text[i:j]...)
	if b.old.spans != nil {
		b.spans = append(b.spans, b.old.spans[i:j]...)
		return
	}
	for ; i < j; i++ {
		b.spans = append(b.spans, b.old.span(i, i+1))
	}
}

// put writes s where the old view has [i, j).
func (b *rewriter) put(s string, i, j int) {
	at := b.old.span(i, j)
	b.text = append(b.text, s...)
	for range len(s) {
		b.spans = append(b.spans, at)
	}
}

func (b *rewriter) view() view {
	if b.spans == nil {
		b.spans = []span{} // an empty view, not an unchanged one
	}
	return view{text: string(b.text), spans: b.spans}
}
