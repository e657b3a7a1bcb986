package model

import (
	"fmt"
	"slices"

	"github.com/golens/golens/model/array"
	"github.com/golens/golens/model/hook"
)

// PerQueryHead is an array of keys or values, which hold one part for each group
// of query heads, as the query heads see it: heads of a group have equal parts.
// In models without groups it is the array itself.
//
//	m.PerQueryHead(run.At(hook.K(1))).Pick("head", 3) // the keys that head 3 of layer 1 attends to
func (m *Model) PerQueryHead(a *array.Array) *array.Array {
	if a.Err() != nil {
		return a
	}
	c := m.Config()
	at := slices.IndexFunc(a.Axes(), func(x array.Axis) bool { return x.Name == hook.Head })
	if at < 0 || a.Axes()[at].Len != c.KVHeads {
		return array.Failed(fmt.Errorf("per query head: an array of shape %v has no axis head of length %d; give whole keys or values", a.Shape(), c.KVHeads))
	}
	if c.KVHeads == c.Heads {
		return a
	}
	axes := slices.Clone(a.Axes())
	axes[at] = array.Dim(hook.Head, c.Heads)
	inner, outer := 1, 1 // values after the axis, and steps before it
	for i, x := range axes {
		if i < at {
			outer *= x.Len
		} else if i > at {
			inner *= x.Len
		}
	}
	out := make([]float32, 0, outer*c.Heads*inner)
	for o := range outer {
		for h := range c.Heads {
			from := (o*c.KVHeads + c.KVHead(h)) * inner
			out = append(out, a.Values()[from:from+inner]...)
		}
	}
	return array.Of(out, axes...).Named(a.Title(), a.Unit())
}
