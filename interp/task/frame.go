package task

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
)

// A filled is a text that was made from a frame, and where its slots went.
type filled struct {
	text  string
	slots map[string]span // in visible characters
}

// A span is visible characters [from, to). Spaces do not count: tokenizers move
// them about, and all other characters keep their order.
type span struct{ from, to int }

// fill puts words into a frame's slots: "{S1} and {IO} met" has two. Every slot
// occurs once and has a word.
func fill(frame string, words map[string]string) (filled, error) {
	f := filled{slots: map[string]span{}}
	rest, text := frame, strings.Builder{}
	at := 0
	write := func(s string) {
		text.WriteString(s)
		at += len(visible(s))
	}
	for {
		before, after, found := strings.Cut(rest, "{")
		write(before)
		if !found {
			break
		}
		name, next, closed := strings.Cut(after, "}")
		word, given := words[name]
		_, twice := f.slots[name]
		switch {
		case !closed:
			return f, fmt.Errorf("frame %q: a { without its }", frame)
		case !given:
			return f, fmt.Errorf("frame %q: nothing fills the slot %q", frame, name)
		case twice:
			return f, fmt.Errorf("frame %q: the slot %q stands there twice; name the second one differently", frame, name)
		case len(visible(word)) == 0:
			return f, fmt.Errorf("frame %q: what fills the slot %q is empty", frame, name)
		}
		from := at
		write(word)
		f.slots[name] = span{from, at}
		rest = next
	}
	f.text = text.String()
	return f, nil
}

// visible are the characters of a text that are no spaces.
func visible(s string) []rune {
	return slices.DeleteFunc([]rune(s), unicode.IsSpace)
}
