package lens_test

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/golens/golens/interp/lens"
	"github.com/golens/golens/model"
	"github.com/golens/golens/model/config"
	"github.com/golens/golens/model/modeltest"
)

// In every family contributions and the bias, which is found by itself, are the
// logit, before the cap where there is one; in families without biases nothing
// is said by any. Encoders and streams that are normed on the sum are refused.
func TestFamiliesAddUp(t *testing.T) {
	const tolerance = 3e-5 // float32 sums of 32 terms on logits of about 1
	withoutBiases := []string{"gemma", "gemma2", "gemma3_text", "llama", "llama_gqa", "mistral", "olmo2", "qwen3"}
	for name, dir := range modeltest.Families(t) {
		t.Run(name, func(t *testing.T) {
			m := open(t, dir)
			c := m.Config()
			prompts := m.Rows([][]int32{{5, 9, 3, 7, 11}, {8, 2, 6}})
			raw := map[int32]float64{}
			for _, id := range []int32{4, 10} {
				a, err := lens.Attribution(m, prompts, model.Logit(model.IDs(id)))
				if c.NormAt == config.NormOnSum {
					if err == nil || !strings.Contains(err.Error(), "norms its residual stream after each sum") {
						t.Fatalf("error %v", err)
					}
					return
				}
				if err != nil {
					t.Fatal(err)
				}
				raw[id] = a.Raw
				if c.LogitCap == 0 && math.Abs(a.Raw-a.Metric) > tolerance {
					t.Errorf("contributions and bias are %g, the logit is %g", a.Raw, a.Metric)
				}
				if !slices.Contains(withoutBiases, name) {
					continue
				}
				if a.Bias != 0 {
					t.Errorf("a model without biases has a bias of %g", a.Bias)
				}
				_, names := a.Axis(0)
				for i, n := range names {
					if strings.HasSuffix(n, "b_O") && math.Abs(a.At(i)) > tolerance {
						t.Errorf("%s says %g; the model has none", n, a.At(i))
					}
				}
			}
			diff, err := lens.Attribution(m, prompts, model.LogitDiff(model.IDs(4), model.IDs(10)))
			if err != nil {
				t.Fatal(err)
			}
			if math.Abs(diff.Raw-(raw[4]-raw[10])) > tolerance {
				t.Errorf("the difference is %g, the logits are %g and %g", diff.Raw, raw[4], raw[10])
			}
			if c.LogitCap == 0 {
				return
			}
			for i := range prompts.IDs { // one row at a time: the cap is not linear
				one := m.Rows(prompts.IDs[i : i+1])
				a, err := lens.Attribution(m, one, model.Logit(model.IDs(4)))
				if err != nil {
					t.Fatal(err)
				}
				if got := c.LogitCap * math.Tanh(a.Raw/c.LogitCap); math.Abs(got-a.Metric) > tolerance {
					t.Errorf("row %d: %g below the cap is %g above; the model says %g", i, a.Raw, got, a.Metric)
				}
			}
		})
	}
}

// Two heads write (3, 0) and (0, 4). The norm behind them divides by 3.536, the
// root of the mean square of both together, so that along (1, 0) head 0 says
// 0.849, head 1 and b_O nothing.
func TestNormBehindHeads(t *testing.T) {
	for _, place := range []string{config.NormAfter, config.NormSandwich} {
		t.Run(place, func(t *testing.T) {
			h := modeltest.ByHand(t, map[string]any{
				"n_head": 2, "d_head": 1, "n_embd": 2, "vocab_size": 2, "n_positions": 4, "norm": config.NormRMS, "norm_at": place,
			})
			const tiny = 1e-4 // of the embedding, which heads read and enlarge
			h.Add("embed.W_E", tiny, 0, 0)
			read := 1 / tiny
			if place == config.NormSandwich {
				read = 1 / math.Sqrt2 // what they read is normed: (√2, 0)
			}
			h.Head(0, 0, "W_V", 0, 0, float32(3*read)).Head(0, 0, "W_O", 0, 0, 1)
			h.Head(0, 1, "W_V", 0, 0, float32(4*read)).Head(0, 1, "W_O", 1, 0, 1)
			h.Add("unembed.W_U", 1, 0, 0)
			m := open(t, h.Dir())
			a, err := lens.Attribution(m, m.Rows([][]int32{{0}}), model.Logit(model.IDs(0)))
			if err != nil {
				t.Fatal(err)
			}
			const near = 2e-4 // the embedding's part in the final norm, whose scale is 1 but for it
			for i, want := range []float64{3 / math.Sqrt(12.5), 0} {
				if got := a.Heads.At(0, i); math.Abs(got-want) > near {
					t.Errorf("head 0.%d says %.4f, want %.4f", i, got, want)
				}
			}
			_, names := a.Axis(0)
			if b := a.At(slices.Index(names, "0 b_O")); math.Abs(b) > near || a.Bias != 0 {
				t.Errorf("b_O says %.4f and the bias %.4f in a model that has none", b, a.Bias)
			}
			if math.Abs(a.Raw-a.Metric) > 1e-6 {
				t.Errorf("contributions are %g, the logit %g", a.Raw, a.Metric)
			}
		})
	}
}

// A logit of 20 below a cap of 30 is 17.48 above; what components say is the 20.
func TestCappedLogit(t *testing.T) {
	h := modeltest.ByHand(t, map[string]any{"d_head": 1, "n_embd": 2, "vocab_size": 2, "n_positions": 4, "final_logit_softcapping": 30})
	h.Add("embed.W_E", 15, 0, 0)
	h.Head(0, 0, "W_V", 0, 0, 1).Head(0, 0, "W_O", 0, 0, 1./3)
	h.Add("unembed.W_U", 1, 0, 0)
	m := open(t, h.Dir())
	a, err := lens.Attribution(m, m.Rows([][]int32{{0}}), model.Logit(model.IDs(0)))
	if err != nil {
		t.Fatal(err)
	}
	_, names := a.Axis(0)
	for name, want := range map[string]float64{"embed": 15, "0.0": 5, "0 b_O": 0} {
		if got := a.At(slices.Index(names, name)); math.Abs(got-want) > 1e-5 {
			t.Errorf("%s says %g, want %g", name, got, want)
		}
	}
	if math.Abs(a.Metric-17.48) > 0.005 || math.Abs(a.Raw-20) > 1e-5 || a.Bias != 0 {
		t.Errorf("metric %g, raw %g, bias %g; want 17.48, 20 and 0", a.Metric, a.Raw, a.Bias)
	}
	if !strings.Contains(a.Method, "before the soft cap of 30") {
		t.Errorf("method %q", a.Method)
	}
}
