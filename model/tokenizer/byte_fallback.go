package tokenizer

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// byteFallback joins tokens of bytes, "<0xC3>", to characters. Where a run of
// them makes no text, each is U+FFFD.
type byteFallback struct{}

func (byteFallback) decode(tokens []string, raw bool) []string {
	out := tokens[:0]
	for i := 0; i < len(tokens); {
		var run []byte
		from := i
		for ; i < len(tokens); i++ {
			b, ok := byteOf(tokens[i])
			if !ok {
				break
			}
			run = append(run, b)
		}
		switch {
		case len(run) == 0:
			out = append(out, tokens[i])
			i++
		case raw || utf8.Valid(run):
			out = append(out, string(run))
		default:
			for range i - from {
				out = append(out, string(utf8.RuneError))
			}
		}
	}
	return out
}

func (byteFallback) alone(token string) string {
	if b, ok := byteOf(token); ok {
		return string([]byte{b})
	}
	return token
}

// byteOf reads "<0xC3>".
func byteOf(token string) (byte, bool) {
	if len(token) != len("<0x00>") || !strings.HasPrefix(token, "<0x") || token[5] != '>' {
		return 0, false
	}
	b, err := strconv.ParseUint(token[3:5], 16, 8)
	return byte(b), err == nil
}
