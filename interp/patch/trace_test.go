package patch_test

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/golens/golens/interp/patch"
	"github.com/golens/golens/model"
	"github.com/golens/golens/model/hook"
	"github.com/golens/golens/model/modeltest"
)

// A sample of noise done by hand gives the same cells.
func TestTracingAgainstRunsByHand(t *testing.T) {
	m := open(t, modeltest.Dir())
	prompts := m.Rows([][]int32{{1, 2, 3, 4, 5}, {9, 8, 7, 6, 3}})
	metric := model.LogProbOf(11, 12)
	trace := patch.Tracing{Subject: hook.Positions{Rows: [][]int{{1, 2}, {0, 1}}}, Samples: 3, Seed: 7, Scale: patch.Raw, Window: 2}
	trace.Kinds = []hook.Kind{hook.KindMLPOut}
	r := must(trace.Patch(m, alone(prompts, metric)))(t)
	if !slices.Equal(r.Shape(), []int{3, 5}) || r.Samples.Shape()[0] != 2 {
		t.Fatalf("shapes %v and %v", r.Shape(), r.Samples.Shape())
	}
	clean := must(m.Run(prompts.Capture(hook.MLPOut(0), hook.MLPOut(1), hook.MLPOut(2)).Metric(metric)))(t)
	for layer, window := range [][]int{{0}, {0, 1}, {1, 2}} { // from l-1 up to l
		for _, pos := range []int{0, 2, 4} {
			want, spoiled := 0.0, 0.0
			for sample := range 3 {
				s := must(trace.Sweep(m, alone(prompts, metric), sample))(t)
				run := prompts.Edit(s.Base.Edits...).Metric(metric)
				spoiled += must(m.Run(run))(t).Metric() / 3
				for _, l := range window {
					run = run.Edit(hook.MLPOut(l).At(pos).Replace(clean.At(hook.MLPOut(l).At(pos))))
				}
				want += must(m.Run(run))(t).Metric() / 3
			}
			if got := r.At(layer, pos); math.Abs(got-want) > 2e-5 {
				t.Errorf("layer %d, position %d: %g, by hand %g", layer, pos, got, want)
			}
			if got := r.Base.Mean("sample").Scalar(); math.Abs(got-spoiled) > 2e-5 {
				t.Errorf("the spoiled metric is %g, by hand %g", got, spoiled)
			}
		}
	}
	if got := r.Other.Mean("sample").Scalar(); math.Abs(got-clean.Metric()) > 1e-6 {
		t.Errorf("the clean metric is %g, want %g", got, clean.Metric())
	}
}

// All of the noise undone is the clean run; noise at a position leaves what is
// before it alone.
func TestTracingLimits(t *testing.T) {
	m := open(t, modeltest.Dir())
	prompt := m.Rows([][]int32{{1, 2, 3, 4, 5}})
	metric := model.LogProbOf(11)
	trace := patch.Tracing{Subject: hook.Each([]int{2}), Samples: 4, Seed: 1}
	r := must(trace.Patch(m, alone(prompt, metric)))(t)
	if n := r.Samples.Shape()[0]; n != 4 {
		t.Errorf("one prompt has %d samples, want one for each of noise", n)
	}
	for l := range 3 {
		for pos := range 2 {
			if got := r.At(l, pos); math.Abs(got) > 1e-4 { // float32, normalised
				t.Errorf("layer %d, position %d is before the noise, but restores %g", l, pos, got)
			}
		}
	}
	if got := r.At(2, 4); math.Abs(got-1) > 1e-4 {
		t.Errorf("the last residual stream where it is read restores %g, want 1", got)
	}
	trace.Kinds = []hook.Kind{hook.KindResidPre}
	if got := must(trace.Patch(m, alone(prompt, metric)))(t).At(0, 2); math.Abs(got-1) > 1e-4 {
		t.Errorf("the embedding of the subject restores %g, want 1", got)
	}
	again := must(patch.Tracing{Subject: hook.Each([]int{2}), Samples: 4, Seed: 1}.Patch(m, alone(prompt, metric)))(t)
	other := must(patch.Tracing{Subject: hook.Each([]int{2}), Samples: 4, Seed: 2}.Patch(m, alone(prompt, metric)))(t)
	if !slices.Equal(again.Values(), r.Values()) || again.Request != r.Request {
		t.Error("the same seed must give the same values and the same request")
	}
	if slices.Equal(other.Values(), r.Values()) || other.Request == r.Request {
		t.Error("another seed must give others")
	}
}

func TestBadTracings(t *testing.T) {
	m := open(t, modeltest.Dir())
	prompt, metric := m.Rows([][]int32{{1, 2, 3}}), model.LogProbOf(1)
	at := hook.Each([]int{1})
	for want, trace := range map[string]patch.Tracing{
		"leave Window out":   {Subject: at, Window: 2, Parts: patch.Parts{Sets: []patch.Set{patch.Together(hook.Z(0).Head(0))}}},
		"no subject":         {},
		"position 8":         {Subject: hook.Each([]int{8})},
		"at least 1":         {Subject: at, Window: -1},
		"not negative":       {Subject: at, Noise: -1},
		"no layers to trace": {Subject: at, Parts: patch.Parts{Kinds: []hook.Kind{hook.KindEmbed}}},
	} {
		if _, err := trace.Patch(m, alone(prompt, metric)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v; it should say %q", err, want)
		}
	}
}

// Noise is measured in the subjects' own spread, or in that of a whole set of
// facts: twice the spread is twice the noise.
func TestSpreadOfNoise(t *testing.T) {
	m := open(t, modeltest.Dir())
	prompt := m.Rows([][]int32{{1, 2, 3, 4, 5}})
	facts := m.Rows([][]int32{{9, 8, 7}, {6, 5, 4}})
	subject := hook.Positions{Rows: [][]int{{1}}}
	values := must(m.Run(facts.Capture(hook.Embed().At(1))))(t).At(hook.Embed().At(1)).Values()
	mean, square := 0.0, 0.0
	for _, v := range values {
		mean += float64(v) / float64(len(values))
	}
	for _, v := range values {
		square += math.Pow(float64(v)-mean, 2) / float64(len(values))
	}
	spread := must(patch.Spread(m, facts, subject))(t)
	if math.Abs(spread-math.Sqrt(square)) > 1e-9 {
		t.Errorf("the spread is %g, by hand %g", spread, math.Sqrt(square))
	}
	noise := func(spread float64) []float32 {
		trace := patch.Tracing{Subject: hook.Positions{Rows: [][]int{{2}}}, Spread: spread}
		return must(trace.Sweep(m, alone(prompt, model.LogProbOf(11)), 0))(t).Base.Edits[0].Values
	}
	one, two := noise(spread), noise(2*spread)
	for i := range one {
		if math.Abs(float64(two[i]-2*one[i])) > 1e-6 {
			t.Fatalf("noise %g of one spread, %g of two", one[i], two[i])
		}
	}
	r := must(patch.Tracing{Subject: hook.Positions{Rows: [][]int{{2}}}, Spread: spread, Samples: 2}.Patch(m, alone(prompt, model.LogProbOf(11))))(t)
	if !strings.Contains(r.Method, "as given") {
		t.Errorf("method %q", r.Method)
	}
}
