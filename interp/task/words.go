package task

import (
	"fmt"
	"slices"
	"strings"

	"github.com/golens/golens/model"
)

// A lexicon knows how a model's tokenizer cuts words up in the middle of a
// text, and keeps what it refuses.
type lexicon struct {
	m       *model.Model
	dropped []Dropped
}

// A word is its text and its tokens after a space.
type word struct {
	text string
	ids  []int32
}

// words cuts up the words of a kind. Those that the tokenizer does not know are
// dropped, and so are those of several tokens unless long.
func (x *lexicon) words(kind string, texts []string, long bool) ([]word, error) {
	if i := slices.IndexFunc(texts, func(s string) bool { return strings.TrimSpace(s) != s || s == "" }); i >= 0 {
		return nil, fmt.Errorf("%s %q is empty or has a space at its end", kind, texts[i])
	}
	// The tokens of " X" are what "X X X" has more than "X X": the first word of
	// a text may be cut up otherwise, and no word beside X need be known.
	var both []string
	for _, s := range texts {
		both = append(both, s+" "+s, s+" "+s+" "+s)
	}
	rows, err := x.encode(kind, texts, both)
	if err != nil {
		return nil, err
	}
	var known []word
	for i, text := range texts {
		two, three := rows[2*i], rows[2*i+1]
		if three == nil {
			continue // dropped already
		}
		w := word{text, three[len(two):]}
		switch read, err := x.m.Text(w.ids); {
		case err != nil:
			return nil, err
		case !strings.EqualFold(string(visible(read)), string(visible(text))):
			x.drop(kind, text, fmt.Sprintf("its tokens read %q", read))
		case len(w.ids) > 1 && !long:
			x.drop(kind, text, fmt.Sprintf("%d tokens", len(w.ids)))
		case slices.ContainsFunc(known, func(o word) bool { return slices.Equal(o.ids, w.ids) }):
			x.drop(kind, text, "the same tokens as another")
		default:
			known = append(known, w)
		}
	}
	return known, nil
}

// encode tokenizes two texts for each word. Words with characters that the
// tokenizer does not know are dropped, their rows nil.
func (x *lexicon) encode(kind string, words, texts []string) ([][]int32, error) {
	rows, err := encode(x.m, texts)
	if err == nil {
		return rows, nil
	}
	rows = make([][]int32, len(texts))
	for i, w := range words {
		pair, err := encode(x.m, texts[2*i:2*i+2])
		if err != nil {
			x.drop(kind, w, "the tokenizer does not know it")
			continue
		}
		copy(rows[2*i:], pair)
	}
	return rows, nil
}

func (x *lexicon) drop(kind, text, why string) {
	x.dropped = append(x.dropped, Dropped{kind, text, why})
}

// few is the error of having too few words or templates left.
func (x *lexicon) few(kind string, have, need int) error {
	why := ""
	for _, d := range x.dropped {
		if d.Kind == kind {
			why = "; left out: " + d.String()
			break
		}
	}
	return fmt.Errorf("%d %ss are left that this model's tokenizer knows as wanted; %d are needed%s", have, kind, need, why)
}

// frames keeps the templates whose text the tokenizer knows. Filled makes an
// example of one.
func (x *lexicon) frames(numbers []int, filled func(number int) (string, error)) ([]int, error) {
	var kept []int
	for _, number := range numbers {
		text, err := filled(number)
		if err != nil {
			return nil, err
		}
		if _, err := encode(x.m, []string{text}); err != nil {
			x.drop("template", text, "the tokenizer does not know all of its words")
			continue
		}
		kept = append(kept, number)
	}
	return kept, nil
}
