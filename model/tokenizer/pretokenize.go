package tokenizer

import (
	"encoding/json"
	"fmt"
)

// cutter is one step of the pre-tokenizer, which cuts a text into words. Each
// cuts what the one before it left whole.
type cutter struct {
	change func(view) view        // first changes the text; nil does not
	scan   scanner                // gives the words; nil leaves the text whole
	drop   func(word string) bool // leaves out words; nil keeps all
}

// cut calls word with each word of v, until it gives false.
func cut(cutters []cutter, v view, word func(view) bool) bool {
	if v.text == "" {
		return true
	}
	if len(cutters) == 0 {
		return word(v)
	}
	c := &cutters[0]
	if c.change != nil {
		v = c.change(v)
	}
	if c.scan == nil {
		return cut(cutters[1:], v, word)
	}
	for i := 0; i < len(v.text); {
		n := c.scan(v.text[i:])
		if c.drop == nil || !c.drop(v.text[i:i+n]) {
			if !cut(cutters[1:], v.slice(i, i+n), word) {
				return false
			}
		}
		i += n
	}
	return true
}

// hasByteLevel says whether the pre-tokenizer spells words in byte letters.
func hasByteLevel(raw json.RawMessage) (bool, error) {
	if absent(raw) {
		return false, nil
	}
	var p struct {
		Type  string
		Steps []json.RawMessage `json:"pretokenizers"`
	}
	if err := json.Unmarshal(raw, &p); err != nil {
		return false, fmt.Errorf("pre_tokenizer: %w", err)
	}
	for _, step := range p.Steps {
		if is, err := hasByteLevel(step); is || err != nil {
			return is, err
		}
	}
	return p.Type == "ByteLevel", nil
}

// parsePreTokenizer reads a pre-tokenizer, which may be a sequence.
func parsePreTokenizer(raw json.RawMessage) ([]cutter, error) {
	const field = "pre_tokenizer"
	if absent(raw) {
		return nil, nil
	}
	kind, err := typeOf(field, raw)
	if err != nil {
		return nil, err
	}
	var bare struct{ Type string }
	switch kind {
	case "Sequence":
		return parsePreTokenizers(raw)
	case "ByteLevel":
		return parseByteLevel(raw)
	case "Split":
		return parseSplit(raw)
	case "Metaspace":
		m, err := parseMetaspace(field, raw)
		return []cutter{m.cutter()}, err
	case "Digits":
		var p struct {
			Type       string
			Individual bool `json:"individual_digits"`
		}
		err := read(field, raw, &p, "individual_digits")
		behavior := "Contiguous"
		if p.Individual {
			behavior = "Isolated"
		}
		c, _ := delimited(matchNumber, behavior)
		return []cutter{c}, err
	case "Punctuation":
		p := struct{ Type, Behavior string }{Behavior: "Isolated"}
		if err := read(field, raw, &p); err != nil {
			return nil, err
		}
		c, ok := delimited(matchPunctuation, p.Behavior)
		if !ok {
			return nil, fmt.Errorf("pre_tokenizer: Punctuation behavior %q is not supported", p.Behavior)
		}
		return []cutter{c}, nil
	case "BertPreTokenizer":
		return bertWords(), read(field, raw, &bare)
	case "WhitespaceSplit":
		return bertWords()[:1], read(field, raw, &bare)
	case "Whitespace":
		return []cutter{{scan: scanWhitespace, drop: isSpaces}}, read(field, raw, &bare)
	}
	return nil, fmt.Errorf("pre_tokenizer: type %q is not supported; ByteLevel, Split, Metaspace, Digits, Punctuation, BertPreTokenizer, Whitespace, WhitespaceSplit and a Sequence of them are", kind)
}

func parsePreTokenizers(raw json.RawMessage) ([]cutter, error) {
	var p struct {
		Type  string
		Steps []json.RawMessage `json:"pretokenizers"`
	}
	if err := read("pre_tokenizer", raw, &p, "pretokenizers"); err != nil {
		return nil, err
	}
	var cutters []cutter
	level := false
	for _, step := range p.Steps {
		kind, err := typeOf("pre_tokenizer", step)
		if err != nil {
			return nil, err
		}
		if level {
			return nil, fmt.Errorf("pre_tokenizer: %q after ByteLevel is not supported; ByteLevel comes last", kind)
		}
		more, err := parsePreTokenizer(step)
		if err != nil {
			return nil, err
		}
		if level, err = hasByteLevel(step); err != nil {
			return nil, err
		}
		cutters = append(cutters, more...)
	}
	return cutters, nil
}

func parseByteLevel(raw json.RawMessage) ([]cutter, error) {
	p := struct {
		Type        string
		PrefixSpace bool `json:"add_prefix_space"`
		UseRegex    bool `json:"use_regex"`
		TrimOffsets bool `json:"trim_offsets"` // see the package comment
	}{PrefixSpace: true, UseRegex: true} // where the file does not say
	if err := read("pre_tokenizer", raw, &p); err != nil {
		return nil, err
	}
	var c cutter
	if p.PrefixSpace {
		c.change = prefixSpace
	}
	if p.UseRegex {
		c.scan = scanGPT2
	}
	return []cutter{c}, nil
}

// prefixSpace puts a space before a text that does not begin with one.
func prefixSpace(v view) view {
	if v.text[0] == ' ' {
		return v
	}
	return v.prepend(" ")
}
