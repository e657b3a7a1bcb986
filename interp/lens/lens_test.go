package lens_test

import (
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/golens/golens/interp/lens"
	"github.com/golens/golens/model"
	"github.com/golens/golens/model/modeltest"
	"github.com/golens/golens/model/weights"
)

func open(t testing.TB, name string) *model.Model {
	t.Helper()
	m, err := model.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// All contributions and the bias terms are the metric, for raw and processed
// weights, one token and two, the last position and others.
func TestAttributionAddsUp(t *testing.T) {
	raw := open(t, modeltest.Dir())
	processed, err := raw.Process(model.Standard)
	if err != nil {
		t.Fatal(err)
	}
	rows := modeltest.Rows(modeltest.Oracle(t, "oracle.safetensors")["tokens"])
	for name, m := range map[string]*model.Model{"raw": raw, "processed": processed} {
		for _, metric := range []model.Metric{
			model.Logit(model.IDs(5)), model.LogitDiff(model.IDs(5), model.IDs(7)), model.Logit(model.IDs(5)).AtPositions(3),
		} {
			a, err := lens.Attribution(m, m.Rows(rows), metric)
			if err != nil {
				t.Fatal(err)
			}
			// The bias must not depend on what the components wrote: per row it
			// is the metric less the row's contributions.
			run, err := m.Run(m.Rows(rows).Metric(metric))
			if err != nil {
				t.Fatal(err)
			}
			n := len(a.Values())
			for i := range rows {
				rest := float64(run.PerRow(0).Values()[i])
				for _, v := range a.Samples.Values()[i*n : (i+1)*n] {
					rest -= float64(v)
				}
				if d := math.Abs(rest - a.Bias); d > 1e-4 {
					t.Errorf("%s, %s: bias of row %d differs by %g", name, metric, i, d)
				}
			}
			if math.Abs(a.Metric-run.Metric()) > 1e-6 {
				t.Errorf("metric %g, want %g", a.Metric, run.Metric())
			}
		}
	}
}

// Recorded from TransformerLens, which leaves the final norm's weight and bias
// out: they are set to one and zero here.
func TestAttributionAgainstTransformerLens(t *testing.T) {
	want := modeltest.Oracle(t, "weights_analysis.safetensors")["logit_attribution"] // [component, batch]
	m := open(t, withoutFinalNormWeights(t))
	rows := modeltest.Rows(modeltest.Oracle(t, "oracle.safetensors")["tokens"])
	a, err := lens.Attribution(m, m.Rows(rows), model.Logit(model.IDs(5)))
	if err != nil {
		t.Fatal(err)
	}
	theirs, err := os.ReadFile(filepath.Join(modeltest.Dir(), "components.txt"))
	if err != nil {
		t.Fatal(err)
	}
	_, ours := a.Axis(0)
	name := strings.NewReplacer("L", "", "H", ".", "_mlp_out", " mlp")
	most, compared := 0.0, 0
	for k, line := range strings.Fields(string(theirs)) {
		c := slices.Index(ours, name.Replace(line))
		if c < 0 { // their "bias" is our b_O of all layers
			continue
		}
		compared++
		for row := range rows {
			most = max(most, math.Abs(a.Samples.At(row, c)-want.At(k, row)))
		}
	}
	t.Logf("largest difference of %d components: %.1e", compared, most)
	if most > 2e-5 || compared != 17 { // float32 sums of 32 terms
		t.Errorf("%d components differ by %g", compared, most)
	}
}

// withoutFinalNormWeights is the tiny GPT-2 with a final norm that only
// normalizes.
func withoutFinalNormWeights(t *testing.T) string {
	t.Helper()
	store, err := weights.Open(modeltest.Dir())
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	var tensors []weights.Tensor
	for _, name := range store.Names() {
		shape, values, err := store.Float32(name)
		if err != nil {
			t.Fatal(err)
		}
		switch name {
		case "transformer.ln_f.weight":
			values = slices.Repeat([]float32{1}, len(values))
		case "transformer.ln_f.bias":
			values = make([]float32, len(values))
		}
		tensors = append(tensors, weights.Tensor{Name: name, Shape: shape, Values: values})
	}
	dir := t.TempDir()
	if err := weights.Write(filepath.Join(dir, "model.safetensors"), "F32", tensors); err != nil {
		t.Fatal(err)
	}
	config, err := os.ReadFile(filepath.Join(modeltest.Dir(), "config.json"))
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "config.json"), config, 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestPlantedAttribution(t *testing.T) {
	m := open(t, "zoo:induction")
	a, err := lens.Attribution(m, m.Tokens("the cat sat on the cat"), model.Logit(model.Texts(" sat")))
	if err != nil {
		t.Fatal(err)
	}
	for l := range 2 {
		for h := range 3 {
			want := 0.0
			if l == 1 && h == 1 {
				want = 8
			}
			if got := a.Heads.At(l, h); math.Abs(got-want) > 1e-5 {
				t.Errorf("head %d.%d contributes %g, want %g", l, h, got, want)
			}
		}
	}
}

// The last entry of the lens is the model.
func TestLogitLensEndsAtTheModel(t *testing.T) {
	m := open(t, modeltest.Dir())
	prompts := m.Rows([][]int32{{1, 2, 3, 4}, {9, 8, 7}})
	for _, metric := range []model.Metric{model.LogProbOf(5), model.LogitDiff(model.IDs(1), model.IDs(2)), model.NLL()} {
		r, err := lens.Logit(m, prompts, metric)
		if err != nil {
			t.Fatal(err)
		}
		run, err := m.Run(prompts.Metric(metric))
		if err != nil {
			t.Fatal(err)
		}
		if got, want := r.At(3), run.Metric(); math.Abs(got-want) > 1e-6 {
			t.Errorf("%s: the lens ends at %g, the model says %g", metric, got, want)
		}
		if r.At(0) == r.At(3) {
			t.Errorf("%s: the embedding predicts as the model does", metric)
		}
	}
}

func TestTopTokens(t *testing.T) {
	m := open(t, "zoo:induction")
	top, err := lens.TopTokens(m, m.Tokens("the cat sat on the cat"))
	if err != nil {
		t.Fatal(err)
	}
	last := top.Tokens[2][6]
	if strings.TrimSpace(last) != "sat" || top.At(2, 6) < 0.97 {
		t.Errorf("after the last layer the prediction is %q with %.2f", last, top.At(2, 6))
	}
	if !strings.Contains(top.String(), "sat") {
		t.Error("the table lacks the token")
	}
}

func TestErrors(t *testing.T) {
	m := open(t, "zoo:induction")
	p := m.Tokens("the cat")
	for _, c := range []struct {
		name string
		do   func() error
		want string
	}{
		{"not linear", func() error { _, err := lens.Attribution(m, p, model.LogProb(" cat")); return err }, "not linear"},
		{"two positions", func() error {
			_, err := lens.Attribution(m, p, model.Logit(model.Texts(" cat")).AtPositions(0, 1))
			return err
		}, "one position"},
		{"unknown word", func() error { _, err := lens.Logit(m, p, model.LogProb(" zebra")); return err }, "zebra"},
		{"two prompts", func() error { _, err := lens.TopTokens(m, m.Tokens("the", "a")); return err }, "give one"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if err := c.do(); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v; it should say %q", err, c.want)
			}
		})
	}
}
