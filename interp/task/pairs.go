package task

import (
	"errors"
	"fmt"
	"reflect"

	"github.com/golens/golens/model"
)

// Pairs are what an intervention needs of a task: prompts, the same ones
// corrupted, and a metric. A verb that uses no corrupted prompts does without.
//
//	patch.KnockOut(m, task.Pairs{Clean: prompts, Metric: model.NLL()}, ablate.Ablation{Value: ablate.Mean})
type Pairs struct {
	Clean     model.Prompts
	Corrupted model.Prompts // the same rows, with what the answer hangs on changed
	Templates []int         // which template each row was made from, for means within a template; nil means one for all
	Metric    model.Metric
}

// Paired is a task of any kind: [Pairs] alone, a [Task], or what embeds one, such
// as [IOITask].
type Paired interface{ Paired() Pairs }

// Paired is the pairs themselves.
func (p Pairs) Paired() Pairs { return p }

// Paired is the task's prompts and metric.
func (t *Task) Paired() Pairs {
	if t == nil {
		return Pairs{}
	}
	return t.Pairs
}

// With is the same prompts under another metric.
func (p Pairs) With(metric model.Metric) Pairs {
	p.Metric = metric
	return p
}

// Swapped is the same with the two sides exchanged: what is clean is corrupted.
func (p Pairs) Swapped() Pairs {
	p.Clean, p.Corrupted = p.Corrupted, p.Clean
	return p
}

// Of is the pairs of a task of any kind, with at least one prompt, and as many
// templates as prompts or none.
func Of(t Paired) (Pairs, error) {
	if v := reflect.ValueOf(t); t == nil || v.Kind() == reflect.Pointer && v.IsNil() {
		return Pairs{}, errors.New("no task")
	}
	p := t.Paired()
	if err := errors.Join(p.Clean.Err(), p.Corrupted.Err()); err != nil {
		return p, err
	}
	if len(p.Clean.IDs) == 0 {
		return p, errors.New("the task has no rows; give at least one prompt")
	}
	if n := len(p.Templates); n > 0 && n != len(p.Clean.IDs) {
		return p, fmt.Errorf("the task has %d templates for %d prompts; give each its own, or none", n, len(p.Clean.IDs))
	}
	return p, nil
}
