package tokenizer

import (
	"encoding/json"
	"fmt"
)

// splitter is the pre-tokenizer: the stages cut the text one after another,
// each cutting what the one before it left whole. None cuts nothing.
type splitter struct {
	stages []scanner
	// prefixSpace puts a space before a text that does not begin with one.
	prefixSpace bool
}

// patterns are the regular expressions for which there is a scanner. All of
// them match every character of a text, so they cut it without gaps.
var patterns = map[string]scanner{
	gpt2Pattern:   scanGPT2,
	llama3Pattern: scanCL100K(3),
	cl100kPattern: scanCL100K(3),
	qwen2Pattern:  scanCL100K(1),
}

type preTokenizer struct {
	Type string
	// ByteLevel
	AddPrefixSpace *bool `json:"add_prefix_space"`
	UseRegex       *bool `json:"use_regex"`
	// Split
	Pattern struct {
		Regex  *string
		String *string
	}
	Behavior string
	Invert   bool
	// Digits
	IndividualDigits bool `json:"individual_digits"`
	// Sequence
	PreTokenizers []preTokenizer `json:"pretokenizers"`
}

func parsePreTokenizer(raw json.RawMessage) (splitter, error) {
	var s splitter
	if absent(raw) {
		return s, fmt.Errorf("pre_tokenizer: null is not supported; byte-level BPE needs ByteLevel")
	}
	var p preTokenizer
	if err := read("pre_tokenizer", raw, &p); err != nil {
		return s, err
	}
	byteLevel := false
	steps := []preTokenizer{p}
	if p.Type == "Sequence" {
		steps = p.PreTokenizers
	}
	for _, step := range steps {
		if byteLevel {
			return s, fmt.Errorf("pre_tokenizer: %q after ByteLevel is not supported; ByteLevel comes last", step.Type)
		}
		switch step.Type {
		case "ByteLevel":
			byteLevel = true
			// Both are true where the file does not say.
			s.prefixSpace = step.AddPrefixSpace == nil || *step.AddPrefixSpace
			if s.prefixSpace && len(s.stages) > 0 {
				return s, fmt.Errorf("pre_tokenizer: add_prefix_space true after another step is not supported")
			}
			if step.UseRegex == nil || *step.UseRegex {
				s.stages = append(s.stages, scanGPT2)
			}
		case "Digits":
			if !step.IndividualDigits {
				return s, fmt.Errorf("pre_tokenizer: Digits with individual_digits false is not supported")
			}
			s.stages = append(s.stages, scanDigits)
		case "Split":
			scan, err := step.split()
			if err != nil {
				return s, err
			}
			s.stages = append(s.stages, scan)
		default:
			return s, fmt.Errorf("pre_tokenizer: type %q is not supported; ByteLevel, Split, Digits and a Sequence of them are", step.Type)
		}
	}
	if !byteLevel {
		return s, fmt.Errorf("pre_tokenizer: no ByteLevel in it; only byte-level BPE is supported")
	}
	return s, nil
}

// split gives the scanner of a Split.
func (p preTokenizer) split() (scanner, error) {
	switch {
	case p.Pattern.String != nil:
		return nil, fmt.Errorf("pre_tokenizer: Split at the string %q is not supported", *p.Pattern.String)
	case p.Pattern.Regex == nil:
		return nil, fmt.Errorf("pre_tokenizer: Split has no pattern")
	}
	scan, ok := patterns[*p.Pattern.Regex]
	if !ok {
		return nil, fmt.Errorf("pre_tokenizer: Split pattern %q is not known; those of GPT-2, cl100k, Llama 3 and Qwen 2 are", *p.Pattern.Regex)
	}
	// Where the pattern matches everything, isolating the matches and removing
	// what lies between them (Removed, inverted) are the same.
	if p.Behavior == "Isolated" || p.Behavior == "Removed" && p.Invert {
		return scan, nil
	}
	return nil, fmt.Errorf("pre_tokenizer: Split behavior %q with invert %v is not supported", p.Behavior, p.Invert)
}

// words calls word with each word of s and its position, until it gives false.
func (sp *splitter) words(s string, word func(at int, w string) bool) bool {
	return cut(sp.stages, s, 0, word)
}

func cut(stages []scanner, s string, at int, word func(int, string) bool) bool {
	if len(stages) == 0 {
		return s == "" || word(at, s)
	}
	for s != "" {
		n := stages[0](s)
		if !cut(stages[1:], s[:n], at, word) {
			return false
		}
		s, at = s[n:], at+n
	}
	return true
}
