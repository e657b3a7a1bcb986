package task

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/golens/golens/model"
)

// align says how many visible characters of the text have been read after each
// token. The tokens are those of the text alone, without a begin token.
func align(m *model.Model, text string, ids []int32, labels []string) ([]int, error) {
	want := visible(text)
	ends, got := byLabel(labels)
	if strings.EqualFold(string(got), string(want)) {
		return ends, nil
	}
	// Labels are for figures: some tokenizers escape what text they stand for,
	// or mark what continues a word. The text of longer and longer beginnings
	// says the same, but must be asked for.
	for i := range ids {
		begun, err := m.Text(ids[:i+1])
		if err != nil {
			return nil, err
		}
		got = visible(begun)
		for n := len(got); n > 0 && got[n-1] == utf8.RuneError; n-- {
			got = got[:n-1] // half a character, read by the token that ends it
		}
		ends[i] = len(got)
		if i > 0 && ends[i] < ends[i-1] {
			return nil, fmt.Errorf("the text %q of tokens gets shorter with its token %d, %q", text, i, labels[i])
		}
	}
	if !strings.EqualFold(string(got), string(want)) {
		return nil, fmt.Errorf("the tokens of %q read %q: the tokenizer does not know all its characters", text, string(got))
	}
	return ends, nil
}

// byLabel is [align] if labels are the tokens' texts.
func byLabel(labels []string) (ends []int, all []rune) {
	ends = make([]int, len(labels))
	for i, label := range labels {
		all = append(all, visible(unescape.Replace(label))...)
		ends[i] = len(all)
	}
	return ends, all
}

// unescape removes how labels write the spaces that a figure cannot show.
var unescape = strings.NewReplacer(`\n`, "", `\t`, "", `\r`, "")

// locate finds the tokens [first, last] of a span. They hold nothing else.
func locate(ends []int, s span) (first, last int, err error) {
	first, last = -1, -1
	start := 0
	for i, end := range ends {
		if end > s.from && start < s.to {
			if first < 0 {
				first = i
				if start != s.from {
					return 0, 0, fmt.Errorf("token %d holds more than its beginning", i)
				}
			}
			last = i
		}
		start = end
	}
	if last < 0 || ends[last] != s.to {
		return 0, 0, fmt.Errorf("token %d holds more than its end", last)
	}
	return first, last, nil
}
