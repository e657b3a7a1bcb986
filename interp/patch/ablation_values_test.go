package patch_test

import (
	"math"
	"slices"
	"testing"

	"github.com/golens/golens/interp/patch"
	"github.com/golens/golens/model"
	"github.com/golens/golens/model/hook"
	"github.com/golens/golens/model/modeltest"
)

// Means within a template never mix templates: the reference of one template is
// exactly that template's mean, whatever the other holds.
func TestTemplateMean(t *testing.T) {
	m := open(t, modeltest.Dir())
	prompts := m.Rows([][]int32{{1, 2, 3}, {4, 5, 6, 7}, {8, 9, 3}})
	reference := m.Rows([][]int32{{11, 12, 13}, {14, 15, 16, 17}, {18, 19, 20}, {21, 22, 23, 24}, {31, 32, 33}})
	a := patch.Ablation{Value: patch.TemplateMean, Reference: reference, Templates: []int{7, 3, 7}, ReferenceTemplates: []int{7, 3, 7, 3, 7}}
	at := hook.Z(1).Head(2).AtEach([]int{1, 3, 2})
	edits := must(a.EditsAt(m, prompts, at))(t)
	run := must(m.Run(reference.Capture(hook.Z(1))))(t).At(hook.Z(1)).Select(hook.Head, 2)
	for row, want := range []struct {
		rows []int
		pos  int
	}{{[]int{0, 2, 4}, 1}, {[]int{1, 3}, 3}, {[]int{0, 2, 4}, 2}} {
		mean := run.Select(hook.Batch, want.rows...).Mean(hook.Batch).Select(hook.Pos, want.pos).Values()
		got := edits[0].Values[row*len(mean) : (row+1)*len(mean)]
		for i := range mean {
			if math.Abs(float64(got[i]-mean[i])) > 1e-6 {
				t.Fatalf("row %d: %v, want %v", row, got, mean)
			}
		}
	}
	// The sweep puts in the same.
	metric := model.LogProbOf(2)
	alone := must(m.Run(prompts.Edit(edits...).Metric(metric)))(t).Metric() - must(m.Run(prompts.Metric(metric)))(t).Metric()
	swept := must(a.KnockOut(m, prompts, metric, patch.Over{Sets: []patch.Set{{Points: []hook.Point{at}}}}))(t)
	if got := swept.At(0); math.Abs(got-alone) > 2e-5 {
		t.Errorf("swept %g, alone %g", got, alone)
	}
}

// A resampled row is one of the reference, of the same length and template, not
// the row itself, and drawn from the seed.
func TestResample(t *testing.T) {
	m := open(t, modeltest.Dir())
	rows := [][]int32{{1, 2, 3}, {4, 5, 6}, {7, 8, 9}, {10, 11, 12, 13}, {14, 15, 16, 17}}
	prompts := m.Rows(rows)
	z := must(m.Run(prompts.Capture(hook.MLPOut(0))))(t).At(hook.MLPOut(0))
	drawn := map[int]bool{}
	for seed := range uint64(20) {
		a := patch.Ablation{Value: patch.Resample, Seed: seed, Templates: []int{0, 0, 0, 1, 1}}
		e := must(a.EditsAt(m, prompts, hook.MLPOut(0).At(0)))(t)[0]
		again := must(a.EditsAt(m, prompts, hook.MLPOut(0).At(0)))(t)[0]
		if !slices.Equal(e.Values, again.Values) {
			t.Error("the same seed must draw the same")
		}
		n := len(e.Values) / len(rows)
		for r := range rows {
			from := -1
			for o := range rows {
				if slices.Equal(z.Select(hook.Batch, o).Select(hook.Pos, 0).Values(), e.Values[r*n:(r+1)*n]) {
					from = o
				}
			}
			if from < 0 || from == r || len(rows[from]) != len(rows[r]) {
				t.Fatalf("row %d took the values of row %d", r, from)
			}
			if r == 0 {
				drawn[from] = true
			}
		}
	}
	if !drawn[1] || !drawn[2] {
		t.Errorf("twenty seeds draw only %v", drawn)
	}
}

// Every part can be taken away; a sweep gives what a run with the edits gives.
func TestKnockOutOfAnyPart(t *testing.T) {
	m := open(t, modeltest.Dir())
	prompts := m.Rows([][]int32{{1, 2, 3, 4}, {9, 8, 7, 6}})
	metric := model.NLL()
	base := must(m.Run(prompts.Metric(metric)))(t).Metric()
	for name, c := range map[string]struct {
		over  patch.Over
		point func(i []int) hook.Point
	}{
		"MLPs":              {patch.Over{Kinds: []hook.Kind{hook.KindMLPOut}}, func(i []int) hook.Point { return hook.MLPOut(i[0]) }},
		"MLPs by position":  {patch.Over{Kinds: []hook.Kind{hook.KindMLPOut}, ByPosition: true}, func(i []int) hook.Point { return hook.MLPOut(i[0]).At(i[1]) }},
		"heads by position": {patch.Over{ByPosition: true}, func(i []int) hook.Point { return hook.Z(i[0]).Head(i[2]).At(i[1]) }},
		"neurons": {patch.Over{Kinds: []hook.Kind{hook.KindPost}, Layers: []int{0, 1, 2}, Neurons: []int{0, 1, 2}},
			func(i []int) hook.Point { return hook.MLPPost(i[0]).Coord(i[1]) }},
	} {
		for _, a := range []patch.Ablation{{}, {Value: patch.Mean}, {Value: patch.PositionMean}, {Value: patch.Resample, Seed: 3}} {
			r := must(a.KnockOut(m, prompts, metric, c.over))(t)
			index := make([]int, len(r.Shape()))
			for range 6 { // a handful of cells
				edits := must(a.EditsAt(m, prompts, c.point(index)))(t)
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
	r := must(patch.KnockOut(m, prompts, model.KL(reference), patch.Ablation{}))(t)
	for _, v := range r.Values() {
		if !(v > 0) {
			t.Errorf("KL from the whole model is %g without a head; it must be above 0", v)
		}
	}
	functional := model.Linear(hook.ResidPost(2).At(-1).Coord(4), hook.Vec(2))
	r = must(patch.KnockOut(m, prompts, functional, patch.Ablation{}))(t)
	with := must(m.Run(prompts.Edit(hook.Z(2).Head(1).Zero()).Metric(functional)))(t).Metric()
	if got, want := r.At(2, 1), with-must(m.Run(prompts.Metric(functional)))(t).Metric(); math.Abs(got-want) > 1e-5 {
		t.Errorf("linear metric: %g, want %g", got, want)
	}
}
