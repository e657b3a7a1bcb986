package tokenizer

import (
	"encoding/json"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// parseBERT reads BERT's normalizer, which is four steps.
func parseBERT(raw json.RawMessage) ([]normalizer, error) {
	var n struct {
		Type    string
		Clean   bool  `json:"clean_text"`
		Chinese bool  `json:"handle_chinese_chars"`
		Accents *bool `json:"strip_accents"`
		Lower   bool  `json:"lowercase"`
	}
	err := read("normalizer", raw, &n, "clean_text", "handle_chinese_chars", "lowercase")
	return bertNormalizer(n.Clean, n.Chinese, n.Accents, n.Lower), err
}

// bertNormalizer is BERT's; accents nil means that they go if case does.
func bertNormalizer(clean, chinese bool, accents *bool, lower bool) []normalizer {
	var steps []normalizer
	if clean {
		steps = append(steps, normalizer{apply: cleanText, folds: true})
	}
	if chinese {
		steps = append(steps, normalizer{apply: apartChinese})
	}
	if accents == nil && lower || accents != nil && *accents {
		steps = append(steps, normalizer{apply: stripAccents, folds: true})
	}
	if lower {
		steps = append(steps, normalizer{apply: lowercase, folds: true})
	}
	return steps
}

// cleanText leaves out control and format characters, and U+FFFD, and makes
// all white space spaces.
func cleanText(v view) view {
	return v.rewrite(func(r rune) (string, bool) {
		switch {
		case r == '\t' || r == '\n' || r == '\r':
			return " ", true
		case r == utf8.RuneError || isControl(r):
			return "", true
		case unicode.IsSpace(r):
			return " ", r != ' '
		}
		return "", false
	})
}

// apartChinese puts spaces around Chinese characters.
func apartChinese(v view) view {
	return v.rewrite(func(r rune) (string, bool) {
		if !isChinese(r) {
			return "", false
		}
		return " " + string(r) + " ", true
	})
}

// isChinese says whether r is in the blocks that BERT counts as Chinese, in
// the numbers of the reference.
func isChinese(r rune) bool {
	return 0x4E00 <= r && r <= 0x9FFF || 0x3400 <= r && r <= 0x4DBF || 0x20000 <= r && r <= 0x2A6DF ||
		0x2A700 <= r && r <= 0x2B73F || 0x2B740 <= r && r <= 0x2B81F || 0x2B920 <= r && r <= 0x2CEAF ||
		0xF900 <= r && r <= 0xFAFF || 0x2F800 <= r && r <= 0x2FA1F
}

// stripAccents takes characters apart and leaves out the marks on them.
func stripAccents(v view) view {
	return decompose(v, norm.NFD).without(isNonspacing)
}
