package feature_test

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/golens/golens/interp/feature"
	"github.com/golens/golens/interp/sae"
	"github.com/golens/golens/interp/task"
	"github.com/golens/golens/model"
	"github.com/golens/golens/model/dictionary"
	"github.com/golens/golens/model/hook"
	"github.com/golens/golens/model/modeltest"
)

// basis is the dictionary whose features are the coordinates, with both signs.
func basis(t *testing.T, m *model.Model, p hook.Point) *sae.Dictionary {
	t.Helper()
	d := m.Config().DModel
	c := &dictionary.Coder{Kind: dictionary.Standard, In: d, Features: 2 * d, Out: d, WEnc: make([]float32, 2*d*d), WDec: make([]float32, 2*d*d), BEnc: make([]float32, 2*d), BDec: make([]float32, d)}
	for i := range d {
		c.WEnc[i*2*d+i], c.WEnc[i*2*d+d+i] = 1, -1
		c.WDec[i*d+i], c.WDec[(d+i)*d+i] = 1, -1
	}
	return must[*sae.Dictionary](t)((&sae.Dictionary{Coder: c, Read: p, Write: p, Layers: 1}).For(m))
}

// TestPlantedCircuit finds two features planted in weights, with their signs, and
// nothing else: token 1 writes coordinate 0, a head turns it into minus twice
// coordinate 1, which the unembedding reads.
func TestPlantedCircuit(t *testing.T) {
	h := modeltest.ByHand(t, map[string]any{"vocab_size": 6, "n_layer": 2, "n_embd": 4, "d_head": 4, "n_positions": 8})
	h.Add("embed.W_E", 1, 1, 0)                              // token 1 is coordinate 0
	h.Add("embed.W_E", 1, 2, 3)                              // token 2 is coordinate 3, which nothing reads
	h.Head(1, 0, "W_V", 0, 0, 1).Head(1, 0, "W_O", 1, 0, -2) // to -2 times coordinate 1
	h.Add("unembed.W_U", -1, 5, 1)                           // logit 5 falls with coordinate 1
	m := must[*model.Model](t)(model.Open(h.Dir()))
	set := sae.Set{basis(t, m, hook.ResidPre(1)), basis(t, m, hook.ResidPost(1))}
	pairs := task.Pairs{Clean: m.Rows([][]int32{{1}}), Corrupted: m.Rows([][]int32{{2}}), Metric: model.Logit(model.IDs(5))}
	c := must[*feature.Circuit](t)(feature.Attribute(m, set, pairs, feature.Attributing{}))
	const d = 4
	want := map[feature.Part]float64{
		{Dictionary: 0, Feature: 0}:     -2, // without coordinate 0 the logit falls by 2
		{Dictionary: 1, Feature: d + 1}: -2, // it came through minus coordinate 1
	}
	for _, p := range c.Parts {
		if w := want[p.Part]; math.Abs(p.Score-w) > 1e-6 {
			t.Errorf("%+v has the effect %g, not %g", p.Part, p.Score, w)
		}
		delete(want, p.Part)
	}
	if len(want) > 0 {
		t.Errorf("not found: %v", want)
	}
	strong := 0
	for _, e := range c.Edges {
		if math.Abs(e.Score) > 1e-6 {
			strong++
			from, to := c.Parts[e.From].Part, c.Parts[e.To].Part
			if from != (feature.Part{Dictionary: 0, Feature: 0}) || to != (feature.Part{Dictionary: 1, Feature: d + 1}) || math.Abs(e.Score+2) > 1e-6 {
				t.Errorf("edge %+v to %+v of %g", from, to, e.Score)
			}
		}
	}
	if strong != 1 || !strings.Contains(c.String(), "->") {
		t.Errorf("%d edges\n%s", strong, c)
	}
	exact := must[[]feature.Effect](t)(feature.Exact(m, set, pairs, feature.Attributing{}, c.Parts[0].Part, c.Parts[1].Part))
	for i, e := range exact {
		if math.Abs(e.Score-c.Parts[i].Score) > 1e-6 {
			t.Errorf("%+v does %g, estimated %g", e.Part, e.Score, c.Parts[i].Score)
		}
	}
}

// TestEffectsAddUp: in a model whose metric is linear in the last layer's output, with
// the final norm frozen out of the way, all features and the error of one dictionary
// together are the change of the metric; estimates of the last layer are exact.
func TestEffectsAddUp(t *testing.T) {
	m := open(t, "gpt2")
	c := m.Config()
	last := hook.ResidPost(c.Layers - 1)
	set := sae.Set{random(t, m, hook.ResidPost(0), 20, 1), random(t, m, last, 20, 2)}
	rng := rand.New(rand.NewPCG(8, 8))
	clean, corrupted := texts(rng, 3, 6, 90), texts(rng, 3, 6, 90)
	coeffs := make([]float32, c.DModel)
	for i := range coeffs {
		coeffs[i] = float32(rng.NormFloat64())
	}
	metric := model.Linear(last.At(-1), hook.Vec(coeffs...))
	pairs := task.Pairs{Clean: m.Rows(clean), Corrupted: m.Rows(corrupted), Metric: metric}
	for _, zero := range []bool{false, true} {
		o := feature.Attributing{Zero: zero, Top: 1000}
		got := must[*feature.Circuit](t)(feature.Attribute(m, set, pairs, o))
		base := must[*model.Result](t)(m.Run(pairs.Clean.Metric(metric)))
		after := 0.0
		if zero {
			for k, v := range set[1].BDec {
				after += float64(v) * float64(coeffs[k])
			}
		} else {
			after = must[*model.Result](t)(m.Run(pairs.Corrupted.Metric(metric))).Metric()
		}
		sum := 0.0
		var parts []feature.Part
		var scores []float64
		for _, p := range got.Parts {
			if p.Dictionary == 1 {
				sum += p.Score
				parts, scores = append(parts, p.Part), append(scores, p.Score)
			}
		}
		if math.Abs(sum-(after-base.Metric())) > 1e-4 {
			t.Errorf("zero %t: effects of the last layer add up to %g, the metric changes by %g", zero, sum, after-base.Metric())
		}
		for i, e := range must[[]feature.Effect](t)(feature.Exact(m, set, pairs, o, parts...)) {
			if math.Abs(e.Score-scores[i]) > 1e-4 {
				t.Errorf("zero %t: %+v does %g, estimated %g", zero, e.Part, e.Score, scores[i])
			}
		}
		if len(got.Edges) == 0 {
			t.Error("no edges")
		}
		direct := must[*feature.Circuit](t)(feature.Attribute(m, set, pairs, feature.Attributing{Zero: zero, Direct: true}))
		if len(direct.Edges) == 0 {
			t.Error("no direct edges")
		}
	}
}
