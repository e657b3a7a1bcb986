package tokenizer

import "strings"

// Byte-level BPE writes each byte as one printable letter, so that a vocabulary
// is JSON text: printable Latin-1 bytes as themselves, the 68 others as the
// letters from U+0100 on (space is Ġ, newline is Ċ).
var (
	byteLetter [256]rune
	letterByte = map[rune]byte{}
	// byteOrder lists the bytes in the order of GPT-2's vocabulary: those that
	// are written as themselves first.
	byteOrder []byte
)

func init() {
	var others []byte
	for b := range 256 {
		if '!' <= b && b <= '~' || 0xA1 <= b && b <= 0xAC || 0xAE <= b {
			byteLetter[b] = rune(b)
			byteOrder = append(byteOrder, byte(b))
			continue
		}
		byteLetter[b] = rune(256 + len(others))
		others = append(others, byte(b))
	}
	byteOrder = append(byteOrder, others...)
	for b, letter := range byteLetter {
		letterByte[letter] = byte(b)
	}
}

// letters writes bytes in byte-level letters.
func letters(s string) string {
	var b strings.Builder
	for i := range len(s) {
		b.WriteRune(byteLetter[s[i]])
	}
	return b.String()
}

// unletter reads byte-level letters; false if s has any other character.
func unletter(s string) (string, bool) {
	b := make([]byte, 0, len(s))
	for _, r := range s {
		c, ok := letterByte[r]
		if !ok {
			return "", false
		}
		b = append(b, c)
	}
	return string(b), true
}
