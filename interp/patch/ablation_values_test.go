package patch_test

import (
	"math"
	"testing"

	"github.com/golens/golens/interp/ablate"
	"github.com/golens/golens/interp/patch"
	"github.com/golens/golens/model"
	"github.com/golens/golens/model/hook"
	"github.com/golens/golens/model/modeltest"
)

// Every part can be taken away; a sweep gives what a run with the edits gives.
func TestKnockOutOfAnyPart(t *testing.T) {
	m := open(t, modeltest.Dir())
	prompts := m.Rows([][]int32{{1, 2, 3, 4}, {9, 8, 7, 6}})
	metric := model.NLL()
	base := must(m.Run(prompts.Metric(metric)))(t).Metric()
	for name, c := range map[string]struct {
		over  patch.Parts
		point func(i []int) hook.Point
	}{
		"MLPs":              {patch.Parts{Kinds: []hook.Kind{hook.KindMLPOut}}, func(i []int) hook.Point { return hook.MLPOut(i[0]) }},
		"MLPs by position":  {patch.Parts{Kinds: []hook.Kind{hook.KindMLPOut}, ByPosition: true}, func(i []int) hook.Point { return hook.MLPOut(i[0]).At(i[1]) }},
		"heads by position": {patch.Parts{ByPosition: true}, func(i []int) hook.Point { return hook.Z(i[0]).Head(i[2]).At(i[1]) }},
		"neurons": {patch.Parts{Kinds: []hook.Kind{hook.KindPost}, Layers: []int{0, 1, 2}, Neurons: []int{0, 1, 2}},
			func(i []int) hook.Point { return hook.MLPPost(i[0]).Coord(i[1]) }},
	} {
		for _, a := range []ablate.Ablation{zero, {Value: ablate.Mean}, {Value: ablate.PositionMean, Reference: ablate.Reference{Prompts: prompts}}, {Value: ablate.Resample, Seed: 3}} {
			r := must(patch.Ablations{Parts: c.over, Ablation: a}.Patch(m, alone(prompts, metric)))(t)
			index := make([]int, len(r.Shape()))
			for range 6 { // a handful of cells
				edits := must(a.Edits(m, alone(prompts, metric), c.point(index)))(t)
				want := must(m.Run(prompts.Edit(edits...).Metric(metric)))(t).Metric() - base
				if got := r.At(index...); math.Abs(got-want) > 2e-5 {
					t.Errorf("%s %v, %s: %g, alone %g", name, index, a, got, want)
				}
				for i, n := range r.Shape() {
					index[i] = (index[i] + 1 + i) % n
				}
			}
		}
	}
}

// Metrics with a row of their own per prompt work in sweeps too.
func TestKnockOutOfLinearAndKL(t *testing.T) {
	m := open(t, modeltest.Dir())
	prompts := m.Rows([][]int32{{1, 2, 3, 4}, {9, 8, 7, 6}})
	last := hook.Logits().At(-1)
	reference := must(m.Run(prompts.Capture(last)))(t).At(last)
	r := must(patch.KnockOut(m, alone(prompts, model.KL(reference)), zero))(t)
	for _, v := range r.Values() {
		if !(v > 0) {
			t.Errorf("KL from the whole model is %g without a head; it must be above 0", v)
		}
	}
	functional := model.Linear(hook.ResidPost(2).At(-1).Coord(4), hook.Vec(2))
	r = must(patch.KnockOut(m, alone(prompts, functional), zero))(t)
	with := must(m.Run(prompts.Edit(hook.Z(2).Head(1).Zero()).Metric(functional)))(t).Metric()
	if got, want := r.At(2, 1), with-must(m.Run(prompts.Metric(functional)))(t).Metric(); math.Abs(got-want) > 1e-5 {
		t.Errorf("linear metric: %g, want %g", got, want)
	}
}
