package tokenizer

import (
	"unicode"
	"unicode/utf8"
)

// A scanner gives the length of the first word of s, which is not empty. It
// returns at least 1, so that repeated calls consume the text without gaps.
type scanner func(s string) int

// class is what the patterns tell apart. A byte that is not valid UTF-8 is a
// symbol, so it is never lost.
type class uint8

const (
	symbol class = iota // [^\s\p{L}\p{N}]
	letter              // \p{L}
	number              // \p{N}
	space               // \s
)

func classOf(r rune) class {
	switch {
	case unicode.IsLetter(r):
		return letter
	case unicode.IsNumber(r):
		return number
	case unicode.IsSpace(r):
		return space
	}
	return symbol
}

// first gives the class and the width in bytes of s's first character.
func first(s string) (class, int) {
	if s[0] < utf8.RuneSelf {
		return asciiClass[s[0]], 1
	}
	r, n := utf8.DecodeRuneInString(s)
	return classOf(r), n
}

// run is the length of the longest prefix of s whose characters are all in c.
func run(s string, c class) int {
	i := 0
	for i < len(s) {
		got, n := first(s[i:])
		if got != c {
			break
		}
		i += n
	}
	return i
}

// spaces is the length of what \s+(?!\S)|\s+ matches in s, whose first n bytes
// are its whole leading white space: all at the end of the text, otherwise all
// but the last character, which belongs to the next word, unless it is alone.
func spaces(s string, n int) int {
	if n == len(s) {
		return n
	}
	_, last := utf8.DecodeLastRuneInString(s[:n])
	if n == last {
		return n
	}
	return n - last
}

var asciiClass = func() (table [utf8.RuneSelf]class) {
	for r := range table {
		table[r] = classOf(rune(r))
	}
	return table
}()
