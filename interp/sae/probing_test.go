package sae_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"gonum.org/v1/gonum/mat"

	"github.com/golens/golens/interp/sae"
	"github.com/golens/golens/model/dictionary"
	"github.com/golens/golens/model/hook"
)

// TestAbsorption plants a direction that all texts of a class have. On three in four its
// own feature says so; on the others another one does, whose direction has a part of it.
func TestAbsorption(t *testing.T) {
	const d, features, n = 8, 6, 400
	rng := rand.New(rand.NewPCG(1, 1))
	c := &dictionary.Coder{Kind: dictionary.Standard, In: d, Features: features, Out: d, WEnc: make([]float32, d*features), WDec: make([]float32, features*d), BEnc: make([]float32, features), BDec: make([]float32, d)}
	point := hook.ResidPost(0)
	dict := &sae.Dictionary{Coder: c, Read: point, Write: point, Layers: 1}
	for i := range features {
		c.WDec[i*d+i] = 1 // feature i writes coordinate i
	}
	c.WDec[d] = 1 // and feature 1 coordinate 0 as well
	x, f := mat.NewDense(n, d, nil), mat.NewDense(n, features, nil)
	p := sae.Probing{Rows: make([][]int32, n), Labels: make([]int, n)}
	absorbed := 0.0
	for i := range n {
		p.Rows[i] = []int32{1}
		for k := 2; k < features; k++ { // features of no class
			if rng.Float64() < 0.3 {
				f.Set(i, k, 1)
			}
		}
		if p.Labels[i] = i % 2; i%2 == 1 {
			if i%8 == 1 {
				f.Set(i, 1, 3)
				absorbed += 2. / n
			} else {
				f.Set(i, 0, 3)
			}
		}
		for k := range features {
			for j := range d {
				x.Set(i, j, x.At(i, j)+f.At(i, k)*float64(c.WDec[k*d+j]))
			}
		}
		for j := range d {
			x.Set(i, j, x.At(i, j)+0.01*rng.NormFloat64())
		}
	}
	mean, classes, err := p.ProbeOn(dict, x, f)
	if err != nil {
		t.Fatal(err)
	}
	got := classes[1]
	// feature 0 alone misses the absorbed quarter of half of all; with feature 1 nothing is missed
	if a := got.Features; math.Abs(a[0]-(1-absorbed/2)) > 0.07 || a[1] != 1 || got.Activation != 1 {
		t.Errorf("accuracies %v and %g; %g by one feature, then 1", a, got.Activation, 1-absorbed/2)
	}
	// feature 1 raises F1 by more than 0.03, so that both are main features: split, not absorbed
	if !slices.Equal(got.Main, []int{0, 1}) || got.Absorbed != 0 || got.Full != 0 {
		t.Errorf("main features %v, %g absorbed, %g in full", got.Main, got.Absorbed, got.Full)
	}
	if mean.Activation != 1 || len(mean.Features) != 3 {
		t.Errorf("%+v", mean)
	}
	// of a rarer kind, for which probes do not pay: one text in forty
	for i := range n {
		if i%8 == 1 && i%80 != 1 {
			f.Set(i, 1, 0)
			f.Set(i, 0, 3)
			x.Set(i, 1, x.At(i, 1)-3)
		}
	}
	p.HeldOut = 0.5
	if _, classes, err = p.ProbeOn(dict, x, f); err != nil {
		t.Fatal(err)
	}
	got = classes[1]
	if !slices.Equal(got.Main, []int{0}) || math.Abs(got.Full-1./40) > 0.02 || got.Full == 0 || math.Abs(got.Absorbed-got.Full) > 1e-9 {
		t.Errorf("main features %v, %g absorbed, %g in full; 0.025 were planted", got.Main, got.Absorbed, got.Full)
	}
}

// TestJudgeProbes probes a dictionary in a model, whose features are its coordinates.
func TestJudgeProbes(t *testing.T) {
	m := open(t, "gpt2")
	c := &dictionary.Coder{Kind: dictionary.Standard, In: 32, Features: 64, Out: 32, WEnc: make([]float32, 32*64), WDec: make([]float32, 64*32), BEnc: make([]float32, 64), BDec: make([]float32, 32)}
	for i := range 32 { // with both signs
		c.WEnc[i*64+i], c.WEnc[i*64+32+i] = 1, -1
		c.WDec[i*32+i], c.WDec[(32+i)*32+i] = 1, -1
	}
	d := must[*sae.Dictionary](t)((&sae.Dictionary{Coder: c, Read: hook.ResidPost(1), Write: hook.ResidPost(1), Layers: 1}).For(m))
	p := sae.Probing{Ks: []int{1, 64}}
	var held [][]int32
	for i := range 180 { // classes by the last token
		row := []int32{1, int32(5 + i%7), int32(3 + i%11), int32(40 + i%3)}
		p.Rows, p.Labels = append(p.Rows, row), append(p.Labels, i%3)
		held = append(held, row)
	}
	for _, p.Mean = range []bool{false, true} {
		vs := must[sae.Verdicts](t)(sae.Compare(m, sae.Judging{Rows: held[:4], Leave: 1, KL: -1, Probing: p}, d))
		v := vs[0]
		if len(v.Classes) != 3 || v.Probed.Activation < 0.9 || math.Abs(v.Probed.Features[1]-v.Probed.Activation) > 0.06 || v.Probed.Features[0] > v.Probed.Features[1] || math.IsNaN(v.Probed.Absorbed) != p.Mean {
			t.Errorf("mean %t: %+v\n%s", p.Mean, v.Probed, vs)
		}
		if !strings.Contains(vs.String(), "probe 64") {
			t.Error(vs)
		}
	}
	p.Labels = p.Labels[:3]
	if _, err := sae.Judge(m, d, sae.Judging{Rows: held[:4], KL: -1, Probing: p}); err == nil || !strings.Contains(err.Error(), "3 labels") {
		t.Error(err)
	}
}
