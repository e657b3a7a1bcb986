package task

import (
	"fmt"
	"slices"
	"strings"

	"github.com/golens/golens/interp"
	"github.com/golens/golens/model"
	"github.com/golens/golens/model/hook"
)

// A Task is prompts, where in them things stand, and a metric.
type Task struct {
	Name   string
	Source string // where it was published

	Pairs // the prompts, and how far Answer is ahead of Wrong, read at END

	// Open are rows that may as well go on with something that is neither Answer
	// nor Wrong, nil if there are none: the answer's probability and rank say
	// little there, and [Task.Evaluate] leaves them out of those two.
	Open []bool

	Table []Place // named positions, in order of the text; the last is END

	Answer model.Choice // what the clean prompts go on with: one token per row, or a set
	Wrong  model.Choice // what they must not go on with

	Dropped []Dropped // words and templates left out, and why
}

// A Place is a position that has a name, one in each row.
type Place = interp.Place

// A Dropped is a word or a template that was left out.
type Dropped struct {
	Kind, Text string // such as name and Xavier
	Why        string
}

// String is one line.
func (d Dropped) String() string { return fmt.Sprintf("%s %q: %s", d.Kind, d.Text, d.Why) }

// Len is the number of prompts.
func (t *Task) Len() int { return len(t.Clean.IDs) }

// At is the place of a name, such as S2 or END.
func (t *Task) At(name string) (hook.Positions, error) {
	i := slices.IndexFunc(t.Table, func(p Place) bool { return p.Name == name })
	if i < 0 {
		return hook.Positions{}, fmt.Errorf("task %s: no position is called %q; there are %s", t.Name, name, strings.Join(t.Places(), ", "))
	}
	return t.Table[i].Positions, nil
}

// Places are the names of the positions, in the order of the table.
func (t *Task) Places() []string {
	names := make([]string, len(t.Table))
	for i, p := range t.Table {
		names[i] = p.Name
	}
	return names
}

// place is [Task.At] of a name that is known to be there.
func (t *Task) place(name string) hook.Positions {
	p, _ := t.At(name)
	return p
}

// Metrics are what is usually read of the task at END: its Metric and, where
// one token is the answer, its probability, whether it is ahead of every wrong
// one, and its rank.
func (t *Task) Metrics() []model.Metric {
	all := []model.Metric{t.Metric}
	if t.Answer.Sets != nil {
		return all
	}
	all = append(all, model.Prob(t.Answer))
	if t.Wrong.IDs != nil || t.Wrong.Sets != nil {
		all = append(all, model.Accuracy(t.Answer, t.Wrong))
	}
	all = append(all, model.Rank(t.Answer))
	for i := range all {
		all[i] = all[i].In(t.place("END"))
	}
	return all
}

// KL is the divergence of a run's predictions at END from what the model says
// of the clean prompts as they are. One pass, and the memory of one row of
// logits per prompt.
func (t *Task) KL(m *model.Model) (model.Metric, error) {
	at := hook.Logits().In(t.place("END"))
	run, err := m.Run(t.Clean.Capture(at))
	if err != nil {
		return model.Metric{}, fmt.Errorf("task %s: %w", t.Name, err)
	}
	return model.KL(run.At(at)).In(t.place("END")), nil
}

// shown is how many rows String shows.
const shown = 3

// String tells the size, the positions, the first rows and what was left out.
func (t *Task) String() string {
	var b strings.Builder
	different := slices.Compact(slices.Sorted(slices.Values(t.Templates)))
	fmt.Fprintf(&b, "%s: %d prompts, %d templates; positions %s (%s)\n",
		t.Name, t.Len(), len(different), strings.Join(t.Places(), " "), orGolens(t.Source))
	for i := range min(shown, t.Len()) {
		fmt.Fprintf(&b, "  %s\n", strings.Join(t.Clean.Labels[i], ""))
	}
	if len(t.Dropped) > 0 {
		fmt.Fprintf(&b, "%d words and templates left out, among them %s\n", len(t.Dropped), t.Dropped[0])
	}
	return b.String()
}
