package patch_test

import (
	"math"
	"slices"
	"testing"

	"github.com/golens/golens/interp"
	"github.com/golens/golens/interp/ablate"
	"github.com/golens/golens/interp/patch"
	"github.com/golens/golens/interp/task"
	"github.com/golens/golens/model"
	"github.com/golens/golens/model/array"
	"github.com/golens/golens/model/hook"
	"github.com/golens/golens/model/modeltest"
)

// within is what the recordings are to be met within: they are float64, and a
// metric is a difference of logits, which float32 knows to 1e-5.
const within = 1e-4

// recorded are a tiny GPT-2, the prompts of TransformerLens' recordings, their
// metric, and the recordings.
func recorded(t testing.TB) (m *model.Model, clean, corrupted model.Prompts, metric model.Metric, o map[string]*array.Array) {
	t.Helper()
	m = open(t, modeltest.Dir())
	o = modeltest.Oracle(t, "sweeps.safetensors")
	ids := func(name string) (out []int32) {
		for _, v := range o[name].Values() {
			out = append(out, int32(v))
		}
		return out
	}
	metric = model.LogitDiff(model.IDs(ids("answers")...), model.IDs(ids("wrongs")...))
	return m, m.Rows(modeltest.Rows(o["clean"])), m.Rows(modeltest.Rows(o["corrupted"])), metric, o
}

func pairs(clean, corrupted model.Prompts, metric model.Metric) task.Pairs {
	return task.Pairs{Clean: clean, Corrupted: corrupted, Metric: metric}
}

func alone(prompts model.Prompts, metric model.Metric) task.Pairs {
	return task.Pairs{Clean: prompts, Metric: metric}
}

var zero = ablate.Ablation{Value: ablate.Zero}

func must[T any](v T, err error) func(t testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func TestPatchingAgainstTransformerLens(t *testing.T) {
	m, clean, corrupted, metric, o := recorded(t)
	for name, over := range map[string]patch.Parts{
		"resid_pre":       {},
		"resid_mid":       {Kinds: []hook.Kind{hook.KindResidMid}},
		"attn_out":        {Kinds: []hook.Kind{hook.KindAttnOut}},
		"mlp_out":         {Kinds: []hook.Kind{hook.KindMLPOut}},
		"z.by_pos":        {Kinds: []hook.Kind{hook.KindZ}, ByPosition: true},
		"z.all_pos":       {Kinds: []hook.Kind{hook.KindZ}},
		"q.all_pos":       {Kinds: []hook.Kind{hook.KindQ}},
		"k.all_pos":       {Kinds: []hook.Kind{hook.KindK}},
		"v.all_pos":       {Kinds: []hook.Kind{hook.KindV}},
		"pattern.all_pos": {Kinds: []hook.Kind{hook.KindPattern}},
	} {
		r := must(patch.Activations{Parts: over, Scale: patch.Raw}.Patch(m, pairs(clean, corrupted, metric)))(t)
		want := o["patch."+name]
		if !slices.Equal(r.Shape(), want.Shape()) {
			t.Errorf("%s: shape %v, want %v", name, r.Shape(), want.Shape())
		}
		d := modeltest.MaxDiff(r.Array, want)
		t.Logf("%s: largest difference %.1e", name, d)
		if !(d <= within) {
			t.Errorf("%s differs by %g", name, d)
		}
		if !(math.Abs(r.Other.Mean("sample").Scalar()-o["clean_metric"].Scalar()) <= within) ||
			!(math.Abs(r.Base.Mean("sample").Scalar()-o["corrupted_metric"].Scalar()) <= within) {
			t.Errorf("%s: the runs' own metrics differ", name)
		}
	}
}

// The short verbs are the general one.
func TestVerbsAreTheGeneralOne(t *testing.T) {
	m, clean, corrupted, metric, o := recorded(t)
	from, to := o["corrupted_metric"].Scalar(), o["clean_metric"].Scalar()
	same := func(name string, r *patch.Effects, want []float32) {
		for i, v := range r.Values() {
			if got := float64(v)*(to-from) + from; !(math.Abs(got-float64(want[i])) <= within) {
				t.Fatalf("%s: value %d is %g, want %g", name, i, got, want[i])
			}
		}
	}
	all := func(names ...string) (v []float32) {
		for _, n := range names {
			v = append(v, o["patch."+n].Values()...)
		}
		return v
	}
	same("residual", must(patch.Residual(m, pairs(clean, corrupted, metric)))(t), all("resid_pre"))
	same("kind", must(patch.ByKind(m, pairs(clean, corrupted, metric), hook.KindMLPOut))(t), all("mlp_out"))
	same("heads", must(patch.HeadOutputs(m, pairs(clean, corrupted, metric)))(t), all("z.all_pos"))
	same("heads by position", must(patch.HeadsByPosition(m, pairs(clean, corrupted, metric)))(t), all("z.by_pos"))
	same("blocks", must(patch.Blocks(m, pairs(clean, corrupted, metric)))(t), all("resid_pre", "attn_out", "mlp_out"))
	parts := must(patch.HeadParts(m, pairs(clean, corrupted, metric)))(t)
	same("head parts", parts, all("z.all_pos", "q.all_pos", "k.all_pos", "v.all_pos", "pattern.all_pos"))
	if _, labels := parts.Axis(0); !slices.Equal(labels, []string{"z", "q", "k", "v", "pattern"}) {
		t.Errorf("components are called %v", labels)
	}
}

// All positions of the first residual stream are the whole other run, in both
// directions; in the normalised scale that is 1 and 0.
func TestAllPositionsAtOnceAreTheOtherRun(t *testing.T) {
	m, clean, corrupted, metric, _ := recorded(t)
	whole := patch.Parts{Layers: []int{0}, Places: []interp.Place{{Name: "all"}}}
	for direction, want := range map[patch.Direction]float64{patch.Denoising: 1, patch.Noising: 0} {
		r := must(patch.Activations{Parts: whole, Direction: direction}.Patch(m, pairs(clean, corrupted, metric)))(t)
		if got := r.Scalar(); math.Abs(got-want) > within {
			t.Errorf("%s: %g, want %g", direction, got, want)
		}
	}
}

// Patching a run with itself changes nothing, and cannot be normalised.
func TestPatchingWithItselfChangesNothing(t *testing.T) {
	m, clean, _, metric, _ := recorded(t)
	for _, kind := range []hook.Kind{hook.KindResidPost, hook.KindZ, hook.KindK, hook.KindPattern, hook.KindPost, hook.KindScores} {
		a := patch.Activations{Parts: patch.Parts{Kinds: []hook.Kind{kind}}, Scale: patch.Change}
		for i, v := range must(a.Patch(m, pairs(clean, clean, metric)))(t).Values() {
			if math.Abs(float64(v)) > 1e-5 { // float32 in another order
				t.Errorf("%s: value %d changes by %g", kind, i, v)
			}
		}
	}
	if _, err := patch.Residual(m, pairs(clean, clean, metric)); err == nil {
		t.Error("nothing to normalise by must be an error")
	}
}

// What is set by hand is what the grid has: positions that differ by row, heads
// together, sets of parts, ragged rows.
func TestPatchingAgainstRunsByHand(t *testing.T) {
	m := open(t, modeltest.Dir())
	clean := m.Rows([][]int32{{1, 2, 3, 4, 5}, {9, 8, 7}, {5, 6, 7, 8}})
	corrupted := m.Rows([][]int32{{1, 22, 3, 4, 5}, {9, 38, 7}, {5, 6, 47, 8}})
	metric := model.LogProbOf(11, 12, 13)
	source := must(m.Run(clean.Capture(hook.Z(1), hook.ResidPre(1))))(t)
	byHand := func(point hook.Point, row int, pos []int) float64 {
		one := source.At(point.Whole()).Select(hook.Batch, row).Select(hook.Pos, pos...)
		if point.Heads != nil {
			one = one.Select(hook.Head, point.Heads...)
		}
		edit := point.Row(row).At(pos...).Replace(one.Squeeze(hook.Batch))
		return must(m.Run(corrupted.Edit(edit).Metric(metric)))(t).PerRow(0).At(row)
	}
	last := interp.Place{Name: "END", Positions: hook.Positions{Rows: [][]int{{-1}}}}
	subject := interp.Place{Name: "S", Positions: hook.Each([]int{1, 1, 2})}
	r := must(patch.Activations{Scale: patch.Raw, Parts: patch.Parts{
		Kinds: []hook.Kind{hook.KindZ}, Layers: []int{1}, Heads: [][]int{{0, 3}, {2}}, Places: []interp.Place{last, subject},
	}}.Patch(m, pairs(clean, corrupted, metric)))(t)
	if got := r.Shape(); !slices.Equal(got, []int{1, 2, 2}) {
		t.Fatalf("shape %v", got)
	}
	if _, labels := r.Axis(2); !slices.Equal(labels, []string{"0+3", "2"}) {
		t.Errorf("heads are called %v", labels)
	}
	if _, labels := r.Axis(1); !slices.Equal(labels, []string{"END", "S"}) {
		t.Errorf("positions are called %v", labels)
	}
	for row, at := range [][][]int{{{4}, {1}}, {{2}, {1}}, {{3}, {2}}} {
		for p, pos := range at {
			for h, heads := range [][]int{{0, 3}, {2}} {
				if got, want := r.Metric.At(row, 0, p, h), byHand(hook.Z(1).Head(heads...), row, pos); math.Abs(got-want) > 2e-5 {
					t.Errorf("row %d, place %d, heads %v: %g, by hand %g", row, p, heads, got, want)
				}
			}
		}
	}
	each := must(patch.Activations{Scale: patch.Raw, Parts: patch.Parts{Layers: []int{1}}}.Patch(m, pairs(clean, corrupted, metric)))(t)
	for row, n := range []int{5, 3, 4} {
		for pos := range 5 {
			got := each.Metric.At(row, 0, pos)
			if pos >= n {
				if got == got {
					t.Errorf("row %d has no position %d, but a value of %g", row, pos, got)
				}
			} else if want := byHand(hook.ResidPre(1), row, []int{pos}); math.Abs(got-want) > 2e-5 {
				t.Errorf("row %d, position %d: %g, by hand %g", row, pos, got, want)
			}
		}
	}
	if got := each.At(0, 4); math.Abs(got-each.Metric.At(0, 0, 4)) > 1e-6 {
		t.Error("a position that one row has is the mean of that row")
	}
	sets := must(patch.Activations{Scale: patch.Raw, Parts: patch.Parts{Sets: []patch.Set{
		patch.Together(hook.Z(1).Head(0), hook.Z(1).Head(3)).At(last.Positions), {Name: "all of layer 0", Points: []hook.Point{hook.AttnOut(0), hook.MLPOut(0)}},
	}}}.Patch(m, pairs(clean, corrupted, metric)))(t)
	if got, want := sets.At(0), r.At(0, 0, 0); math.Abs(got-want) > 2e-5 {
		t.Errorf("two heads as a set: %g, as a list %g", got, want)
	}
}

// The scales say the same in other units, and an interval holds its value.
func TestScales(t *testing.T) {
	m, clean, corrupted, metric, _ := recorded(t)
	raw := must(patch.Activations{Scale: patch.Raw}.Patch(m, pairs(clean, corrupted, metric)))(t)
	from, to := raw.Base.Mean("sample").Scalar(), raw.Other.Mean("sample").Scalar()
	for scale, of := range map[patch.Scale]func(x float64) float64{
		patch.Raw:        func(x float64) float64 { return x },
		patch.Change:     func(x float64) float64 { return x - from },
		patch.Relative:   func(x float64) float64 { return (x - from) / from },
		patch.Normalised: func(x float64) float64 { return (x - from) / (to - from) },
	} {
		r := must(raw.In(scale))(t)
		lo, hi, err := r.Interval(interp.Bootstrap{Seed: 1, Resamples: 300})
		if err != nil {
			t.Fatal(err)
		}
		for i, v := range r.Values() {
			if want := of(float64(raw.Values()[i])); math.Abs(float64(v)-want) > 1e-5 {
				t.Errorf("%s: %g, want %g", scale, v, want)
			}
			if mean := r.Samples.Mean("sample").Values()[i]; math.Abs(float64(mean-v)) > 1e-5 {
				t.Errorf("%s: samples average to %g, the value is %g", scale, mean, v)
			}
			if lo.Values()[i] > hi.Values()[i] {
				t.Errorf("%s: interval %g to %g", scale, lo.Values()[i], hi.Values()[i])
			}
		}
		if scale != patch.Normalised { // four prompts make any denominator in a resample
			if i := slices.IndexFunc(r.Values(), func(v float32) bool { return v != r.Values()[0] }); !(lo.Values()[i] < hi.Values()[i]) {
				t.Errorf("%s: the interval of what varies is a point", scale)
			}
		}
	}
}
