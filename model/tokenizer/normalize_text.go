package tokenizer

import (
	"encoding/json"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// severalSpaces is the one regular expression that Replace knows.
const severalSpaces = " {2,}"

// parseReplace reads a Replace of the normalizer.
func parseReplace(raw json.RawMessage) ([]normalizer, error) {
	var n struct {
		Type    string
		Pattern pattern
		Content string
	}
	if err := read("normalizer", raw, &n, "pattern", "content"); err != nil {
		return nil, err
	}
	find := func(s string) (int, int) { return literal(s, *n.Pattern.String) }
	least := 2 // bytes that are replaced
	if n.Pattern.String != nil {
		least = len(*n.Pattern.String)
	} else {
		if *n.Pattern.Regex != severalSpaces {
			return nil, fmt.Errorf("normalizer: Replace pattern %q is not known; a String and %q are", *n.Pattern.Regex, severalSpaces)
		}
		find = spacesIn
	}
	return []normalizer{{apply: func(v view) view { return v.replace(find, n.Content) }, growth: float64(len(n.Content)) / float64(least)}}, nil
}

// literal finds where what first stands in s; -1 if nowhere.
func literal(s, what string) (from, to int) {
	from = strings.Index(s, what)
	return from, from + len(what)
}

// spacesIn finds the first two or more spaces in s.
func spacesIn(s string) (from, to int) {
	from = strings.Index(s, "  ")
	if from < 0 {
		return from, from
	}
	return from, len(s) - len(strings.TrimLeft(s[from:], " "))
}

// replace writes with for all that find finds, one after another. It stands
// where the last character of what it replaces stood, as in the reference.
func (v view) replace(find func(s string) (from, to int), with string) view {
	b := rewriter{old: v}
	done := 0
	for {
		from, to := find(v.text[done:])
		if from < 0 {
			break
		}
		from, to = from+done, to+done
		_, last := utf8.DecodeLastRuneInString(v.text[from:to])
		b.keep(done, from)
		b.put(with, to-last, to)
		done = to
	}
	if done == 0 {
		return v
	}
	b.keep(done, len(v.text))
	return b.view()
}

// trim leaves out white space at the ends.
func (v view) trim(left, right bool) view {
	from, to := 0, len(v.text)
	if left {
		from = to - len(strings.TrimLeftFunc(v.text, unicode.IsSpace))
	}
	if right {
		to = from + len(strings.TrimRightFunc(v.text[from:], unicode.IsSpace))
	}
	return v.slice(from, to)
}
