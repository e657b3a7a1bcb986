package sae_test

import (
	"math"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/golens/golens/interp/sae"
	"github.com/golens/golens/model"
	"github.com/golens/golens/model/dictionary"
	"github.com/golens/golens/model/hook"
	"github.com/golens/golens/model/modeltest"
)

func open(t *testing.T, family string) *model.Model {
	t.Helper()
	m, err := model.Open(filepath.Join(filepath.Dir(modeltest.Dir()), family))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// random is a dictionary of every part for a point of a tiny model.
func random(m *model.Model, kind dictionary.Kind, read, write hook.Point, in, out int, seed uint64) *sae.Dictionary {
	rng := rand.New(rand.NewPCG(seed, 9))
	draw := func(n int, by float64) []float32 {
		x := make([]float32, n)
		for i := range x {
			x[i] = float32(by * rng.NormFloat64())
		}
		return x
	}
	const f = 20
	d := &sae.Dictionary{Coder: &dictionary.Coder{Kind: kind, In: in, Features: f, Out: out, WEnc: draw(in*f, 0.3), WDec: draw(f*out, 0.3), BDec: draw(out, 0.1)}, Read: read, Write: write, Layers: 1}
	switch kind {
	case dictionary.Gated:
		d.BGate, d.RMag, d.BMag = draw(f, 0.1), draw(f, 0.1), draw(f, 0.1)
	default:
		d.BEnc = draw(f, 0.1)
	}
	if kind == dictionary.JumpReLU {
		d.Threshold = slices.Repeat([]float32{0.2}, f)
	}
	if kind == dictionary.TopK {
		d.K, d.Rescale = 4, true
	}
	if read.Equal(write) {
		d.Centre = true
	}
	return d
}

func must[T any](t *testing.T) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// TestSpliceIsForward holds formulas, in the model, to the plain computation of a
// dictionary, for every kind and for norms, heads and transcoders.
func TestSpliceIsForward(t *testing.T) {
	m := open(t, "gpt2")
	rows := [][]int32{{1, 5, 9, 3, 7, 2}, {4, 4, 8}}
	for _, kind := range []dictionary.Kind{dictionary.Standard, dictionary.TopK, dictionary.JumpReLU, dictionary.Gated} {
		plain := random(m, kind, hook.ResidPost(1), hook.ResidPost(1), 32, 32, 1)
		normed := random(m, kind, hook.ResidPost(1), hook.ResidPost(1), 32, 32, 2)
		normed.Norm = dictionary.LayerNorm
		constant := random(m, kind, hook.ResidPost(1), hook.ResidPost(1), 32, 32, 5)
		constant.Norm = dictionary.Constant
		z := random(m, kind, hook.Z(1), hook.Z(1), 32, 32, 3)
		across := random(m, kind, hook.LN2Normalized(1), hook.MLPOut(1), 32, 32, 4)
		across.WSkip = slices.Clone(across.WEnc[:0])
		for i := range 32 * 32 {
			across.WSkip = append(across.WSkip, float32(math.Sin(float64(i))))
		}
		for _, d := range []*sae.Dictionary{plain, normed, constant, z, across} {
			d := must[*sae.Dictionary](t)(d.For(m))
			clean := must[*model.Result](t)(m.Run(model.Request{Rows: rows}.Capture(d.Read)))
			e := must[hook.Edit](t)(d.Splice())
			got := must[*model.Result](t)(m.Run(model.Request{Rows: rows}.Edit(e).Capture(d.Write, d.Write.Label(sae.Features))))
			watched := must[*model.Result](t)(m.Run(model.Request{Rows: rows}.Edit(d.Watch()).Capture(d.Point()).Metric(model.NLL())))
			for r, row := range rows {
				x := clean.Row(r).At(d.Read).Values()
				f, y, err := d.Forward(x)
				if err != nil {
					t.Fatal(err)
				}
				for what, pair := range map[string][2][]float32{
					"reconstruction":   {got.Row(r).At(d.Write).Values(), y},
					"features":         {got.Row(r).At(d.Write.Label(sae.Features)).Values(), f},
					"watched features": {watched.Row(r).At(d.Point()).Values(), f},
				} {
					if len(pair[0]) != len(pair[1]) {
						t.Fatalf("%s %s: %d values, not %d (%d tokens)", d, what, len(pair[0]), len(pair[1]), len(row))
					}
					for i := range pair[0] {
						if math.Abs(float64(pair[0][i]-pair[1][i])) > 2e-5 {
							t.Fatalf("%s at %s (%s): %s differs at %d: %g, not %g", kind, d.Read, d.Norm, what, i, pair[0][i], pair[1][i])
						}
					}
				}
			}
		}
	}
}

// TestSteer: a feature that is set to what it is changes nothing, to the last bit; one
// that is set to another value adds (c - f) W_dec, and keeps the error; in generation,
// sweeps and runs alike.
func TestSteer(t *testing.T) {
	m := open(t, "gpt2")
	row := []int32{1, 5, 9, 3, 7, 2}
	for _, kind := range []dictionary.Kind{dictionary.Standard, dictionary.TopK, dictionary.JumpReLU, dictionary.Gated} {
		for _, d := range []*sae.Dictionary{
			random(m, kind, hook.ResidPost(1), hook.ResidPost(1), 32, 32, 1),
			random(m, kind, hook.Z(1), hook.Z(1), 32, 32, 3),
			random(m, kind, hook.LN2Normalized(1), hook.MLPOut(1), 32, 32, 4),
		} {
			d := must[*sae.Dictionary](t)(d.For(m))
			base := model.Request{Rows: [][]int32{row}}
			clean := must[*model.Result](t)(m.Run(base.Capture(d.Write, d.Read, hook.Logits())))
			same := must[hook.Edit](t)(d.Change(sae.Change{Feature: 3, Op: sae.Multiply, By: 1}, sae.Change{Feature: 7, Op: sae.AddTo, By: 0}))
			as := must[*model.Result](t)(m.Run(base.Edit(same).Capture(hook.Logits(), d.Write.Label(sae.Changed))))
			if !slices.Equal(as.At(hook.Logits()).Values(), clean.At(hook.Logits()).Values()) {
				t.Errorf("%s at %s: features times 1 change logits", kind, d.Write)
			}
			f := as.At(d.Write.Label(sae.Changed))
			for pos := range row { // clamped to its present value, position by position
				e := d.Steer(3, f.At(0, pos, 0))
				e.Point = e.Point.At(pos)
				got := must[*model.Result](t)(m.Run(base.Edit(e).Capture(hook.Logits())))
				if !slices.Equal(got.At(hook.Logits()).Values(), clean.At(hook.Logits()).Values()) {
					t.Errorf("%s at %s: a feature set to its present value changes logits", kind, d.Write)
				}
			}
			set := must[*model.Result](t)(m.Run(base.Edit(d.Steer(3, 2.5)).Capture(d.Write)))
			w := d.WDec[3*32:][:32]
			scale := 1.0
			if d.Kind == dictionary.TopK {
				scale = 1 / float64(d.DecoderNorms()[3])
			}
			for pos := range row {
				for k := range 32 {
					want := float64(clean.At(d.Write).Values()[pos*32+k]) + (2.5-f.At(0, pos, 0))*float64(w[k])*scale
					if got := float64(set.At(d.Write).Values()[pos*32+k]); math.Abs(got-want) > 2e-5 {
						t.Fatalf("%s at %s: coordinate %d of position %d is %g, not %g", kind, d.Write, k, pos, got, want)
					}
				}
			}
			prompt := m.Rows([][]int32{row[:3]})
			modeltest.SameAsNaive(t, m, prompt.Complete(3).Edit(d.Steer(3, 4)))
			sweep := model.Sweep{Base: base.Metric(model.Logit(model.IDs(5)), model.NLL()), Variants: []model.Variant{{Edits: []hook.Edit{d.Steer(3, 2.5)}}, {Edits: []hook.Edit{d.Ablate(3, 4)}}}}
			all := must[*model.SweepResult](t)(m.Sweep(sweep))
			naive := must[*model.SweepResult](t)(modeltest.NaiveSweep(m, sweep))
			if worst := modeltest.MaxDiff(all.Metrics[0], naive.Metrics[0]); worst > 2e-5 {
				t.Errorf("%s at %s: a sweep is %.2g from runs", kind, d.Write, worst)
			}
		}
	}
}

// TestSteerLinear moves the logits of a linear model by exactly (c - f) W_dec W_U.
func TestSteerLinear(t *testing.T) {
	m := open(t, "gpt2")
	c := m.Config()
	last := c.Layers - 1
	d := must[*sae.Dictionary](t)(random(m, dictionary.Standard, hook.ResidPost(last), hook.ResidPost(last), 32, 32, 6).For(m))
	// the final norm as a constant makes what follows linear
	base := model.Request{Rows: [][]int32{{1, 5, 9}}}
	clean := must[*model.Result](t)(m.Run(base.Capture(hook.LNFinalScale(), hook.Logits()).Edit(d.Watch()).Capture(d.Point())))
	frozen := hook.LNFinalScale().Replace(clean.At(hook.LNFinalScale()))
	got := must[*model.Result](t)(m.Run(base.Edit(d.Steer(2, 3), frozen).Capture(hook.Logits())))
	scale := clean.At(hook.LNFinalScale())
	w, err := m.Product(model.LNFinal())
	if err != nil {
		t.Fatal(err)
	}
	unembed, err := m.Product(model.WU())
	if err != nil {
		t.Fatal(err)
	}
	row := d.WDec[2*32:][:32]
	mean := 0.0
	for _, v := range row {
		mean += float64(v) / 32
	}
	for pos := range 3 {
		by := 3 - clean.At(d.Point()).At(0, pos, 2)
		for token := range c.Vocab {
			want := 0.0
			for k := range 32 {
				want += by * (float64(row[k]) - mean) / scale.At(0, pos, 0) * float64(w.Values()[k]) * unembed.At(k, token)
			}
			moved := got.At(hook.Logits()).At(0, pos, token) - clean.At(hook.Logits()).At(0, pos, token)
			if math.Abs(moved-want) > 3e-5 {
				t.Fatalf("logit %d at %d moved by %g, not %g", token, pos, moved, want)
			}
		}
	}
}

// TestJudge holds what a tally says to what captures give.
func TestJudge(t *testing.T) {
	m := open(t, "gpt2")
	d := must[*sae.Dictionary](t)(random(m, dictionary.JumpReLU, hook.ResidPost(1), hook.ResidPost(1), 32, 32, 1).For(m))
	rows := [][]int32{{1, 5, 9, 3, 7, 2}, {4, 4, 8, 30, 31, 60}, {1, 9, 9, 12}}
	v := must[*sae.Verdict](t)(sae.Judge(m, d, sae.Judging{Rows: rows, Leave: 1}))
	var x []float32
	r := must[*model.Result](t)(m.Run(model.Request{Rows: rows}.Capture(d.Read).Metric(model.NLL())))
	for i := range rows {
		x = append(x, r.Row(i).At(d.Read).Values()[32:]...)
	}
	f, y, err := d.Forward(x)
	if err != nil {
		t.Fatal(err)
	}
	n := len(x) / 32
	fire, wrong, variance := 0.0, 0.0, 0.0
	for _, a := range f {
		if a > 0 {
			fire++
		}
	}
	for k := range 32 {
		mean := 0.0
		for i := range n {
			mean += float64(x[i*32+k]) / float64(n)
		}
		for i := range n {
			wrong += math.Pow(float64(x[i*32+k]-y[i*32+k]), 2)
			variance += math.Pow(float64(x[i*32+k])-mean, 2)
		}
	}
	clean := (5*r.PerRow(0).At(0) + 5*r.PerRow(0).At(1) + 3*r.PerRow(0).At(2)) / 13
	for what, pair := range map[string][2]float64{"L0": {v.L0, fire / float64(n)}, "FVU": {v.FVU, wrong / variance}, "CE": {v.Clean, clean}, "tokens": {float64(v.Tokens), float64(n)}} {
		if math.Abs(pair[0]-pair[1]) > 1e-4*math.Abs(pair[1]) {
			t.Errorf("%s is %g, not %g", what, pair[0], pair[1])
		}
	}
	// the identity recovers everything
	id := *d
	c := &dictionary.Coder{Kind: dictionary.Standard, In: 32, Features: 64, Out: 32, WEnc: make([]float32, 32*64), WDec: make([]float32, 64*32), BEnc: make([]float32, 64), BDec: make([]float32, 32)}
	for i := range 32 {
		c.WEnc[i*64+i], c.WEnc[i*64+32+i] = 1, -1
		c.WDec[i*32+i], c.WDec[(32+i)*32+i] = 1, -1
	}
	id.Coder = c
	all := must[sae.Verdicts](t)(sae.Compare(m, sae.Judging{Rows: rows}, d, &id))
	if e := all[1]; math.Abs(e.Recovered-1) > 1e-4 || e.FVU > 1e-6 || e.KL > 1e-6 || e.Cosine < 0.9999 || e.KLZeroed < 1e-3 {
		t.Errorf("the identity:\n%s", all)
	}
	if !strings.Contains(all.String(), "recovered") {
		t.Error(all)
	}
}

// TestOfAnotherModel refuses a dictionary whose files name another model than the one at
// hand, where that has a name of its own; a folder's name says nothing, and is told of.
func TestOfAnotherModel(t *testing.T) {
	folder := open(t, "gpt2")
	ours, err := model.Open("zoo:godoc-2l")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		m        *model.Model
		of, want string
	}{
		{ours, "gpt2-small", "is of gpt2-small; this is zoo:godoc-2l"},
		{ours, "zoo:godoc-2l@300", ""},
		{ours, "", ""},
		{folder, "pythia-70m", ""},
	} {
		width := c.m.Config().DModel
		d := random(c.m, dictionary.Standard, hook.ResidPost(1), hook.ResidPost(1), width, width, 1)
		d.Model = c.of
		got, err := d.For(c.m)
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "sae.Options{Model")) {
			t.Errorf("%q in %s: %v", c.of, c.m.Info().Name, err)
		}
		if err == nil && (len(got.Warnings) > 0) != (c.of == "pythia-70m") {
			t.Errorf("%q in %s: warnings %q", c.of, c.m.Info().Name, got.Warnings)
		}
	}
}

// TestFor refuses a dictionary of another model, hook or processing, and says so.
func TestFor(t *testing.T) {
	m := open(t, "gpt2")
	for want, change := range map[string]func(*sae.Dictionary){
		"another model":    func(d *sae.Dictionary) { d.In, d.Out = 16, 16 },
		"does not have":    func(d *sae.Dictionary) { d.Read, d.Write = hook.ResidPost(40), hook.ResidPost(40) },
		"which activation": func(d *sae.Dictionary) { d.Read = hook.Point{} },
		"m.Process":        func(d *sae.Dictionary) { d.Processing.CenterWriting = true },
		"FoldScale":        func(d *sae.Dictionary) { d.Norm = dictionary.Expected },
	} {
		d := random(m, dictionary.Standard, hook.ResidPost(1), hook.ResidPost(1), 32, 32, 1)
		change(d)
		if _, err := d.For(m); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want an error with %q, got %v", want, err)
		}
	}
	centred := must[*model.Model](t)(m.Process(model.Processing{CenterWriting: true}))
	d := random(m, dictionary.Standard, hook.ResidPost(1), hook.ResidPost(1), 32, 32, 1)
	d.Processing.CenterWriting = true
	if _, err := d.For(centred); err != nil {
		t.Error(err)
	}
	d.Processing.CenterWriting = false
	good := must[*sae.Dictionary](t)(d.For(m))
	if _, err := m.Run(model.Request{Rows: [][]int32{{1, 2}}}.Edit(good.Steer(99, 1)).Metric(model.NLL())); err == nil || !strings.HasSuffix(err.Error(), "no feature 99; there are 20, from 0") {
		t.Errorf("a feature that does not exist: %v", err)
	}
}
