package circuit

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/golens/golens/interp"
	"github.com/golens/golens/interp/ablate"
	"github.com/golens/golens/interp/graph"
	"github.com/golens/golens/interp/task"
	"github.com/golens/golens/model"
	"github.com/golens/golens/model/array"
)

// A Test holds circuits against a model on a task.
//
//	test := circuit.Test{Model: m, Task: ioi.Task}
//	nb.Show(nb.Must(test.Faithfulness(c)))
//
// What parts write on the reference prompts is found by the first test and shared
// by the others, until the fields change. A Test is not for several goroutines at
// once.
type Test struct {
	Model *model.Model
	Task  *task.Task
	Settings

	last *knockOut
}

// A knockOut runs a task on a model with parts taken away.
type knockOut struct {
	Test
	graph      *graph.Graph
	values     *ablate.Values
	places     map[string][][]int // positions of each row by the names and the side
	provenance model.Provenance
}

// knockOut prepares the runs of a test, with the reference of the last one if it is
// the same.
func (t *Test) knockOut() (*knockOut, error) {
	if err := t.check(); err != nil {
		return nil, err
	}
	if _, err := task.Of(t.Task); err != nil {
		return nil, err
	}
	if t.Model == nil {
		return nil, fmt.Errorf("no model")
	}
	k := &knockOut{Test: Test{t.Model, t.Task, t.Settings, nil}, graph: graph.Of(t.Model.Config()), places: map[string][][]int{}}
	if l := t.last; l != nil && l.Model == t.Model && l.Task == t.Task && l.Components == t.Components && reflect.DeepEqual(l.Ablation, t.Ablation) {
		k.values, k.places = l.values, l.places
	} else {
		var err error
		if k.values, err = t.Ablation.Values(t.Model, t.Task, t.points(t.Model.Config())...); err != nil {
			return nil, err
		}
	}
	t.last = k
	return k, nil
}

// of prepares the runs of a test of a circuit, which it holds against the model,
// the task and the settings.
func (t *Test) of(c *Circuit) (*knockOut, error) {
	k, err := t.knockOut()
	if err != nil {
		return nil, err
	}
	if err := c.Check(k.Model); err != nil {
		return nil, err
	}
	if len(c.Nodes) == 0 {
		return nil, fmt.Errorf("circuit %q has no nodes", c.Name)
	}
	if k.cutsEdges() {
		if err := k.checkEdges(c); err != nil {
			return nil, fmt.Errorf("circuit %q: %w", c.Name, err)
		}
	}
	for _, n := range c.Nodes {
		if n.Part.Kind == graph.MLPPart && !k.takesMLPs() {
			return nil, fmt.Errorf("circuit %q has the node %s, but only heads are knocked out: no test would see it; ask for HeadsAndMLPs, or AllEdges", c.Name, n.Part)
		}
		if _, err := k.positions(n.At, false); err != nil {
			return nil, fmt.Errorf("circuit %q: node %s: %w", c.Name, n.Part, err)
		}
	}
	return k, nil
}

// positions are those of the names in each row, or the rest, rising.
func (k *knockOut) positions(names []string, rest bool) ([][]int, error) {
	key := fmt.Sprint(rest, strings.Join(names, "\x00"))
	if at, known := k.places[key]; known {
		return at, nil
	}
	at := make([][]int, k.Task.Len())
	for _, name := range names {
		place, err := k.Task.At(name)
		if err != nil {
			return nil, err
		}
		for row, ids := range k.Task.Clean.IDs {
			here, err := place.Within(row, len(ids))
			if err != nil {
				return nil, fmt.Errorf("task %s: %s stands at %w", k.Task.Name, name, err)
			}
			at[row] = append(at[row], here...)
		}
	}
	for row, ids := range k.Task.Clean.IDs {
		slices.Sort(at[row])
		at[row] = slices.Compact(at[row])
		if !rest {
			continue
		}
		others := []int{}
		for pos := range ids {
			if !slices.Contains(at[row], pos) {
				others = append(others, pos)
			}
		}
		at[row] = others
	}
	k.places[key] = at
	return at, nil
}

// result puts runs side by side [run], with the prompts as samples.
func (k *knockOut) result(runs [][]float64, axis string, names []string, title, unit string) *interp.Result {
	samples := array.New(array.Dim("sample", k.Task.Len()), array.Labels(axis, names))
	for i, run := range runs {
		for row, v := range run {
			samples.Set(v, row, i)
		}
	}
	r := k.about()
	r.Array, r.Samples = samples.Mean("sample").Named(title, unit), samples
	return r
}

// about is a result without values: how they come about.
func (k *knockOut) about() *interp.Result {
	return &interp.Result{
		Method: fmt.Sprintf("%s on %d prompts of %s", k.describe(k.values), k.Task.Len(), k.Task.Name), Source: wang, Provenance: k.provenance,
	}
}
