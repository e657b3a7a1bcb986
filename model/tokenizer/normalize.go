package tokenizer

import (
	"encoding/json"
	"fmt"

	"golang.org/x/text/unicode/norm"
)

// parseNormalizer says whether text is brought to NFC. Anything else than NFC
// or no normalizer is refused.
func parseNormalizer(raw json.RawMessage) (nfc bool, err error) {
	if absent(raw) {
		return false, nil
	}
	var n struct {
		Type        string
		Normalizers []json.RawMessage
	}
	if err := read("normalizer", raw, &n); err != nil {
		return false, err
	}
	switch n.Type {
	case "NFC":
		return true, nil
	case "Sequence":
		for _, part := range n.Normalizers {
			is, err := parseNormalizer(part)
			if err != nil {
				return false, err
			}
			nfc = nfc || is
		}
		return nfc, nil
	}
	return false, fmt.Errorf("normalizer: type %q is not supported; NFC is", n.Type)
}

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
	if s.starts == nil {
		return s.base + from, s.base + to
	}
	if from == to {
		return s.base + s.start(from), s.base + s.start(from)
	}
	return s.base + s.starts[from], s.base + s.ends[to-1]
}

func (s *source) start(i int) int {
	if i < len(s.starts) {
		return s.starts[i]
	}
	return 0
}

// compose brings text to NFC and says where each byte of it came from. More
// than 30 combining marks on one character are divided by U+034F, as the
// Unicode stream-safe format has it; the reference leaves them together.
func compose(text string) (string, source) {
	if norm.NFC.IsNormalString(text) {
		return text, source{}
	}
	out := make([]byte, 0, len(text))
	s := source{starts: []int{}}
	for at := 0; at < len(text); {
		n := norm.NFC.NextBoundaryInString(text[at:], true)
		part := text[at : at+n]
		composed := norm.NFC.String(part)
		out = append(out, composed...)
		for i := range len(composed) {
			if composed == part {
				s.starts, s.ends = append(s.starts, at+i), append(s.ends, at+i+1)
			} else {
				s.starts, s.ends = append(s.starts, at), append(s.ends, at+n)
			}
		}
		at += n
	}
	return string(out), s
}
