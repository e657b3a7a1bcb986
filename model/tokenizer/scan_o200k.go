package tokenizer

import (
	"unicode"
	"unicode/utf8"
)

const (
	o200kPattern = `[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+`
	// tekkenPattern is of Mistral's Tekken tokenizers.
	tekkenPattern = `[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+`
)

// What may stand in the first part of a word and in its second part: capitals
// in the first, small letters in the second, other letters and marks in both.
const (
	inFirst = 1 << iota
	inSecond
)

func wordParts(r rune) int {
	switch {
	case 'a' <= r && r <= 'z' || unicode.Is(unicode.Ll, r):
		return inSecond
	case 'A' <= r && r <= 'Z' || unicode.In(r, unicode.Lu, unicode.Lt):
		return inFirst
	case r >= utf8.RuneSelf && unicode.In(r, unicode.Lm, unicode.Lo, unicode.M):
		return inFirst | inSecond
	}
	return 0
}

// scanO200K scans the pattern of o200k, or of Tekken, in which a word has no
// contraction behind it and a number is cut after one digit.
func scanO200K(digits int, contraction bool) scanner {
	return func(s string) int {
		c, width := first(s)
		if c == number {
			return runAtMost(s, number, digits)
		}
		n := 0
		// One character that is no line break may lead a word; a mark may also
		// be its first letter.
		lead := c != letter && s[0] != '\r' && s[0] != '\n'
		if lead {
			n = wordWithSmall(s, width)
		}
		if n == 0 {
			n = wordWithSmall(s, 0)
		}
		if n == 0 && lead {
			n = wordOfCapitals(s, width)
		}
		if n == 0 {
			n = wordOfCapitals(s, 0)
		}
		if n > 0 {
			if contraction && n < len(s) {
				n += foldedContraction(s[n:])
			}
			return n
		}
		return symbolsOrSpaces(s, "\r\n/")
	}
}

// wordWithSmall is where the word ends that begins at from and has one
// character or more of the second part, or 0.
func wordWithSmall(s string, from int) int {
	end := 0 // after the last character that could be of the second part
	i := from
	for i < len(s) {
		r, n := utf8.DecodeRuneInString(s[i:])
		parts := wordParts(r)
		if parts&inFirst == 0 {
			break
		}
		i += n
		if parts&inSecond != 0 {
			end = i
		}
	}
	if n := runOf(s[i:], inSecond); n > 0 {
		return i + n
	}
	return end
}

// wordOfCapitals is where the word ends that begins at from with one character
// or more of the first part, or 0. It has none of the second part, or
// wordWithSmall had found it.
func wordOfCapitals(s string, from int) int {
	if n := runOf(s[from:], inFirst); n > 0 {
		return from + n
	}
	return 0
}

// runOf is the length of the longest prefix of s all in one part of a word.
func runOf(s string, part int) int {
	i := 0
	for i < len(s) {
		r, n := utf8.DecodeRuneInString(s[i:])
		if wordParts(r)&part == 0 {
			break
		}
		i += n
	}
	return i
}
