package task

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"

	"github.com/golens/golens/model"
	"github.com/golens/golens/model/hook"
)

// IOIOptions say which prompts of [IOI] are made.
type IOIOptions struct {
	N          int        // prompts; 0 means 100
	Seed       uint64     // of the draw
	Templates  []int      // which templates: 0 to 14 are BABA, 15 to 29 ABBA; nil means all
	Corruption Corruption // of the corrupted prompts; "" means ABC
	NoBOS      bool       // leave the model's begin token out, as Wang et al. do

	// Names, Places and Objects are what to draw from; nil means common English
	// ones, most of them single tokens.
	Names, Places, Objects []string
	// Long also takes names of several tokens. The names of a row are then
	// equally many tokens each, and positions are of their last ones.
	Long bool
}

// IOITask is what [IOI] makes.
type IOITask struct {
	*Task
	// Where the names stand, the token after the first S, and the last token.
	IO, S1, S1Next, S2, End hook.Positions

	LogitDiff model.Metric // logit of IO minus logit of S
	Prob      model.Metric // probability of IO
	Accuracy  model.Metric // 1 where IO is ahead of S
	Rank      model.Metric // of IO among all tokens

	m       *model.Model
	options IOIOptions
	rows    []ioiRow
}

// An ioiRow is what was drawn for one prompt.
type ioiRow struct {
	template      int
	names         [5]string // IO, S, and three for corruptions, all different
	place, object string
}

// templates is how many of them there are.
const templates = 2 * len(BABA)

// IOI makes prompts of indirect object identification: "Then, John and Mary
// went to the store. John gave a ring to" goes on with " Mary", the name said
// once (IO), not with the one said twice (S). The corrupted prompts have three
// other names, all different, so that nothing tells which comes next. The three
// are drawn without replacement, so that they never coincide.
//
// Names, places and objects are words that the tokenizer keeps whole, so that
// all rows of a template have their tokens at the same places. Templates are
// used equally often, as far as N allows, in random order. Sentences of some
// invite somebody else than the two ([ThirdParty]); their rows are Open.
//
// Source: Wang et al. 2022, "Interpretability in the Wild". Theirs are 15
// templates of these forms and twins; the sentences here are not theirs, so
// numbers are to be compared with the paper's only roughly.
func IOI(m *model.Model, o IOIOptions) (*IOITask, error) {
	t, err := newIOI(m, o)
	if err != nil {
		return nil, fmt.Errorf("task IOI: %w", err)
	}
	return t, nil
}

func newIOI(m *model.Model, o IOIOptions) (*IOITask, error) {
	if o.N == 0 {
		o.N = 100
	}
	if o.Corruption == "" {
		o.Corruption = ABC
	}
	o.Names, o.Places, o.Objects = orElse(o.Names, ioiNames), orElse(o.Places, ioiPlaces), orElse(o.Objects, ioiObjects)
	if o.Templates == nil {
		for i := range templates {
			o.Templates = append(o.Templates, i)
		}
	}
	if o.N < 1 {
		return nil, fmt.Errorf("%d prompts; at least one is needed", o.N)
	}
	if i := slices.IndexFunc(o.Templates, func(n int) bool { return n < 0 || n >= templates }); i >= 0 {
		return nil, fmt.Errorf("there is no template %d; there are 0 to %d", o.Templates[i], templates-1)
	}
	if err := o.Corruption.check(); err != nil {
		return nil, err
	}
	x := &lexicon{m: m}
	rows, err := drawIOI(x, o)
	if err != nil {
		return nil, err
	}
	return makeIOI(m, o, rows, x.dropped)
}

// drawIOI draws the prompts.
func drawIOI(x *lexicon, o IOIOptions) ([]ioiRow, error) {
	names, err := x.words("name", o.Names, o.Long)
	if err != nil {
		return nil, err
	}
	places, err := x.words("place", o.Places, false)
	if err != nil {
		return nil, err
	}
	objects, err := x.words("object", o.Objects, false)
	if err != nil {
		return nil, err
	}
	groups := byLength(names)
	switch {
	case len(names) < 5:
		return nil, x.few("name", len(names), 5)
	case len(groups) == 0:
		return nil, fmt.Errorf("of %d names no five are equally many tokens and begin with different ones; a row needs that", len(names))
	case len(places) == 0:
		return nil, x.few("place", 0, 1)
	case len(objects) == 0:
		return nil, x.few("object", 0, 1)
	}
	frames, err := x.frames(o.Templates, func(number int) (string, error) {
		f, err := fill(ioiFrame(number), ioiRow{number, first5(groups[0]), places[0].text, objects[0].text}.words(Clean))
		return f.text, err
	})
	if err != nil {
		return nil, err
	}
	if len(frames) == 0 {
		return nil, x.few("template", 0, 1)
	}
	rng := rand.New(rand.NewPCG(o.Seed, 0))
	var order []int
	rows := make([]ioiRow, o.N)
	for i := range rows {
		if len(order) == 0 {
			order = rng.Perm(len(frames))
		}
		r := ioiRow{template: frames[order[0]]}
		order = order[1:]
		group := pickGroup(rng, groups)
		for k, j := range rng.Perm(len(group))[:len(r.names)] {
			r.names[k] = group[j].text
		}
		r.place, r.object = places[rng.IntN(len(places))].text, objects[rng.IntN(len(objects))].text
		rows[i] = r
	}
	return rows, nil
}

// byLength are the names in groups that may stand for one another: equally many
// tokens, the first ones all different. Groups of less than five are no use.
func byLength(names []word) [][]word {
	all := map[int][]word{}
	for _, w := range names {
		n := len(w.ids)
		if !slices.ContainsFunc(all[n], func(o word) bool { return o.ids[0] == w.ids[0] }) {
			all[n] = append(all[n], w)
		}
	}
	var groups [][]word
	for _, n := range slices.Sorted(maps.Keys(all)) {
		if len(all[n]) >= 5 {
			groups = append(groups, all[n])
		}
	}
	return groups
}

// pickGroup draws a group by its size.
func pickGroup(rng *rand.Rand, groups [][]word) []word {
	total := 0
	for _, g := range groups {
		total += len(g)
	}
	at := rng.IntN(total)
	for _, g := range groups {
		if at -= len(g); at < 0 {
			return g
		}
	}
	return nil // cannot be: at was less than the total
}

func first5(group []word) (names [5]string) {
	for i := range names {
		names[i] = group[i].text
	}
	return names
}

// words fill the row's slots under a corruption.
func (r ioiRow) words(c Corruption) map[string]string {
	words := c.apply(r.names)
	words["PLACE"], words["OBJECT"] = r.place, r.object
	return words
}

// makeIOI tokenizes what was drawn.
func makeIOI(m *model.Model, o IOIOptions, rows []ioiRow, dropped []Dropped) (*IOITask, error) {
	d := Data{
		Name: "IOI, corrupted " + string(o.Corruption), Source: "Wang et al. 2022", NoBOS: o.NoBOS,
		Positions: []string{"IO", "S1", "S1+1", "S2"},
	}
	for _, r := range rows {
		d.Rows = append(d.Rows, Row{
			Template: r.template, Frame: ioiFrame(r.template),
			Clean: r.words(Clean), Corrupted: r.words(o.Corruption),
			Answer: []string{" " + r.names[0]}, Wrong: []string{" " + r.names[1]},
		})
	}
	base, err := build(m, d)
	if err != nil {
		return nil, err
	}
	base.Dropped = dropped
	for _, r := range rows {
		base.Open = append(base.Open, ThirdParty(r.template))
	}
	t := &IOITask{Task: base, m: m, options: o, rows: rows}
	for name, at := range map[string]*hook.Positions{"IO": &t.IO, "S1": &t.S1, "S1+1": &t.S1Next, "S2": &t.S2, "END": &t.End} {
		*at = t.place(name)
	}
	t.LogitDiff = t.Metric
	t.Prob = model.Prob(t.Answer).In(t.End)
	t.Accuracy = model.Accuracy(t.Answer, t.Wrong).In(t.End)
	t.Rank = model.Rank(t.Answer).In(t.End)
	return t, nil
}

// Corrupt is the same prompts with another corruption. Corruptions of one task
// draw on the same five names per row, so that C is everywhere the same.
func (t *IOITask) Corrupt(c Corruption) (*IOITask, error) {
	if err := c.check(); err != nil {
		return nil, fmt.Errorf("task IOI: %w", err)
	}
	o := t.options
	o.Corruption = c
	other, err := makeIOI(t.m, o, t.rows, t.Dropped)
	if err != nil {
		return nil, fmt.Errorf("task IOI: %w", err)
	}
	return other, nil
}

// Reference is so many prompts of each of the task's templates, drawn from the
// same words with another seed: what to take means within a template over. Means
// of a few prompts keep what these say, and knock out little more than another
// prompt would.
func (t *IOITask) Reference(perTemplate int, seed uint64) (*IOITask, error) {
	if perTemplate < 1 {
		return nil, fmt.Errorf("task IOI: a reference of %d prompts a template; at least one is needed", perTemplate)
	}
	o := t.options
	o.Templates = slices.Compact(slices.Sorted(slices.Values(t.Templates)))
	o.N, o.Seed = perTemplate*len(o.Templates), seed
	return IOI(t.m, o)
}

func orElse(given, otherwise []string) []string {
	if given == nil {
		return otherwise
	}
	return given
}
