package hook_test

import (
	"testing"

	"github.com/golens/golens/model/hook"
)

// Points are equal that read the same.
func TestPointsAreEqualThatReadTheSame(t *testing.T) {
	var points []hook.Point
	for _, p := range []hook.Point{hook.Z(0), hook.Z(1), hook.Q(1), hook.Logits(), hook.Embed()} {
		points = append(points, p)
		for _, list := range [][]int{{}, {0}, {1}, {0, 1}} {
			points = append(points, p.Head(list...), p.Row(list...), p.Coord(list...), p.Head(0).Row(list...), p.At(list...))
			points = append(points, p.In(hook.Positions{Rows: [][]int{list, list}}), p.In(hook.Positions{Rows: [][]int{list, {7}}}))
		}
	}
	// Of an activation that no block has, the layer says nothing.
	other := hook.Logits()
	other.Layer = 3
	points = append(points, other)
	for _, p := range points {
		for _, q := range points {
			if p.Equal(q) != (p.String() == q.String()) {
				t.Errorf("%s and %s: equal is %t", p, q, p.Equal(q))
			}
		}
	}
}
