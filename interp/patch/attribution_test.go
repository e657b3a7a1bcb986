package patch_test

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/golens/golens/interp"
	"github.com/golens/golens/interp/patch"
	"github.com/golens/golens/model"
	"github.com/golens/golens/model/array"
	"github.com/golens/golens/model/hook"
	"github.com/golens/golens/model/modeltest"
	"github.com/golens/golens/model/weights"
)

// The gradients behind the estimates are those that were recorded.
func TestAttributionIsDifferenceTimesRecordedGradient(t *testing.T) {
	m, clean, corrupted, metric, o := recorded(t)
	kinds := []hook.Kind{hook.KindZ, hook.KindQ, hook.KindK, hook.KindV, hook.KindPattern, hook.KindResidPre, hook.KindMLPOut}
	for _, kind := range kinds {
		r := must(patch.Attribution{Parts: patch.Parts{Kinds: []hook.Kind{kind}}, Direction: patch.Noising}.Estimate(m, pairs(clean, corrupted, metric)))(t)
		for l := range 3 {
			p := hook.Point{ID: hook.ID{Kind: kind, Layer: l}}
			was, other := must(m.Run(clean.Capture(p)))(t).At(p), must(m.Run(corrupted.Capture(p)))(t).At(p)
			g := o["grad."+p.String()]
			product := array.New(was.Axes()...)
			for i := range product.Values() {
				product.Values()[i] = (other.Values()[i] - was.Values()[i]) * g.Values()[i]
			}
			keep := kind.HeadAxis()
			if keep < 0 {
				keep = 1
			}
			for cell, got := range r.Select("layer", l).Values() {
				want := 0.0
				for _, v := range product.Select(product.Axes()[keep].Name, cell).Values() {
					want += float64(v)
				}
				if math.Abs(float64(got)-want) > within {
					t.Errorf("%s, %d: %g, want %g", p, cell, got, want)
				}
			}
		}
	}
}

// The estimate is the slope of the metric where the part begins to move.
func TestAttributionIsTheSlope(t *testing.T) {
	m := open(t, modeltest.Dir())
	clean := m.Rows([][]int32{{1, 2, 3, 4, 5}, {9, 8, 7}})
	corrupted := m.Rows([][]int32{{1, 22, 3, 4, 5}, {9, 38, 7}})
	metric := model.LogProbOf(11, 12)
	for _, p := range []hook.Point{hook.ResidPre(1).At(1), hook.Z(1).Head(2), hook.K(1).Head(0).At(-1), hook.MLPPost(0).Coord(3), hook.Pattern(2).Head(1)} {
		over := patch.Parts{Sets: []patch.Set{{Points: []hook.Point{p}}}}
		got := must(patch.Attribution{Parts: over}.Estimate(m, pairs(clean, corrupted, metric)))(t).At(0)
		from, to := must(m.Run(corrupted.Capture(p)))(t).At(p), must(m.Run(clean.Capture(p)))(t).At(p)
		at := func(eps float32) float64 {
			step := array.New(from.Axes()...)
			for i := range step.Values() {
				if d := to.Values()[i] - from.Values()[i]; d == d { // not past the end of a row
					step.Values()[i] = eps * d
				}
			}
			return must(m.Run(corrupted.Edit(p.Add(step)).Metric(metric)))(t).Metric()
		}
		const eps = 0.02 // large enough for float32, small enough for the curvature
		slope := (at(eps) - at(-eps)) / (2 * eps)
		if math.Abs(got-slope) > 0.01*math.Abs(slope)+2e-4 {
			t.Errorf("%s: estimate %g, slope %g", p, got, slope)
		}
	}
}

// linear is a model without norms and MLPs whose heads attend evenly, so that
// its logits are linear in every value.
func linear(t *testing.T) *model.Model {
	t.Helper()
	const vocab, d, heads, dh, layers, context = 11, 8, 2, 4, 3, 16
	dir := t.TempDir()
	config, err := json.Marshal(map[string]any{"model_type": "attn_only", "vocab_size": vocab, "n_positions": context, "n_embd": d,
		"n_layer": layers, "n_head": heads, "d_head": dh, "norm": "none"})
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "config.json"), config, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(5, 0))
	var all []weights.Tensor
	add := func(name string, size float32, shape ...int) {
		n := 1
		for _, s := range shape {
			n *= s
		}
		v := make([]float32, n)
		for i := range v {
			v[i] = size * float32(rng.NormFloat64())
		}
		all = append(all, weights.Tensor{Name: name, Shape: shape, Values: v})
	}
	add("embed.W_E", 1, vocab, d)
	add("pos_embed.W_pos", 1, context, d)
	add("unembed.W_U", 1, vocab, d)
	for l := range layers {
		at := "blocks." + string(rune('0'+l)) + ".attn."
		for _, w := range []string{"W_Q", "W_K"} {
			add(at+w, 0, d, heads*dh)
		}
		add(at+"W_V", 0.5, d, heads*dh)
		add(at+"W_O", 0.5, heads*dh, d)
	}
	if err := weights.Write(filepath.Join(dir, "model.safetensors"), "F32", all); err != nil {
		t.Fatal(err)
	}
	return open(t, dir)
}

func TestAttributionIsExactWhereTheModelIsLinear(t *testing.T) {
	m := linear(t)
	clean, corrupted := m.Rows([][]int32{{1, 2, 3, 4}, {5, 6, 7, 8}}), m.Rows([][]int32{{1, 9, 3, 4}, {5, 6, 10, 8}})
	metric := model.LogitDiff(model.IDs(1, 2), model.IDs(3, 4))
	for _, direction := range []patch.Direction{patch.Denoising, patch.Noising} {
		for _, over := range []patch.Parts{
			{}, {Kinds: []hook.Kind{hook.KindZ}}, {Kinds: []hook.Kind{hook.KindV}, ByPosition: true}, {Kinds: []hook.Kind{hook.KindAttnOut}},
			{Sets: []patch.Set{patch.Set{Name: "two", Points: []hook.Point{hook.Z(0).Head(1), hook.Z(0).Head(0)}}, {Name: "embedding", Points: []hook.Point{hook.Embed().At(1)}}}},
		} {
			c := must(patch.Attribution{Parts: over, Direction: direction}.Check(m, pairs(clean, corrupted, metric)))(t)
			i := c.Worst[0]
			if off := math.Abs(float64(c.Estimate.Values()[i] - c.Exact.Values()[i])); off > 1e-4 { // float32 sums
				t.Errorf("%v, %s: the worst value is off by %g", over, direction, off)
			}
			if len(c.Worst) > 3 && !(c.Pearson > 0.9999 && c.Spearman > 0.95) {
				t.Errorf("%v: correlations %g and %g", over, c.Pearson, c.Spearman)
			}
		}
	}
}

// With the softmax recomputed the estimate for the last layer's queries and keys
// is exact where what comes after the attention is linear.
func TestQKFixIsExactBeforeWhatIsLinear(t *testing.T) {
	for _, name := range []string{"zoo:induction", "gqa"} {
		dir := name
		if name == "gqa" {
			dir = modeltest.Families(t)["llama_gqa"]
		}
		m := open(t, dir)
		clean := m.Rows([][]int32{{0, 5, 6, 7, 8, 9, 10, 5}, {0, 15, 16, 17, 15}})
		corrupted := m.Rows([][]int32{{0, 35, 6, 7, 8, 9, 10, 5}, {0, 11, 16, 37, 15}})
		last := m.Config().Layers - 1
		metric := model.Linear(hook.AttnOut(last).At(-1).Coord(0, 3, 5), hook.Vec(1, -2, 3))
		if name == "zoo:induction" {
			metric = model.Linear(hook.AttnOut(last).At(-1), hook.Vec(upDown(m.Config().DModel)...))
		}
		for _, over := range []patch.Parts{
			{Kinds: []hook.Kind{hook.KindQ}}, {Kinds: []hook.Kind{hook.KindK}}, {Kinds: []hook.Kind{hook.KindK}, ByPosition: true},
			{Kinds: []hook.Kind{hook.KindRotK}, Places: []interp.Place{{Name: "two", Positions: hook.Positions{Rows: [][]int{{1, -2}}}}}},
		} {
			if name == "zoo:induction" && over.Kinds[0] == hook.KindRotK {
				continue // nothing rotates there
			}
			over.Layers = []int{last}
			fixed := must(patch.Attribution{Parts: over, QKFix: true}.Check(m, pairs(clean, corrupted, metric)))(t)
			plain := must(patch.Attribution{Parts: over}.Check(m, pairs(clean, corrupted, metric)))(t)
			off := func(c *patch.Check) (most float64) {
				for _, i := range c.Worst {
					most = max(most, math.Abs(float64(c.Estimate.Values()[i]-c.Exact.Values()[i])))
				}
				return most
			}
			scale := 0.0
			for _, v := range fixed.Exact.Values() {
				if v == v {
					scale = max(scale, math.Abs(float64(v)))
				}
			}
			if !(off(fixed) <= 1e-4*max(1, scale)) {
				t.Errorf("%s %v: the worst value is off by %g of %g", name, over.Kinds, off(fixed), scale)
			}
			if !(off(plain) > 3*off(fixed)) && scale > 1e-3 {
				t.Errorf("%s %v: off by %g with the fix and %g without", name, over.Kinds, off(fixed), off(plain))
			}
		}
	}
}

func upDown(n int) []float32 {
	v := make([]float32, n)
	for i := range v {
		v[i] = float32(i%7) - 3
	}
	return v
}

// By hand: freeze a layer's writing, take the gradient, and average the sizes.
func TestGradDrop(t *testing.T) {
	m := open(t, modeltest.Dir())
	clean, corrupted := m.Rows([][]int32{{1, 2, 3, 4, 5}, {9, 8, 7}}), m.Rows([][]int32{{1, 22, 3, 4, 5}, {9, 38, 7}})
	metric := model.LogProbOf(11, 12)
	r := must(patch.Attribution{Parts: patch.Parts{Kinds: []hook.Kind{hook.KindZ}}, GradDrop: true}.Estimate(m, pairs(clean, corrupted, metric)))(t)
	resid := must(patch.Attribution{Parts: patch.Parts{Layers: []int{1}}, GradDrop: true}.Estimate(m, pairs(clean, corrupted, metric)))(t)
	// One row at a time, so that nothing is past its end.
	for row := range 2 {
		one := metric
		one.Answer = model.IDs(metric.Answer.IDs[row])
		request := corrupted.Row(row)
		frozen := func(l int, p hook.Point) []float32 {
			base := must(m.Run(request.Capture(hook.AttnOut(l), hook.MLPOut(l))))(t)
			run := must(m.Run(request.Edit(hook.AttnOut(l).Replace(base.At(hook.AttnOut(l))), hook.MLPOut(l).Replace(base.At(hook.MLPOut(l)))).
				Metric(one).Grad(p)))(t)
			from, to := must(m.Run(request.Capture(p)))(t).At(p), must(m.Run(clean.Row(row).Capture(p)))(t).At(p)
			out := make([]float32, len(from.Values()))
			for i := range out {
				out[i] = run.Grad(p).Values()[i] * (to.Values()[i] - from.Values()[i])
			}
			return out
		}
		size := func(values []float32) float64 {
			sum := 0.0
			for _, v := range values {
				sum += float64(v)
			}
			return math.Abs(sum)
		}
		for l := range 3 {
			for h := range 4 {
				want := 0.0
				for d := range 3 {
					if d != l {
						want += size(frozen(d, hook.Z(l).Head(h))) / 2
					}
				}
				if got := r.Samples.At(row, l, h); math.Abs(got-want) > 1e-5 {
					t.Errorf("row %d, head %d.%d: %g, want %g", row, l, h, got, want)
				}
			}
		}
		want := 0.0
		for d := range 3 {
			want += size(frozen(d, hook.ResidPre(1).At(1))) / 3
		}
		if got := resid.Samples.At(row, 0, 1); math.Abs(got-want) > 1e-5 {
			t.Errorf("row %d, the residual stream: %g, want %g", row, got, want)
		}
	}
	c := must(patch.Attribution{Parts: patch.Parts{Kinds: []hook.Kind{hook.KindZ}}, GradDrop: true}.Check(m, pairs(clean, corrupted, metric)))(t)
	for _, v := range c.Exact.Values() {
		if v < 0 {
			t.Errorf("what GradDrop is held against has the sign of %g", v)
		}
	}
	if s := c.String(); !strings.Contains(s, "correlation") || !strings.Contains(s, "dropped") {
		t.Errorf("the table reads\n%s", s)
	}
}

func TestBadAttributions(t *testing.T) {
	m, clean, corrupted, metric, _ := recorded(t)
	for want, a := range map[string]patch.Attribution{
		"whole queries": {QKFix: true, Parts: patch.Parts{Kinds: []hook.Kind{hook.KindQ}, Neurons: []int{0}}},
		"selects rows":  {Parts: patch.Parts{Sets: []patch.Set{{Points: []hook.Point{hook.Z(0).Row(1)}}}}},
		"no layer 7":    {Parts: patch.Parts{Layers: []int{7}}},
	} {
		if _, err := a.Estimate(m, pairs(clean, corrupted, metric)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v; it should say %q", err, want)
		}
	}
	a := must(patch.Residual(m, pairs(clean, corrupted, metric)))(t)
	b := must(patch.HeadOutputs(m, pairs(clean, corrupted, metric)))(t)
	if _, err := patch.Compare(a, b); err == nil {
		t.Error("effects of other parts must not be compared")
	}
}
