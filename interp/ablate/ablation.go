package ablate

import (
	"fmt"

	"github.com/golens/golens/interp/task"
	"github.com/golens/golens/model"
	"github.com/golens/golens/model/hook"
)

// A Value says what takes the place of what is taken away.
type Value int

// The values.
const (
	TemplateMean Value = iota // its mean at that position over the reference prompts of the same template and length
	PositionMean              // the same over all reference prompts of the same length
	Mean                      // its mean over all tokens of the reference prompts
	Zero                      // nothing
	Resample                  // what it is in one reference prompt of the same template and length
)

// String names the value.
func (v Value) String() string {
	names := []string{"mean within its template", "mean at each position", "mean over all tokens", "zero", "resample"}
	if v < 0 || int(v) >= len(names) {
		return fmt.Sprintf("value %d", int(v))
	}
	return names[v]
}

// An Ablation says how parts are taken away.
type Ablation struct {
	Value     Value
	Reference Reference
	Seed      uint64 // of the draws of Resample
}

// A Reference is the prompts that values are taken from. The zero value is the
// task's corrupted prompts, of which Resample takes each prompt's own; if the task
// has none, it is the clean prompts, of which Resample takes another one. Means at
// each position are never over the clean prompts unless those are given: they would
// keep what all of them have in one place. Draw some twenty prompts a template for
// them ([task.IOITask.Reference]): the mean of two to four is little else than
// another prompt.
type Reference struct {
	Prompts   model.Prompts
	Templates []int // of each prompt, numbered as the task's are; nil means one for all
}

// Corrupted is the corrupted prompts of a task, as a reference for others: for
// means over more prompts than are run.
func Corrupted(t task.Paired) Reference {
	p := t.Paired()
	return Reference{p.Corrupted, p.Templates}
}

// String names the value and, of drawn prompts, the seed.
func (a Ablation) String() string {
	if a.Value == Resample && a.Seed != 0 {
		return fmt.Sprintf("%s, seed %d", a.Value, a.Seed)
	}
	return a.Value.String()
}

// Edits take parts away together in all rows of the task's clean prompts, or in
// those that the points select: for runs of any kind, such as generation without a
// head. One pass over the reference.
func (a Ablation) Edits(m *model.Model, t task.Paired, points ...hook.Point) ([]hook.Edit, error) {
	v, err := a.Values(m, t, points...)
	if err != nil {
		return nil, err
	}
	return v.Edits(points...)
}
