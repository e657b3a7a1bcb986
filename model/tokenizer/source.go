package tokenizer

// source maps positions in the text that the model sees to the text as given.
type source struct {
	base   int // where the model's text begins in the given one
	prefix int // bytes put in front of it
	// starts and ends hold, for each byte of the normalized text, where the
	// characters that it came from start and end; nil if nothing changed.
	starts, ends []int
}

// span maps the bytes [from, to) of the model's text to the given text.
func (s *source) span(from, to int) (int, int) {
	from, to = max(from-s.prefix, 0), max(to-s.prefix, 0)
	switch {
	case s.starts == nil:
		return s.base + from, s.base + to
	case from == to: // of the prefix alone
		return s.base + s.starts[0], s.base + s.starts[0]
	}
	return s.base + s.starts[from], s.base + s.ends[to-1]
}
