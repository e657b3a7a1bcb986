package patch_test

import (
	"math"
	"strings"
	"testing"

	"github.com/golens/golens/interp/ablate"
	"github.com/golens/golens/interp/heads"
	"github.com/golens/golens/interp/patch"
	"github.com/golens/golens/model"
	"github.com/golens/golens/model/hook"
	"github.com/golens/golens/model/modeltest"
)

// models are open: what was compiled for one test serves the others.
var models = map[string]*model.Model{}

func open(t testing.TB, name string) *model.Model {
	t.Helper()
	if m := models[name]; m != nil {
		return m
	}
	m, err := model.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	models[name] = m
	return m
}

// Recorded from TransformerLens: single heads replaced by zero, and by the mean
// over the corrupted batch at each position.
func TestKnockOutAgainstTransformerLens(t *testing.T) {
	m := open(t, modeltest.Dir())
	o := modeltest.Oracle(t, "sweeps.safetensors")
	ids := func(name string) (out []int32) {
		for _, v := range o[name].Values() {
			out = append(out, int32(v))
		}
		return out
	}
	clean, corrupted := m.Rows(modeltest.Rows(o["clean"])), m.Rows(modeltest.Rows(o["corrupted"]))
	metric := model.LogitDiff(model.IDs(ids("answers")...), model.IDs(ids("wrongs")...))
	base := o["clean_metric"].Scalar()
	for name, ablation := range map[string]ablate.Ablation{
		"ablate.z.zero": zero,
		"ablate.z.mean": {Value: ablate.PositionMean, Reference: ablate.Reference{Prompts: corrupted}},
	} {
		r, err := patch.KnockOut(m, alone(clean, metric), ablation)
		if err != nil {
			t.Fatal(err)
		}
		most := 0.0
		for i, v := range r.Values() {
			most = max(most, math.Abs(float64(v)+base-float64(o[name].Values()[i])))
		}
		t.Logf("%s: largest difference %.1e", name, most)
		if !(most < 5e-5) { // the fixtures' noise floor for float32
			t.Errorf("%s differs by %g", name, most)
		}
	}
}

// Every cell must be what a run of its own gives.
func TestKnockOutAgainstSingleRuns(t *testing.T) {
	m := open(t, modeltest.Dir())
	prompts := m.Rows([][]int32{{1, 2, 3, 4, 5}, {9, 8, 7}})
	metric := model.LogProbOf(11, 12)
	for _, ablation := range []ablate.Ablation{zero, {Value: ablate.Mean}, {Value: ablate.Mean, Reference: ablate.Reference{Prompts: m.Rows([][]int32{{4, 4, 8}})}}} {
		r, err := patch.KnockOut(m, alone(prompts, metric), ablation)
		if err != nil {
			t.Fatal(err)
		}
		base, err := m.Run(prompts.Metric(metric))
		if err != nil {
			t.Fatal(err)
		}
		for l := range 3 {
			for h := range 4 {
				edits, err := ablation.Edits(m, alone(prompts, metric), hook.Z(l).Head(h))
				if err != nil {
					t.Fatal(err)
				}
				alone, err := m.Run(prompts.Edit(edits...).Metric(metric))
				if err != nil {
					t.Fatal(err)
				}
				if got, want := r.At(l, h), alone.Metric()-base.Metric(); math.Abs(got-want) > 2e-5 {
					t.Errorf("%s, head %d.%d: %g, alone %g", ablation, l, h, got, want)
				}
			}
		}
	}
}

// The hand-made network needs its previous-token head and its induction head,
// and no other.
func TestPlantedKnockOut(t *testing.T) {
	m := open(t, "zoo:induction")
	p, err := heads.Repeated{Samples: 3, Times: 2}.Prompts(m)
	if err != nil {
		t.Fatal(err)
	}
	late := make([]int, 24)
	for i := range late {
		late[i] = 26 + i // the second period
	}
	r, err := patch.KnockOut(m, alone(p, model.NLL().AtPositions(late...)), zero)
	if err != nil {
		t.Fatal(err)
	}
	for l := range 2 {
		for h := range 3 {
			needed := l == 0 && h == 0 || l == 1 && h == 1
			if got := r.At(l, h); needed && got < 2 || !needed && math.Abs(got) > 0.1 {
				t.Errorf("without head %d.%d the loss rises by %g", l, h, got)
			}
		}
	}
}

func TestErrors(t *testing.T) {
	m := open(t, "zoo:induction")
	p := m.Tokens("the cat sat", "the dog")
	metric := model.LogProb(" cat")
	for _, c := range []struct {
		name string
		do   func() error
		want string
	}{
		{"a mean of what all have", func() error { _, err := patch.KnockOut(m, alone(p, metric), ablate.Ablation{}); return err }, "their mean keeps it"},
		{"unknown value", func() error { _, err := patch.KnockOut(m, alone(p, metric), ablate.Ablation{Value: 9}); return err }, "not known"},
		{"head", func() error {
			_, err := ablate.Ablation{Value: ablate.Mean}.Edits(m, alone(p, metric), hook.Z(0).Head(3))
			return err
		}, "hook_z{head=[3]}: "},
		{"no rows", func() error { _, err := patch.KnockOut(m, alone(model.Prompts{}, metric), zero); return err }, "no rows"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if err := c.do(); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v; it should say %q", err, c.want)
			}
		})
	}
}
