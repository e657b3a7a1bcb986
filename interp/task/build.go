package task

import (
	"fmt"
	"slices"
	"strings"

	"github.com/golens/golens/model"
	"github.com/golens/golens/model/hook"
)

// Data is a task as texts, before a model's tokenizer has seen it.
type Data struct {
	Name   string
	Source string // where it was published; "" means nowhere
	Rows   []Row

	// Positions are what the table names, in its order: slots, or what
	// comes after one, as in "S1+1". END is always there, as the last.
	Positions []string
	// Metric is read at END; nil means the logit difference, or the margin
	// where a row has several wrong tokens.
	Metric func(answer, wrong model.Choice) model.Metric
	// NoBOS leaves the model's begin token out.
	NoBOS bool
}

// A Row is one prompt and its corruption.
type Row struct {
	Template int    // rows of equal number have equal frames
	Frame    string // text with slots in braces: "{S1} and {IO} met"
	// Clean and Corrupted fill the slots. What fills the same slot in both must
	// be equally many tokens.
	Clean, Corrupted map[string]string
	// Answer and Wrong are texts with which the clean prompt goes on or must
	// not: " Mary", with its space. Of a text of several tokens the first
	// counts. Wrong may be empty in all rows if Metric does not need it.
	Answer, Wrong []string
}

// New tokenizes the rows of a task and finds its positions.
func New(m *model.Model, d Data) (*Task, error) {
	t, err := build(m, d)
	if err != nil {
		return nil, fmt.Errorf("task %s: %w", d.Name, err)
	}
	return t, nil
}

func build(m *model.Model, d Data) (*Task, error) {
	if len(d.Rows) == 0 {
		return nil, fmt.Errorf("no rows; give at least one")
	}
	t := &Task{Name: d.Name, Source: d.Source}
	clean, texts, err := tokenize(m, d, func(r Row) map[string]string { return r.Clean })
	if err != nil {
		return nil, err
	}
	corrupted, _, err := tokenize(m, d, func(r Row) map[string]string { return r.Corrupted })
	if err != nil {
		return nil, fmt.Errorf("corrupted: %w", err)
	}
	t.Clean, t.Corrupted = clean.Prompts, corrupted.Prompts
	for _, r := range d.Rows {
		t.Templates = append(t.Templates, r.Template)
	}
	for k, name := range append(slices.Clone(d.Positions), "END") {
		at := make([]int, len(d.Rows))
		for i := range at {
			if at[i] = clean.at[i][k]; at[i] != corrupted.at[i][k] {
				return nil, fmt.Errorf("row %d: %s stands at position %d of the clean prompt and %d of the corrupted one; what fills a slot must be equally many tokens in both",
					i, name, at[i], corrupted.at[i][k])
			}
		}
		t.Table = append(t.Table, Place{Name: name, Positions: hook.Each(at)})
	}
	if err := t.choose(m, d, texts); err != nil {
		return nil, err
	}
	metric := d.Metric
	switch {
	case metric == nil && t.Wrong.Sets == nil && t.Answer.Sets == nil:
		metric = model.LogitDiff
	case metric == nil:
		metric = model.Margin
	}
	t.Metric = metric(t.Answer, t.Wrong).In(t.place("END"))
	return t, nil
}

// tokenized are the rows' tokens and the positions of the table in each.
type tokenized struct {
	model.Prompts
	at [][]int // [row][position], END last
}

// tokenize makes the prompts of one side.
func tokenize(m *model.Model, d Data, side func(Row) map[string]string) (tokenized, []string, error) {
	var out tokenized
	texts, rows := make([]string, len(d.Rows)), make([]filled, len(d.Rows))
	for i, r := range d.Rows {
		f, err := fill(r.Frame, side(r))
		if err != nil {
			return out, nil, fmt.Errorf("row %d: %w", i, err)
		}
		texts[i], rows[i] = f.text, f
	}
	if out.Prompts = m.Tokens(texts...); d.NoBOS {
		out.Prompts = m.Continue(texts...)
	}
	if err := out.Err(); err != nil {
		return out, nil, err
	}
	skip := 0
	if out.BOS {
		skip = 1
	}
	for i, f := range rows {
		ids, labels := out.IDs[i][skip:], out.Labels[i][skip:]
		if len(ids) == 0 {
			return out, nil, fmt.Errorf("row %d is empty", i)
		}
		ends, err := align(m, f.text, ids, labels)
		if err != nil {
			return out, nil, fmt.Errorf("row %d: %w", i, err)
		}
		at, err := positions(f, ends, d.Positions)
		if err != nil {
			return out, nil, fmt.Errorf("row %d, %q: %w", i, f.text, err)
		}
		for k := range at {
			at[k] += skip
		}
		out.at = append(out.at, at)
	}
	return out, texts, nil
}

// positions resolves the names of a table in one row.
func positions(f filled, ends []int, names []string) ([]int, error) {
	at := make([]int, 0, len(names)+1)
	for _, name := range names {
		slot, next := strings.CutSuffix(name, "+1")
		s, ok := f.slots[slot]
		if !ok {
			return nil, fmt.Errorf("no slot is called %q", slot)
		}
		_, last, err := locate(ends, s)
		if err != nil {
			return nil, fmt.Errorf("%s is not whole tokens: %w", slot, err)
		}
		if next {
			if last++; last == len(ends) {
				return nil, fmt.Errorf("no token comes after %s", slot)
			}
		}
		at = append(at, last)
	}
	return append(at, len(ends)-1), nil
}

// choose finds the tokens of the answers.
func (t *Task) choose(m *model.Model, d Data, texts []string) error {
	c := continuations{bos: t.Clean.BOS, first: map[string]int{}, id: map[string]int32{}}
	for i, r := range d.Rows {
		if len(r.Answer) == 0 {
			return fmt.Errorf("row %d has no answer", i)
		}
		if (len(r.Wrong) == 0) != (len(d.Rows[0].Wrong) == 0) {
			return fmt.Errorf("row %d has %d wrong tokens, row 0 has %d; give every row some, or none", i, len(r.Wrong), len(d.Rows[0].Wrong))
		}
		for _, text := range slices.Concat(r.Answer, r.Wrong) {
			c.want(i, text)
		}
	}
	if err := c.resolve(m, texts, t.Clean.IDs); err != nil {
		return err
	}
	answers, wrongs := make([][]int32, len(d.Rows)), make([][]int32, len(d.Rows))
	for i, r := range d.Rows {
		answers[i], wrongs[i] = c.ids(r.Answer), c.ids(r.Wrong)
		for _, id := range answers[i] {
			if slices.Contains(wrongs[i], id) {
				return fmt.Errorf("row %d: an answer and a wrong text begin with the same token, %d", i, id)
			}
		}
	}
	t.Answer, t.Wrong = choice(answers), choice(wrongs)
	return nil
}

// choice is one token per row if that is all there is, else sets.
func choice(rows [][]int32) model.Choice {
	var ids []int32
	for _, row := range rows {
		switch len(row) {
		case 0:
			return model.Choice{}
		case 1:
			ids = append(ids, row[0])
		default:
			return model.Sets(rows...)
		}
	}
	return model.IDs(ids...)
}
