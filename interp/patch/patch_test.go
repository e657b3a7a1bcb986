package patch_test

import (
	"math"
	"strings"
	"testing"

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
	for name, ablation := range map[string]patch.Ablation{
		"ablate.z.zero": {},
		"ablate.z.mean": {Value: patch.PositionMean, Reference: corrupted},
	} {
		r, err := patch.KnockOut(m, clean, metric, ablation)
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
	for _, ablation := range []patch.Ablation{{}, {Value: patch.Mean}, {Value: patch.Mean, Reference: m.Rows([][]int32{{4, 4, 8}})}} {
		r, err := patch.KnockOut(m, prompts, metric, ablation)
		if err != nil {
			t.Fatal(err)
		}
		base, err := m.Run(prompts.Metric(metric))
		if err != nil {
			t.Fatal(err)
		}
		for l := range 3 {
			for h := range 4 {
				edits, err := ablation.Edits(m, prompts, [2]int{l, h})
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
	r, err := patch.KnockOut(m, p, model.NLL().AtPositions(late...), patch.Ablation{})
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

func TestMeanIsOverRealTokens(t *testing.T) {
	m := open(t, modeltest.Dir())
	prompts := m.Rows([][]int32{{1, 2, 3, 4, 5}, {9}})
	edits, err := patch.Ablation{Value: patch.Mean}.Edits(m, prompts, [2]int{0, 1})
	if err != nil {
		t.Fatal(err)
	}
	run, err := m.Run(prompts.Capture(hook.Z(0)))
	if err != nil {
		t.Fatal(err)
	}
	z := run.At(hook.Z(0))
	want := 0.0
	for _, at := range [][2]int{{0, 0}, {0, 1}, {0, 2}, {0, 3}, {0, 4}, {1, 0}} {
		want += z.At(at[0], at[1], 1, 0) / 6
	}
	if got := float64(edits[0].Values[0]); math.Abs(got-want) > 1e-6 {
		t.Errorf("mean %g, want %g", got, want)
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
		{"unequal rows", func() error {
			_, err := patch.KnockOut(m, p, metric, patch.Ablation{Value: patch.PositionMean})
			return err
		}, "equally long"},
		{"unknown value", func() error { _, err := patch.KnockOut(m, p, metric, patch.Ablation{Value: 9}); return err }, "not known"},
		{"head", func() error { _, err := patch.Ablation{}.Edits(m, p, [2]int{0, 3}); return err }, "no head 0.3"},
		{"no rows", func() error { _, err := patch.KnockOut(m, model.Prompts{}, metric, patch.Ablation{}); return err }, "no rows"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if err := c.do(); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v; it should say %q", err, c.want)
			}
		})
	}
}
