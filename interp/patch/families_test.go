package patch_test

import (
	"math"
	"testing"

	"github.com/golens/golens/interp"
	"github.com/golens/golens/interp/patch"
	"github.com/golens/golens/model"
	"github.com/golens/golens/model/hook"
	"github.com/golens/golens/model/modeltest"
)

// In every family: all positions of the first residual stream are the other
// run, and from the last layer the path is the whole patch.
func TestFamilies(t *testing.T) {
	for family, dir := range modeltest.Families(t) {
		t.Run(family, func(t *testing.T) {
			m := open(t, dir)
			clean, corrupted := m.Rows([][]int32{{1, 2, 3, 4}, {7, 8, 9}}), m.Rows([][]int32{{1, 5, 3, 4}, {7, 6, 9}})
			metric := model.LogProbOf(3, 12)
			whole := patch.Activations{Parts: patch.Parts{Layers: []int{0}, Places: []interp.Place{{Name: "all"}}}}
			// On the metric's own scale: the random models tell the prompts apart by
			// so little that shares of it are mostly noise.
			restored := must(must(whole.Patch(m, pairs(clean, corrupted, metric)))(t).In(patch.Raw))(t).Scalar()
			if want := must(m.Run(clean.Metric(metric)))(t).Metric(); math.Abs(restored-want) > 2e-5 {
				t.Errorf("all of the first residual stream restores %g, want %g", restored, want)
			}
			last := patch.Parts{Kinds: []hook.Kind{hook.KindZ}, Layers: []int{m.Config().Layers - 1}}
			path := must(patch.Paths{Senders: last}.Patch(m, pairs(clean, corrupted, metric)))(t)
			patched := must(patch.Activations{Parts: last, Direction: patch.Noising, Scale: patch.Change}.Patch(m, pairs(clean, corrupted, metric)))(t)
			if d := modeltest.MaxDiff(path.Array, patched.Array); !(d < 2e-5) { // float32 in another order
				t.Errorf("from the last layer the path and the patch differ by %g", d)
			}
		})
	}
}
