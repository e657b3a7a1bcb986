package probe_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"gonum.org/v1/gonum/mat"

	"github.com/golens/golens/interp/probe"
	"github.com/golens/golens/interp/steer"
	"github.com/golens/golens/model"
	"github.com/golens/golens/model/array"
	"github.com/golens/golens/model/hook"
	"github.com/golens/golens/model/modeltest"
)

// planted are examples of two classes that differ along one direction, in noise that is
// the same in all.
func planted(n, d int, gap float64, seed uint64) (*steer.Examples, []int, *steer.Direction) {
	rng := rand.New(rand.NewPCG(seed, 0))
	v, norm := make([]float32, d), 0.0
	for i := range v {
		v[i] = float32(rng.NormFloat64())
		norm += float64(v[i]) * float64(v[i])
	}
	for i := range v {
		v[i] /= float32(math.Sqrt(norm))
	}
	x, labels := mat.NewDense(n, d, nil), make([]int, n)
	for i := range n {
		labels[i] = rng.IntN(2)
		for j := range d {
			x.Set(i, j, rng.NormFloat64()+gap*(float64(labels[i])-.5)*float64(v[j]))
		}
	}
	direction, err := steer.NewDirection(hook.ResidPost(0), array.Of(v, array.Dim("coordinate", d)), "planted")
	if err != nil {
		panic(err)
	}
	return &steer.Examples{Point: hook.ResidPost(0), X: x}, labels, direction
}

// Every kind recovers a planted direction, and its control task stays at chance.
func TestPlantedDirection(t *testing.T) {
	x, labels, want := planted(6000, 16, 3, 1)
	for _, kind := range []probe.Kind{probe.Logistic, probe.Linear, probe.MassMean} {
		got, err := probe.Probe{Kind: kind, Seed: 1}.On(x, probe.Labelled{Labels: labels})
		if err != nil {
			t.Fatal(err)
		}
		if c := got.Direction.Cosine(want); c < .99 {
			t.Errorf("%q: cosine %.4f", kind, c)
		}
		if got.Accuracy() < .91 || math.Abs(got.Control()-.5) > .06 || got.Selectivity() < .4 {
			t.Errorf("%q: %v", kind, got)
		}
		if far := got.Direction.High - got.Direction.Low; math.Abs(far-3) > .2 || math.Abs(got.Direction.Norm()-far) > 1e-3 {
			t.Errorf("%q: means lie %.3f apart, the direction has length %.3f", kind, far, got.Direction.Norm())
		}
	}
}

// A probe that can memorise which word it sees reads as much of a control task.
func TestControlOfTypes(t *testing.T) {
	const words, each = 12, 30
	rng := rand.New(rand.NewPCG(2, 2))
	x, d := mat.NewDense(words*each, words, nil), probe.Labelled{}
	for i := range words * each {
		w := i % words
		for j := range words {
			x.Set(i, j, .1*rng.NormFloat64())
		}
		x.Set(i, w, 1)
		d.Labels, d.Types = append(d.Labels, w%2), append(d.Types, fmt.Sprint(w))
	}
	got, err := probe.Probe{Seed: 3}.On(&steer.Examples{Point: hook.ResidPost(0), X: x}, d)
	if err != nil {
		t.Fatal(err)
	}
	if got.Control() < .95 || got.Selectivity() > 0 {
		t.Errorf("%v", got)
	}
	if c := got.Control(); got.Lo.At(1) >= c || got.Hi.At(1) < c { // of the control's own examples
		t.Errorf("the control's %.3f lies in [%.3f, %.3f]", c, got.Lo.At(1), got.Hi.At(1))
	}
}

// The interval of a few held-out examples is wide, also where all of them were hit: of
// two Wilson's begins at 2 / (2 + 1.96²). And a class that the drawn labels of a control
// leave out is no reason to fail.
func TestFewExamples(t *testing.T) {
	x, labels := mat.NewDense(9, 3, nil), make([]int, 9)
	for i := range 9 {
		labels[i] = i % 3
		x.Set(i, i%3, 1)
	}
	for seed := range uint64(40) {
		got, err := probe.Probe{Kind: probe.MassMean, HeldOut: .2, Seed: seed}.On(&steer.Examples{Point: hook.ResidPost(0), X: x}, probe.Labelled{Labels: labels})
		if err != nil {
			t.Fatal(err)
		}
		if got.Accuracy() != 1 || math.Abs(got.Lo.At(0)-2/(2+1.96*1.96)) > 1e-3 || got.Hi.At(0) != 1 {
			t.Errorf("[%.3f, %.3f] of\n%v", got.Lo.At(0), got.Hi.At(0), got)
		}
	}
}

// After LEACE no probe finds the concept, all else stays, and the model has it as an edit.
func TestLEACE(t *testing.T) {
	x, labels, planted := planted(2000, 12, 3, 4)
	eraser, err := steer.LEACE(x, labels)
	if err != nil {
		t.Fatal(err)
	}
	erased := eraser.Erase(x)
	a, b := make([]float64, 12), make([]float64, 12)
	var count [2]float64
	for i, z := range labels {
		count[z]++
		for j, v := range erased.X.RawRowView(i) {
			if z == 0 {
				a[j] += v
			} else {
				b[j] += v
			}
		}
	}
	for j := range a {
		if d := a[j]/count[0] - b[j]/count[1]; math.Abs(d) > 1e-5 {
			t.Errorf("the classes' means differ by %g at %d", d, j)
		}
	}
	got, err := probe.Probe{Penalty: 1}.On(erased, probe.Labelled{Labels: labels})
	if err != nil {
		t.Fatal(err)
	}
	if got.Accuracy() > got.Majority+.05 {
		t.Errorf("after erasure: %v", got)
	}
	moved, total := 0.0, 0.0
	for i := range labels {
		for j := range 12 {
			d := erased.X.At(i, j) - x.X.At(i, j)
			moved += d * d
			total += x.X.At(i, j) * x.X.At(i, j)
		}
	}
	if moved > .5*total {
		t.Errorf("%.2f of the activations' square were moved, for one direction %v of 12", moved/total, planted)
	}
}

// In a model the edit does what Erase does, and the metric of class means is 0 behind it.
func TestLEACEInModel(t *testing.T) {
	m, err := model.Open(modeltest.Dir())
	if err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(6, 6))
	var rows [][]int32
	var labels []int
	for i := range 60 {
		row := []int32{rng.Int32N(97), rng.Int32N(97), int32(i % 2)}
		rows, labels = append(rows, row), append(labels, i%2)
	}
	at := hook.ResidPost(0).At(-1)
	p := m.Rows(rows)
	x, err := steer.Collect(m, at, p)
	if err != nil {
		t.Fatal(err)
	}
	eraser, err := steer.LEACE(x, labels)
	if err != nil {
		t.Fatal(err)
	}
	run, err := m.Run(p.Edit(eraser.EditAt(at.Pos)).Capture(at))
	if err != nil {
		t.Fatal(err)
	}
	want := eraser.Erase(x)
	for i := range rows {
		for j := range 32 {
			if d := run.At(at).At(i, 0, j) - want.X.At(i, j); math.Abs(d) > 1e-4 {
				t.Fatalf("row %d coordinate %d differs by %g", i, j, d)
			}
		}
	}
}

// A probe's direction, added, moves what the probe reads from one class to the other.
func TestDirectionSteers(t *testing.T) {
	m, err := model.Open("zoo:equality")
	if err != nil {
		t.Fatal(err)
	}
	things := strings.Fields("apple bell cup door egg fan gate hat ink jar key lamp map nest oar pin")
	rng := rand.New(rand.NewPCG(1, 1))
	var texts []string
	var d probe.Labelled
	for range 300 {
		i := rng.IntN(16)
		same := rng.IntN(2)
		j := i
		if same == 0 {
			j = (i + 1 + rng.IntN(15)) % 16
		}
		texts = append(texts, fmt.Sprintf(" %s %s %s %s same", things[i], things[j], things[rng.IntN(16)], things[rng.IntN(16)]))
		d.Labels = append(d.Labels, same)
	}
	d.Prompts = m.Tokens(texts...)
	got, err := probe.Probe{Penalty: 1e-4}.Train(m, hook.MLPPost(0).At(-1), d)
	if err != nil {
		t.Fatal(err)
	}
	if got.Accuracy() < .99 {
		t.Fatalf("%v", got)
	}
	along, err := got.Direction.Along(m, d.Prompts, hook.Positions{Rows: [][]int{{-1}}})
	if err != nil {
		t.Fatal(err)
	}
	for i, z := range d.Labels {
		middle := (got.Direction.Low + got.Direction.High) / 2
		if z == 1 && along.At(i, 0) < middle {
			t.Errorf("row %d of class 1 lies at %.3f, the middle is %.3f", i, along.At(i, 0), middle)
		}
	}
	effect, err := got.Direction.Strengths(m, d.Prompts.Row(0), model.LogitDiff(model.Texts(" yes"), model.Texts(" no")), -1, 0, 1)
	if err != nil {
		t.Fatal(err)
	}
	if effect.At(0) == effect.At(1) && effect.At(1) == effect.At(2) {
		t.Errorf("adding the direction changes nothing: %v", effect)
	}
}

func TestBadProbes(t *testing.T) {
	x, labels, _ := planted(20, 4, 1, 1)
	for want, c := range map[string]struct {
		p probe.Probe
		d probe.Labelled
	}{
		"20 examples with 3 labels": {probe.Probe{}, probe.Labelled{Labels: labels[:3]}},
		"all labels are the same":   {probe.Probe{}, probe.Labelled{Labels: make([]int, 20)}},
		`kind "tree"`:               {probe.Probe{Kind: "tree"}, probe.Labelled{Labels: labels}},
		"a share of 1 held out":     {probe.Probe{HeldOut: 1}, probe.Labelled{Labels: labels}},
		"no example of class 1":     {probe.Probe{}, probe.Labelled{Labels: append([]int{1}, make([]int, 19)...), Types: append([]string{"a"}, slices.Repeat([]string{"b"}, 19)...)}},
		"too few types":             {probe.Probe{}, probe.Labelled{Labels: labels, Types: make([]string, 20)}},
	} {
		if _, err := c.p.On(x, c.d); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q, got %v", want, err)
		}
	}
}
