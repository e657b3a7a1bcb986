package feature_test

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/golens/golens/interp/feature"
	"github.com/golens/golens/interp/sae"
	"github.com/golens/golens/model"
	"github.com/golens/golens/model/dictionary"
	"github.com/golens/golens/model/hook"
	"github.com/golens/golens/model/modeltest"
)

func must[T any](t testing.TB) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func open(t testing.TB, family string) *model.Model {
	t.Helper()
	return must[*model.Model](t)(model.Open(filepath.Join(filepath.Dir(modeltest.Dir()), family)))
}

// random is a ReLU dictionary of a point.
func random(t testing.TB, m *model.Model, p hook.Point, features int, seed uint64) *sae.Dictionary {
	t.Helper()
	rng := rand.New(rand.NewPCG(seed, 9))
	draw := func(n int, by float64) []float32 {
		x := make([]float32, n)
		for i := range x {
			x[i] = float32(by * rng.NormFloat64())
		}
		return x
	}
	d := m.Config().DModel
	c := &dictionary.Coder{Kind: dictionary.Standard, In: d, Features: features, Out: d, WEnc: draw(d*features, 0.2), WDec: draw(features*d, 0.3), BDec: draw(d, 0.1), BEnc: draw(features, 0.1), Centre: true}
	return must[*sae.Dictionary](t)((&sae.Dictionary{Coder: c, Read: p, Write: p, Layers: 1}).For(m))
}

func texts(rng *rand.Rand, rows, length, vocab int) (all [][]int32) {
	for range rows {
		row := make([]int32, length)
		for i := range row {
			row[i] = int32(rng.IntN(vocab))
		}
		all = append(all, row)
	}
	return all
}

// TestRead holds a page to what captures give.
func TestRead(t *testing.T) {
	for _, family := range []string{"gpt2", "gemma2"} {
		m := open(t, family)
		d := random(t, m, hook.ResidPost(1), 24, 3)
		rows := texts(rand.New(rand.NewPCG(1, 1)), 30, 9, 90)
		pages := must[[]*feature.Page](t)(feature.Read(m, d, feature.Reading{Rows: rows, Leave: 1, Top: 4, Sample: 10, Around: 2, Tokens: 3}, 5, 17))
		got := must[*model.Result](t)(m.Run(model.Request{Rows: rows}.Edit(d.Watch()).Capture(d.Point())))
		f := got.At(d.Point())
		for i, id := range []int{5, 17} {
			p := pages[i]
			fire, best, where := 0, math.Inf(-1), -1
			for r := range rows {
				for pos := 1; pos < 9; pos++ {
					v := f.At(r, pos, id)
					if v > 0 {
						fire++
					}
					if v > best {
						best, where = v, r
					}
				}
			}
			if math.Abs(p.Density-float64(fire)/240) > 1e-9 || math.Abs(p.Max-best) > 1e-5 || p.Tokens != 240 {
				t.Errorf("feature %d: density %g, largest %g; it is %g and %g", id, p.Density, p.Max, float64(fire)/240, best)
			}
			top := p.Examples[0]
			if best > 0 && (len(top) == 0 || top[0].Row != where || math.Abs(float64(top[0].Values[top[0].Focus])-best) > 1e-5 || len(top[0].Tokens) > 5) {
				t.Errorf("feature %d: the largest example is %+v, not row %d", id, top, where)
			}
			for g, name := range p.Groups[1:] {
				for _, e := range p.Examples[g+1] {
					share := float64(e.Values[e.Focus]) / p.Max
					if lo := 0.2 * float64(4-g); share < lo-1e-6 || share > lo+0.2+1e-6 {
						t.Errorf("%s: an example of %.2f", name, share)
					}
				}
			}
			effects(t, m, d, p, id)
			var page map[string]any
			if err := json.Unmarshal(must[[]byte](t)(p.FeatureJSON("x")), &page); err != nil || page["index"] != float64(id) || len(page["examples_quantiles"].([]any)) != 6 {
				t.Errorf("%v %v", page, err)
			}
			if !strings.Contains(p.String(), "raises") || len(p.Neurons) == 0 || len(p.Heads) == 0 {
				t.Errorf("%s", p)
			}
		}
	}
}

// effects holds the tokens of a page to W_dec through the final norm's weight and W_U.
func effects(t *testing.T, m *model.Model, d *sae.Dictionary, p *feature.Page, id int) {
	t.Helper()
	w, err := m.Product(model.LNFinal())
	if err != nil {
		t.Fatal(err)
	}
	u, err := m.Product(model.WU())
	if err != nil {
		t.Fatal(err)
	}
	c := m.Config()
	row := d.WDec[id*d.Out:][:d.Out]
	mean := 0.0
	if c.Norm == "layernorm" {
		for _, v := range row {
			mean += float64(v) / float64(len(row))
		}
	}
	all := make([]float64, c.Vocab)
	for token := range all {
		for k, v := range row {
			all[token] += (float64(v) - mean) * float64(w.Values()[k]) * u.At(k, token)
		}
	}
	slices.Sort(all)
	for k, n := range p.Raised {
		if want := all[len(all)-1-k]; math.Abs(n.Value-want) > 1e-3*math.Abs(want)+1e-4 {
			t.Errorf("token %d raised by %g, not %g", k, n.Value, want)
		}
	}
	for k, n := range p.Lowered {
		if want := all[k]; math.Abs(n.Value-want) > 1e-3*math.Abs(want)+1e-4 {
			t.Errorf("token %d lowered by %g, not %g", k, n.Value, want)
		}
	}
}

// TestActive and strengths on a prompt.
func TestActive(t *testing.T) {
	m := must[*model.Model](t)(model.Open("zoo:induction"))
	d := random(t, m, hook.ResidPost(0), 24, 3)
	text := m.Tokens("the cat sat the cat")
	a := must[*feature.Firing](t)(feature.Active(m, d, text, 1, 5))
	if len(a.Features) == 0 || a.Dim("pos") != len(text.IDs[0]) || !slices.IsSortedFunc(a.Max, func(x, y float64) int { return int(math.Copysign(1, y-x)) }) {
		t.Errorf("%s", a)
	}
	s := must[*feature.Steered](t)(feature.Strengths(m, d, text, 3, a.Features[0], a.Max[0], math.NaN(), 0, 50))
	if len(s.Texts) != 3 || !strings.Contains(s.String(), "as it is") {
		t.Errorf("%s", s)
	}
	if _, err := feature.Strengths(m, d, text, 3, 99, 1, 1); err == nil {
		t.Error("a feature that does not exist is steered")
	}
}
