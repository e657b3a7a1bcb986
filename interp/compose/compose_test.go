package compose_test

import (
	"math"
	"strings"
	"testing"

	"github.com/golens/golens/interp"
	"github.com/golens/golens/interp/compose"
	"github.com/golens/golens/interp/graph"
	"github.com/golens/golens/model"
	"github.com/golens/golens/model/modeltest"
)

func open(t testing.TB, name string) *model.Model {
	t.Helper()
	m, err := model.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// In the hand-made network head 0.0 feeds the keys of 1.1, the queries of 1.0
// and the values of 1.2, each with 1/sqrt(64), and nothing else composes.
func TestPlantedComposition(t *testing.T) {
	m := open(t, "zoo:induction")
	for side, to := range map[compose.Side]int{compose.Q: 3, compose.K: 4, compose.V: 5} {
		r, err := compose.Composition(m, side)
		if err != nil {
			t.Fatal(err)
		}
		for i := range 6 {
			for j := range 6 {
				want := 0.0
				if i == 0 && j == to {
					want = 1. / 8
				}
				if i >= 3 || j < 3 {
					want = math.NaN()
				}
				got := r.At(i, j)
				if math.IsNaN(want) != math.IsNaN(got) || math.Abs(got-want) > 1e-6 { // exact but for the square roots
					t.Errorf("%s-composition of %d and %d is %g, want %g", side, i, j, got, want)
				}
			}
		}
	}
	if got := compose.Baseline(m); math.Abs(got-1/math.Sqrt(320)) > 1e-12 {
		t.Errorf("baseline %g", got)
	}
}

func TestPlantedEigenvalues(t *testing.T) {
	m := open(t, "zoo:induction")
	copying, err := compose.EigenvalueCopying(m)
	if err != nil {
		t.Fatal(err)
	}
	matching, err := compose.EigenvalueMatching(m, graph.Head(0, 0))
	if err != nil {
		t.Fatal(err)
	}
	nan := math.NaN()
	for _, c := range []struct {
		r    *interp.Result
		want []float64
	}{{copying, []float64{0, -1, -1, 1, 1, 0}}, {matching, []float64{nan, nan, nan, 0, 1, 0}}} {
		for i, want := range c.want {
			if got := c.r.At(i/3, i%3); math.IsNaN(want) != math.IsNaN(got) || math.Abs(got-want) > 1e-6 {
				t.Errorf("%s of head %d.%d is %g, want %g", c.r.Title(), i/3, i%3, got, want)
			}
		}
	}
}

// Recorded from TransformerLens 2.17 in float64.
func TestAgainstTransformerLens(t *testing.T) {
	m := open(t, modeltest.Dir())
	want := modeltest.Oracle(t, "weights_analysis.safetensors")
	const tolerance = 2e-5 // float32 products of 32 terms, then a quotient
	for _, side := range []compose.Side{compose.Q, compose.K, compose.V} {
		r, err := compose.Composition(m, side)
		if err != nil {
			t.Fatal(err)
		}
		most := 0.0
		for i, v := range r.Values() {
			// Ours says NaN where TransformerLens says 0: a later head never
			// feeds an earlier one.
			if w := float64(want["composition."+side.String()].Values()[i]); v == v || w != 0 {
				most = max(most, math.Abs(float64(v)-w))
			}
		}
		t.Logf("%s-composition: largest difference %.1e", side, most)
		if !(most < tolerance) {
			t.Errorf("%s-composition differs by %g", side, most)
		}
	}
	r, err := compose.EigenvalueCopying(m)
	if err != nil {
		t.Fatal(err)
	}
	d := modeltest.MaxDiff(r.Array, want["ov_eigenvalue_copying"])
	t.Logf("eigenvalue copying: largest difference %.1e", d)
	if !(d < tolerance) {
		t.Errorf("eigenvalue copying differs by %g", d)
	}
}

// The small circuits must be what the full matrices give.
func TestCircuitsAgainstFullMatrices(t *testing.T) {
	m := open(t, modeltest.Dir())
	tokens := []int32{3, 50, 96}
	ov, err := compose.OV(m, graph.Head(1, 2), tokens...)
	if err != nil {
		t.Fatal(err)
	}
	qk, err := compose.QK(m, graph.Head(1, 2), tokens...)
	if err != nil {
		t.Fatal(err)
	}
	full, err := m.Products(
		model.Chain{model.WE(), model.WV(1).Head(2), model.WO(1).Head(2), model.WU()},
		model.Chain{model.WE(), model.WQ(1).Head(2), model.WK(1).Head(2).T(), model.WE().T()})
	if err != nil {
		t.Fatal(err)
	}
	for i, a := range tokens {
		for j, b := range tokens {
			if got, want := ov.At(i, j), full[0].At(int(a), int(b)); math.Abs(got-want) > 1e-5 {
				t.Errorf("OV of %d and %d: %g, want %g", a, b, got, want)
			}
			if got, want := qk.At(i, j), full[1].At(int(a), int(b))*m.Config().Scale; math.Abs(got-want) > 1e-5 {
				t.Errorf("QK of %d and %d: %g, want %g", a, b, got, want)
			}
		}
	}
}

// The induction head attends to where the token before was this one.
func TestPlantedKComposed(t *testing.T) {
	m := open(t, "zoo:induction")
	r, err := compose.KComposed(m, graph.Head(0, 0), graph.Head(1, 1), 14, 15, 16)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		for j := range 3 {
			want := 0.0
			if i == j {
				want = 30
			}
			if got := r.At(i, j); got != want {
				t.Errorf("[%d, %d] is %g, want %g", i, j, got, want)
			}
		}
	}
	if _, labels := r.Axis(0); labels[0] != "cat" {
		t.Errorf("labels %q", labels)
	}
}

func TestErrors(t *testing.T) {
	m := open(t, "zoo:induction")
	for _, c := range []struct {
		name string
		do   func() error
		want string
	}{
		{"head", func() error { _, err := compose.OV(m, graph.Head(0, 9), 1); return err }, "0.9: the model has heads 0 to 2"},
		{"layer", func() error { _, err := compose.QK(m, graph.Head(7, 0), 1); return err }, "7.0: the model has layers 0 to 1"},
		{"token", func() error { _, err := compose.QK(m, graph.Head(0, 0), 64); return err }, "no token 64"},
		{"no tokens", func() error { _, err := compose.OV(m, graph.Head(0, 0)); return err }, "no tokens"},
		{"order", func() error { _, err := compose.KComposed(m, graph.Head(1, 0), graph.Head(1, 1), 1); return err }, "does not come before"},
		{"last layer", func() error { _, err := compose.EigenvalueMatching(m, graph.Head(1, 0)); return err }, "no head comes after"},
		{"side", func() error { _, err := compose.Composition(m, 3); return err }, "none of Q, K, V"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if err := c.do(); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v; it should say %q", err, c.want)
			}
		})
	}
}
