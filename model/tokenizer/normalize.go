package tokenizer

import (
	"encoding/json"
	"fmt"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// normalizer is one step that changes a text before it is cut into words.
type normalizer struct {
	apply func(view) view
	// folds says that it makes one of several ways to write the same, as
	// lower case does, so that a single token may be looked up through it.
	folds bool
	// growth is how many bytes it may write for one; below 1 counts as 1.
	growth float64
}

// normalize applies the steps one after another.
func normalize(steps []normalizer, v view) view {
	for _, n := range steps {
		v = n.apply(v)
	}
	return v
}

var forms = map[string]norm.Form{"NFC": norm.NFC, "NFD": norm.NFD, "NFKC": norm.NFKC, "NFKD": norm.NFKD}

// parseNormalizer reads a normalizer, which may be a sequence.
func parseNormalizer(raw json.RawMessage) ([]normalizer, error) {
	const field = "normalizer"
	if absent(raw) {
		return nil, nil
	}
	kind, err := typeOf(field, raw)
	if err != nil {
		return nil, err
	}
	fold := func(apply func(view) view) []normalizer { return []normalizer{{apply: apply, folds: true}} }
	var bare struct{ Type string }
	switch kind {
	case "Sequence":
		var n struct {
			Type        string
			Normalizers []json.RawMessage
		}
		if err := read(field, raw, &n, "normalizers"); err != nil {
			return nil, err
		}
		var steps []normalizer
		for _, part := range n.Normalizers {
			more, err := parseNormalizer(part)
			if err != nil {
				return nil, err
			}
			steps = append(steps, more...)
		}
		return steps, nil
	case "NFC", "NFKC":
		return fold(func(v view) view { return compose(v, forms[kind]) }), read(field, raw, &bare)
	case "NFD", "NFKD":
		return fold(func(v view) view { return decompose(v, forms[kind]) }), read(field, raw, &bare)
	case "Lowercase":
		return fold(lowercase), read(field, raw, &bare)
	case "StripAccents":
		return fold(func(v view) view { return v.without(isMark) }), read(field, raw, &bare)
	case "BertNormalizer":
		return parseBERT(raw)
	case "Prepend":
		var n struct{ Type, Prepend string }
		err := read(field, raw, &n, "prepend")
		return []normalizer{{apply: func(v view) view { return v.prepend(n.Prepend) }}}, err
	case "Replace":
		return parseReplace(raw)
	case "Strip":
		var n struct {
			Type  string
			Left  bool `json:"strip_left"`
			Right bool `json:"strip_right"`
		}
		err := read(field, raw, &n, "strip_left", "strip_right")
		return []normalizer{{apply: func(v view) view { return v.trim(n.Left, n.Right) }}}, err
	}
	return nil, fmt.Errorf("normalizer: type %q is not supported; NFC, NFD, NFKC, NFKD, Lowercase, StripAccents, BertNormalizer, Prepend, Replace, Strip and a Sequence of them are", kind)
}

// lowercase writes characters in lower case, each on its own.
func lowercase(v view) view {
	return v.rewrite(func(r rune) (string, bool) {
		if r == 'İ' { // the one that becomes two
			return "i\u0307", true
		}
		if low := unicode.ToLower(r); low != r {
			return string(low), true
		}
		return "", false
	})
}

// without leaves out the characters that are in a class.
func (v view) without(class func(rune) bool) view {
	return v.rewrite(func(r rune) (string, bool) { return "", class(r) })
}
