package syntax

import (
	"fmt"
	"slices"

	"github.com/golens/golens/model"
)

// An aligned sentence knows which tokens of the model each of its words is.
type aligned struct {
	Sentence
	row   []int32
	spans [][2]int // first and one past the last position of each word in the row
}

// align tokenizes sentences and finds the words in them. A word is what the text
// gains in tokens when it is appended. Sentences of which a token reaches over two
// words, or that are longer than the context, are left out.
func align(m *model.Model, sentences []Sentence) (all []aligned, left []string, err error) {
	for _, s := range sentences {
		text := ""
		var texts []string
		for _, t := range s.tokens {
			text += t.text()
			texts = append(texts, text)
		}
		prefixes, err := m.Encode(texts...)
		if err != nil {
			return nil, nil, err
		}
		whole := m.Tokens(text)
		if whole.Err() != nil {
			return nil, nil, whole.Err()
		}
		a := aligned{Sentence: s, row: whole.IDs[0]}
		body := prefixes[len(prefixes)-1]
		first := index(a.row, body)
		if problem := a.fill(prefixes, first); problem != "" {
			left = append(left, fmt.Sprintf("sentence %s: %s", s.ID, problem))
			continue
		}
		if n := m.Config().Context; len(a.row) > n {
			left = append(left, fmt.Sprintf("sentence %s: %d tokens; the context has %d", s.ID, len(a.row), n))
			continue
		}
		all = append(all, a)
	}
	if len(all) == 0 {
		return nil, left, fmt.Errorf("no sentence can be used; the first: %s", first(left))
	}
	return all, left, nil
}

func first(list []string) string {
	if len(list) == 0 {
		return "there are none"
	}
	return list[0]
}

// fill finds the span of each word, or says why not.
func (a *aligned) fill(prefixes [][]int32, from int) string {
	if from < 0 {
		return "its tokens are others with those around them"
	}
	body := prefixes[len(prefixes)-1]
	ends := make([]int, len(prefixes))
	for i, p := range prefixes {
		if len(p) > len(body) || !slices.Equal(p, body[:len(p)]) {
			return fmt.Sprintf("a token reaches over the end of %q", a.tokens[i].form)
		}
		ends[i] = len(p)
		if start := before(ends, i); ends[i] <= start {
			return fmt.Sprintf("%q has no token of its own", a.tokens[i].form)
		}
	}
	for _, w := range a.Words {
		a.spans = append(a.spans, [2]int{from + before(ends, w.token), from + ends[w.token]})
	}
	return ""
}

func before(ends []int, i int) int {
	if i == 0 {
		return 0
	}
	return ends[i-1]
}

// index is where the row holds the part.
func index(row, part []int32) int {
	for at := 0; at+len(part) <= len(row); at++ {
		if slices.Equal(row[at:at+len(part)], part) {
			return at
		}
	}
	return -1
}

// words is attention [query, key] among positions as attention among words
// [word][word]: summed over the tokens of the word that is attended to, and the
// mean over those of the word that attends.
func (a *aligned) words(at func(query, key int) float64) [][]float64 {
	all := make([][]float64, len(a.Words))
	for i, from := range a.spans {
		all[i] = make([]float64, len(a.Words))
		for j, to := range a.spans {
			sum := 0.0
			for q := from[0]; q < from[1]; q++ {
				for k := to[0]; k < to[1]; k++ {
					sum += at(q, k)
				}
			}
			all[i][j] = sum / float64(from[1]-from[0])
		}
	}
	return all
}
