package heads

import (
	"fmt"

	"github.com/golens/golens/interp"
	"github.com/golens/golens/interp/task"
	"github.com/golens/golens/model"
	"github.com/golens/golens/model/array"
	"github.com/golens/golens/model/hook"
)

// Between is the attention that each head pays from one named position of a task to
// another [layer, head], on the clean prompts. One sample per prompt. It says where
// a head looks, not what it does with what it finds. One pass.
func Between(m *model.Model, t *task.Task, from, to string) (*interp.Result, error) {
	all, err := BetweenPairs(m, t, nil, [2]string{from, to})
	if err != nil {
		return nil, err
	}
	return all[0], nil
}

// BetweenPairs is [Between] of several pairs of positions, in one pass under some
// edits.
func BetweenPairs(m *model.Model, t *task.Task, edits []hook.Edit, pairs ...[2]string) ([]*interp.Result, error) {
	results, err := between(m, t, edits, pairs)
	if err != nil {
		return nil, fmt.Errorf("attention between positions: %w", err)
	}
	return results, nil
}

func between(m *model.Model, t *task.Task, edits []hook.Edit, pairs [][2]string) ([]*interp.Result, error) {
	if _, err := task.Of(t); err != nil {
		return nil, err
	}
	c, request := m.Config(), t.Clean.Edit(edits...)
	places := map[string]hook.Positions{}
	for _, pair := range pairs {
		for _, name := range pair {
			var err error
			if places[name], err = t.At(name); err != nil {
				return nil, err
			}
		}
		for l := range c.Layers {
			if p := hook.Pattern(l).In(places[pair[0]]); p.Find(request.Captures) < 0 {
				request = request.Capture(p)
			}
		}
	}
	run, err := m.Run(request)
	if err != nil {
		return nil, err
	}
	results := make([]*interp.Result, len(pairs))
	for i, pair := range pairs {
		samples := array.New(array.Dim("sample", t.Len()), array.Dim("layer", c.Layers), array.Dim("head", c.Heads))
		for l := range c.Layers {
			pattern := run.At(hook.Pattern(l).In(places[pair[0]])) // [batch, head, 1, key]
			if err := pattern.Err(); err != nil {
				return nil, err
			}
			for row, ids := range t.Clean.IDs {
				keys, err := places[pair[1]].Within(row, len(ids))
				if err != nil {
					return nil, fmt.Errorf("%s stands at %w", pair[1], err)
				}
				for h := range c.Heads {
					samples.Set(pattern.At(row, h, 0, keys[0]), row, l, h)
				}
			}
		}
		results[i] = &interp.Result{
			Array:   samples.Mean("sample").Named(fmt.Sprintf("attention from %s to %s", pair[0], pair[1]), "attention"),
			Samples: samples, Source: "Wang et al. 2022", Provenance: run.Provenance,
			Method: fmt.Sprintf("mean attention over %d prompts of %s", t.Len(), t.Name),
		}
		if err := samples.Err(); err != nil {
			return nil, err
		}
	}
	return results, nil
}
