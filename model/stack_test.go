package model_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/golens/golens/model/hook"
	"github.com/golens/golens/model/modeltest"
)

// All layers of one hook are one array, whose layers are the captures.
func TestStack(t *testing.T) {
	m := open(t)
	layers := hook.Layers(m.Config().Layers, func(l int) hook.Point { return hook.Z(l).Head(2, 0) })
	run, err := m.Run(m.Rows([][]int32{{1, 2, 3}}).Capture(layers...))
	if err != nil {
		t.Fatal(err)
	}
	all := run.Stack(layers...)
	if want := []int{3, 1, 3, 2, m.Config().DHead}; all.Err() != nil || !slices.Equal(all.Shape(), want) || all.Axes()[0].Name != "layer" {
		t.Fatalf("%v, axes %v; want shape %v", all.Err(), all.Axes(), want)
	}
	for l, p := range layers {
		if d := modeltest.MaxDiff(all.Pick("layer", l), run.At(p)); d != 0 {
			t.Errorf("layer %d differs by %g", l, d)
		}
	}
	if all.Norm("d_head").Sum("pos").Top(1)[0].Value <= 0 {
		t.Error("no head has an output")
	}
	if bad := run.Stack(append(layers, hook.Pattern(0))...); bad.Err() == nil {
		t.Error("an activation that was not captured was stacked")
	}
	if fmt.Sprint(run.Stack().Err()) == "<nil>" {
		t.Error("nothing was stacked")
	}
}
