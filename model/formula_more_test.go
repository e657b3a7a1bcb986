package model_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/golens/golens/model"
	"github.com/golens/golens/model/formula"
	"github.com/golens/golens/model/hook"
)

// A generation with a formula chooses, token by token, what full runs with the
// formula choose, and its labelled values are theirs.
func TestGenerationWithFormula(t *testing.T) {
	m := open(t)
	rng := rand.New(rand.NewPCG(8, 8))
	d := m.Config().DModel
	x := formula.Here()
	y := formula.At(hook.MLPIn(0).String())
	f := y.Dot(formula.Tensor("W", tensorOf(rng, d, 6))).ReLU().As("f")
	e := hook.MLPOut(1).Compute(x.Add(f.Dot(formula.Tensor("V", tensorOf(rng, 6, d)))))
	at := hook.MLPOut(1).Label("f")
	rows := [][]int32{{1, 2, 3}, {7, 5}}
	g, err := m.Complete(model.Generation{Rows: rows, New: 4, Edits: []hook.Edit{e}, Captures: []hook.Point{at}})
	if err != nil {
		t.Fatal(err)
	}
	for r, row := range rows {
		row = slices.Clone(row)
		for range 4 {
			logits := run(t, m, model.Request{Rows: [][]int32{row}}.Edit(e).Capture(hook.Logits().At(-1))).Captures[0].Array
			_, best := logits.Max()
			row = append(row, int32(best[len(best)-1]))
		}
		if !slices.Equal(row, g.Prompts.IDs[r]) {
			t.Fatalf("row %d is %v, by full runs %v", r, g.Prompts.IDs[r], row)
		}
		want := run(t, m, model.Request{Rows: [][]int32{row[:len(row)-1]}}.Edit(e).Capture(at)).At(at).Values()
		got := g.Captures[0].Array.Select(hook.Batch, r).Values()[:len(want)]
		for i := range want {
			if abs(float64(want[i]-got[i])) > near*10 {
				t.Fatalf("row %d: labelled value %d is %g, by a full run %g", r, i, got[i], want[i])
			}
		}
	}
}

// Labelled values of a sweep's variants are those of runs of their own; a variant
// without the label has none.
func TestSweepOfLabels(t *testing.T) {
	m := open(t)
	rng := rand.New(rand.NewPCG(9, 9))
	base := model.Request{Rows: [][]int32{{1, 2, 3, 4}, {5, 6, 7}}}.Metric(model.LogProbOf(3))
	f := formula.Here().Dot(formula.Tensor("W", tensorOf(rng, m.Config().DModel, 5))).Tanh()
	watch, at := hook.ResidPost(1).At(-1, 0).Watch("f", f), hook.ResidPost(1).Label("f")
	s := model.Sweep{Base: base, Captures: []hook.Point{at}, Variants: []model.Variant{
		{Edits: []hook.Edit{watch}}, {Edits: []hook.Edit{hook.Z(0).Head(1).Zero(), watch}}, {Edits: []hook.Edit{hook.Z(0).Head(1).Zero()}},
	}}
	got, err := m.Sweep(s)
	if err != nil {
		t.Fatal(err)
	}
	for i, v := range s.Variants[:2] {
		want := run(t, m, base.Edit(v.Edits...).Capture(at)).At(at)
		have := got.Captures[0].Array.Select(hook.Variant, i)
		for k, w := range want.Values() {
			if h := have.Values()[k]; !(abs(float64(h-w)) <= near) && !(h != h && w != w) {
				t.Fatalf("variant %d: value %d is %g, in a run of its own %g", i, k, h, w)
			}
		}
	}
	for _, v := range got.Captures[0].Array.Select(hook.Variant, 2).Values() {
		if !math.IsNaN(float64(v)) {
			t.Fatal("a variant without the label has a value")
		}
	}
}
