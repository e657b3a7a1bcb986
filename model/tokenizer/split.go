package tokenizer

import (
	"encoding/json"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// patterns are the regular expressions for which there is a scanner. All of
// them match every character of a text, so they cut it without gaps.
var patterns = map[string]scanner{
	gpt2Pattern:   scanGPT2,
	llama3Pattern: scanCL100K(3),
	cl100kPattern: scanCL100K(3),
	qwen2Pattern:  scanCL100K(1),
	o200kPattern:  scanO200K(3, true),
	tekkenPattern: scanO200K(1, false),
}

// parseSplit reads a Split at a known regular expression or at a string.
func parseSplit(raw json.RawMessage) ([]cutter, error) {
	var p struct {
		Type     string
		Pattern  pattern
		Behavior string
		Invert   bool
	}
	if err := read("pre_tokenizer", raw, &p, "pattern", "behavior"); err != nil {
		return nil, err
	}
	unsupported := fmt.Errorf("pre_tokenizer: Split behavior %q with invert %v is not supported", p.Behavior, p.Invert)
	if p.Pattern.String != nil {
		c, ok := delimited(matchString(*p.Pattern.String), p.Behavior)
		if !ok || p.Invert {
			return nil, unsupported
		}
		return []cutter{c}, nil
	}
	scan, ok := patterns[*p.Pattern.Regex]
	if !ok {
		return nil, fmt.Errorf("pre_tokenizer: Split pattern %q is not known; those of GPT-2, cl100k, Llama 3, Qwen 2, o200k and Tekken are", *p.Pattern.Regex)
	}
	// Where the pattern matches everything, isolating the matches and removing
	// what lies between them (Removed, inverted) are the same.
	if p.Behavior == "Isolated" || p.Behavior == "Removed" && p.Invert {
		return []cutter{{scan: scan}}, nil
	}
	return nil, unsupported
}

// matcher gives the length of the delimiter that s, which is not empty, begins
// with, or 0.
type matcher func(s string) int

func matchString(what string) matcher {
	return func(s string) int {
		if strings.HasPrefix(s, what) {
			return len(what)
		}
		return 0
	}
}

// matchClass matches one character of a class.
func matchClass(in func(rune) bool) matcher {
	return func(s string) int {
		if r, n := utf8.DecodeRuneInString(s); in(r) {
			return n
		}
		return 0
	}
}

var (
	matchSpace       = matchClass(unicode.IsSpace)
	matchNumber      = matchClass(unicode.IsNumber)
	matchPunctuation = matchClass(isPunctuation)
)

// delimited cuts at delimiters, which go with what the behavior says; false if
// there is no such behavior.
func delimited(match matcher, behavior string) (cutter, bool) {
	alone := func(s string) int {
		if n := match(s); n > 0 {
			return n
		}
		return until(match, s)
	}
	switch behavior {
	case "Isolated":
		return cutter{scan: alone}, true
	case "Removed":
		return cutter{scan: alone, drop: func(word string) bool { return match(word) > 0 }}, true
	case "Contiguous":
		return cutter{scan: func(s string) int {
			n := match(s)
			if n == 0 {
				return until(match, s)
			}
			for i := n; n > 0 && i < len(s); i += n {
				if n = match(s[i:]); n == 0 {
					return i
				}
			}
			return len(s)
		}}, true
	case "MergedWithPrevious": // the first delimiter after a word
		return cutter{scan: func(s string) int {
			n := alone(s)
			if match(s) > 0 || n == len(s) {
				return n
			}
			return n + match(s[n:])
		}}, true
	case "MergedWithNext": // the last delimiter before a word
		return cutter{scan: func(s string) int {
			n := match(s)
			if n == len(s) || n > 0 && match(s[n:]) > 0 {
				return n
			}
			return n + until(match, s[n:])
		}}, true
	}
	return cutter{}, false
}

// until is the length of what stands before the first delimiter in s.
func until(match matcher, s string) int {
	for i := 0; i < len(s); {
		if match(s[i:]) > 0 {
			return i
		}
		_, n := utf8.DecodeRuneInString(s[i:])
		i += n
	}
	return len(s)
}

// bertWords cuts at white space, which goes, and at punctuation, each of which
// is a word.
func bertWords() []cutter {
	spaces, _ := delimited(matchSpace, "Removed")
	marks, _ := delimited(matchPunctuation, "Isolated")
	return []cutter{spaces, marks}
}

// scanWhitespace scans \w+|[^\w\s]+, and white space between.
func scanWhitespace(s string) int {
	kind := func(s string) (int, int) {
		r, n := utf8.DecodeRuneInString(s)
		switch {
		case unicode.IsSpace(r):
			return 0, n
		case isWordCharacter(r):
			return 1, n
		}
		return 2, n
	}
	first, i := kind(s)
	for i < len(s) {
		k, n := kind(s[i:])
		if k != first {
			break
		}
		i += n
	}
	return i
}

// isSpaces says whether a word of scanWhitespace is white space.
func isSpaces(word string) bool { return matchSpace(word) > 0 }
