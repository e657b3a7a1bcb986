package task

import (
	"fmt"
	"slices"

	"github.com/golens/golens/model"
)

// continuations are the tokens with which prompts go on.
type continuations struct {
	bos   bool
	texts []string
	first map[string]int // the row that asked first
	id    map[string]int32
}

func (c *continuations) want(row int, text string) {
	if _, known := c.first[text]; !known {
		c.texts = append(c.texts, text)
		c.first[text] = row
	}
}

// resolve finds each continuation's first token: the one that follows when it
// is tokenized together with the prompt that asked for it first. Where the two
// run together, as numbers may, the continuation by itself must be one token.
func (c *continuations) resolve(m *model.Model, prompts []string, rows [][]int32) error {
	joined := make([]string, len(c.texts))
	for i, text := range c.texts {
		joined[i] = prompts[c.first[text]] + text
	}
	together, err := encode(m, joined)
	if err != nil {
		return err
	}
	var apart []string
	for i, text := range c.texts {
		before := rows[c.first[text]]
		if c.bos {
			before = before[1:]
		}
		if n := len(before); len(together[i]) > n && slices.Equal(together[i][:n], before) {
			c.id[text] = together[i][n]
		} else {
			apart = append(apart, text)
		}
	}
	alone, err := encode(m, apart)
	if err != nil {
		return err
	}
	for i, text := range apart {
		if len(alone[i]) != 1 {
			return fmt.Errorf("%q goes on as tokens of its own neither after %q nor alone (%d tokens)", text, prompts[c.first[text]], len(alone[i]))
		}
		c.id[text] = alone[i][0]
	}
	return nil
}

// ids are the tokens of texts, each once.
func (c *continuations) ids(texts []string) []int32 {
	var ids []int32
	for _, text := range texts {
		if id := c.id[text]; !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	return ids
}

// encode tokenizes texts without a begin token.
func encode(m *model.Model, texts []string) ([][]int32, error) {
	if len(texts) == 0 {
		return nil, nil
	}
	return m.Encode(texts...)
}
