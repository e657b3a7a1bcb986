package tokenizer

import (
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf8"
)

// metaspace is how SentencePiece writes a space.
const metaspace = "▁"

// metaspaces is the Metaspace of a file, which is a pre-tokenizer and a
// decoder.
type metaspaces struct {
	mark   string // stands for a space
	scheme string // where one is put in front: always, first, never
	split  bool
}

func parseMetaspace(field string, raw json.RawMessage) (metaspaces, error) {
	var p struct {
		Type        string
		Replacement string
		Scheme      *string `json:"prepend_scheme"`
		Prefix      *bool   `json:"add_prefix_space"` // the older form
		Split       *bool
		Same        string `json:"str_rep"` // the replacement once more
	}
	var m metaspaces
	if err := read(field, raw, &p, "replacement"); err != nil {
		return m, err
	}
	m = metaspaces{p.Replacement, "always", p.Split == nil || *p.Split}
	switch {
	case utf8.RuneCountInString(p.Replacement) != 1:
		return m, fmt.Errorf("%s: Metaspace replacement %q is not one character", field, p.Replacement)
	case p.Scheme != nil:
		m.scheme = *p.Scheme
	case p.Prefix != nil && !*p.Prefix:
		m.scheme = "never"
	}
	switch {
	case m.scheme != "always" && m.scheme != "first" && m.scheme != "never":
		return m, fmt.Errorf("%s: Metaspace prepend_scheme %q is not supported; always, first and never are", field, m.scheme)
	case p.Prefix != nil && !*p.Prefix && m.scheme != "never":
		return m, fmt.Errorf("%s: Metaspace add_prefix_space false contradicts prepend_scheme %q", field, m.scheme)
	}
	return m, nil
}

// cutter writes spaces as the mark, puts one in front, and cuts before the last
// of each run of them.
func (m metaspaces) cutter() cutter {
	var c cutter
	if m.split {
		c, _ = delimited(matchString(m.mark), "MergedWithNext")
	}
	find := func(s string) (int, int) { return literal(s, " ") }
	c.change = func(v view) view {
		v = v.replace(find, m.mark)
		put := m.scheme == "always" || m.scheme == "first" && v.span(0, len(v.text)).start == 0
		if put && !strings.HasPrefix(v.text, m.mark) {
			v = v.prepend(m.mark)
		}
		return v
	}
	return c
}

// decode implements decoding: marks are spaces, except in the first token,
// where they go if one was put in front.
func (m metaspaces) decode(tokens []string, _ bool) []string {
	for i, token := range tokens {
		if i == 0 && m.scheme != "never" {
			tokens[i] = strings.ReplaceAll(token, m.mark, "")
		} else {
			tokens[i] = m.alone(token)
		}
	}
	return tokens
}

func (m metaspaces) alone(token string) string { return strings.ReplaceAll(token, m.mark, " ") }

// scanMarks cuts before each ▁ that follows another character.
func scanMarks(s string) int {
	i := len(s) - len(strings.TrimLeft(s, metaspace))
	if n := strings.Index(s[i:], metaspace); n >= 0 {
		return i + n
	}
	return len(s)
}
