package tokenizer

import "strings"

const gpt2Pattern = `'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`

// scanGPT2 scans gpt2Pattern.
func scanGPT2(s string) int {
	for _, c := range contractions {
		if strings.HasPrefix(s, c) {
			return len(c)
		}
	}
	c, _ := first(s)
	from := 0
	if s[0] == ' ' && len(s) > 1 {
		if next, _ := first(s[1:]); next != space {
			c, from = next, 1
		}
	}
	if c == space {
		return spaces(s, run(s, space))
	}
	return from + run(s[from:], c)
}

var contractions = []string{"'s", "'t", "'re", "'ve", "'m", "'ll", "'d"}
