package causal_test

import (
	"math"
	"path/filepath"
	"strings"
	"testing"

	"github.com/golens/golens/interp/causal"
	"github.com/golens/golens/interp/steer"
	"github.com/golens/golens/model/hook"
)

// stream is all of the stream behind layer 0 at the end, where the pairs are.
func stream(d *causal.Data) causal.Site {
	return causal.Site{Point: hook.ResidPost(0), At: d.End()}
}

// Of the network whose middle is rotated DAS finds the first pair in four directions,
// on held-out pairs, and none of its controls does.
func TestDASFindsRotatedVariable(t *testing.T) {
	m, d := equality(t, "zoo:equality-rotated", 160)
	got, err := causal.DAS{K: 4, Steps: 200, Rate: .05, Split: causal.Split{Seed: 2}}.Find(m, d, "first pair", stream(d))
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%v", got)
	if train, held := got.Scores.Of(causal.WayFound); train < .99 || held < .99 {
		t.Errorf("found %.3f, held out %.3f", train, held)
	}
	for _, control := range []string{causal.WayRandom, causal.WayLabels, causal.WayUntrained} {
		if _, held := got.Scores.Of(control); !(held < .75) {
			t.Errorf("%s: %.3f on held-out pairs", control, held)
		}
	}
	if strings.Contains(strings.Join(got.Scores.Warnings, "\n"), "nearly") {
		t.Errorf("controls are taken for what was found: %q", got.Scores.Warnings)
	}
	// Arbitrary labels are met by chance alone.
	if _, held := got.Scores.Of(causal.WayLabels); math.Abs(held-.5) > .15 {
		t.Errorf("arbitrary labels: %.3f on held-out pairs", held)
	}

	// It is a value like any other: saved, read, exchanged, taken out.
	path := filepath.Join(t.TempDir(), "pair.json")
	if err := got.Subspace.Save(path); err != nil {
		t.Fatal(err)
	}
	again, err := steer.OpenSubspace(path)
	if err != nil {
		t.Fatal(err)
	}
	site := stream(d)
	site.Subspace = again
	if v := test(t, m, d, causal.Alignment{"first pair": {site}}); v.At(0) < .99 {
		t.Errorf("after it was read from its file: %v", v)
	}
	run, err := m.Run(d.Prompts.Edit(again.RemoveAt(d.End())).Capture(hook.ResidPost(0).In(d.End())))
	if err != nil {
		t.Fatal(err)
	}
	x, basis := run.At(hook.ResidPost(0).In(d.End())).Values(), again.Basis.Values()
	for j := range 4 {
		dot := 0.0
		for i := range 26 {
			dot += float64(x[i]) * float64(basis[i*4+j])
		}
		if math.Abs(dot) > 1e-4 {
			t.Errorf("%g is left along direction %d", dot, j)
		}
	}
}

// Many directions fitted to few pairs meet even arbitrary labels: held-out pairs say that
// they do not hold, and so does the result.
func TestDASOnNoiseIsFlagged(t *testing.T) {
	m, d := equality(t, "zoo:equality-rotated", 80)
	got, err := causal.DAS{K: 20, Steps: 150, Rate: .05, Split: causal.Split{Seed: 1, Pairs: 16, HeldOut: .5}}.Find(m, d, "first pair", stream(d))
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%v", got)
	train, held := got.Scores.Of(causal.WayLabels)
	if train < .8 || held > .65 {
		t.Errorf("arbitrary labels: %.3f on the pairs they were fitted to, %.3f on held-out ones", train, held)
	}
	if !strings.Contains(strings.Join(got.Scores.Warnings, "\n"), causal.WayLabels) {
		t.Errorf("no warning of %.3f and %.3f: %q", train, held, got.Scores.Warnings)
	}
}

// Boundless DAS and a mask of coordinates find the pair too, the mask where no rotation
// is needed.
func TestBoundlessAndMask(t *testing.T) {
	m, d := equality(t, "zoo:equality-rotated", 160)
	b, err := causal.DAS{Kind: causal.Boundless, Steps: 300, Rate: .02, Split: causal.Split{Seed: 2}, NoControls: true}.Find(m, d, "first pair", stream(d))
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("boundary %.3f\n%v", b.Boundary, b)
	if b.HeldOut() < .95 {
		t.Errorf("boundless: %v", b)
	}
	m, d = equality(t, "zoo:equality", 160)
	k, err := causal.DAS{Kind: causal.Mask, Split: causal.Split{Seed: 2}, NoControls: true}.Find(m, d, "first pair", causal.Site{Point: hook.MLPPost(0), At: d.End()})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%v", k)
	if k.HeldOut() < .95 || len(k.Coords) > 5 {
		t.Errorf("mask: %v", k)
	}
}

// Without a gradient: the whole activation is no variable, the difference in means finds
// what differs.
func TestBaselines(t *testing.T) {
	m, d := equality(t, "zoo:equality-rotated", 120)
	got, found, err := causal.Baselines(m, d, "first pair", stream(d), 4, causal.Split{Seed: 2})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%v", got)
	if _, whole := got.Of(causal.WayWhole); whole > .7 {
		t.Errorf("the whole activation: %.3f", whole)
	}
	// One direction, of all but the right one something else leaks in.
	if means, _ := got.Of(causal.WayMeans); means < .6 {
		t.Errorf("means: %.3f", means)
	}
	if found[causal.WayMeans].Dim() != 1 || found[causal.WayPCA].Dim() != 4 {
		t.Errorf("%v", found)
	}
}

// Over all sites the variable is found where it is, and there alone.
func TestSites(t *testing.T) {
	m, d := equality(t, "zoo:equality-rotated", 120)
	places := d.Table[3:] // d, and the end
	got, err := causal.DAS{K: 4, Steps: 100, Rate: .05, Split: causal.Split{Seed: 2, Pairs: 384}, NoControls: true}.Sites(m, d, "first pair", hook.ResidPost, places)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%v", got.Result)
	if best := got.At(0, 1); best < .9 || got.Best.Site.Point.Layer != 0 {
		t.Errorf("at the end of layer 0 %.3f: %v", best, got)
	}
	if at := got.At(0, 0); at > .75 {
		t.Errorf("where nothing is, %.3f", at)
	}
}

// A variable with no site is told of by name.
func TestAlignedWithNothing(t *testing.T) {
	m, d := equality(t, "zoo:equality", 20)
	if _, err := (causal.Interchange{Alignment: causal.Alignment{"first pair": {}}}).Test(m, d); err == nil || !strings.Contains(err.Error(), `"first pair" is aligned with no site`) {
		t.Error(err)
	}
}

// What does not fit is told of before anything runs.
func TestBadSearches(t *testing.T) {
	m, d := equality(t, "zoo:equality", 20)
	for want, c := range map[string]struct {
		f        causal.DAS
		variable string
		at       causal.Site
	}{
		`no variable is called "third pair"`: {causal.DAS{}, "third pair", stream(d)},
		"27 directions of 26":                {causal.DAS{K: 27}, "first pair", stream(d)},
		`kind "lasso" is not known`:          {causal.DAS{Kind: "lasso"}, "first pair", stream(d)},
		"it has no positions":                {causal.DAS{}, "first pair", causal.Site{Point: hook.ResidPost(0)}},
		"give its positions by At":           {causal.DAS{}, "first pair", causal.Site{Point: hook.ResidPost(0).At(1), At: d.End()}},
		"select which":                       {causal.DAS{}, "first pair", causal.Site{Point: hook.Z(0), At: d.End()}},
		"the site selects":                   {causal.DAS{}, "first pair", causal.Site{Point: hook.ResidPost(0).Coord(1), At: d.End()}},
		"a share of 2 held out":              {causal.DAS{Split: causal.Split{HeldOut: 2}}, "first pair", stream(d)},
		"too few inputs of one length":       {causal.DAS{Split: causal.Split{HeldOut: .01}}, "first pair", stream(d)},
		"the model has layers 0 to 1":        {causal.DAS{}, "first pair", causal.Site{Point: hook.ResidPost(7), At: d.End()}},
	} {
		if _, err := c.f.Find(m, d, c.variable, c.at); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q, got %v", want, err)
		}
	}
}
