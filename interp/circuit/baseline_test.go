package circuit_test

import (
	"math"
	"strings"
	"testing"

	"github.com/golens/golens/interp"
	"github.com/golens/golens/interp/circuit"
	"github.com/golens/golens/model/array"
	"github.com/golens/golens/plotting"
)

func TestBaselineQuantiles(t *testing.T) {
	b := &circuit.Baseline{
		Result: &interp.Result{Array: array.Of([]float32{0.4, 0.1, 0.3, 0.2, 0.5}, array.Dim("circuit", 5)).Named("recovered", "of F(M) − F(∅)")},
		Score:  "recovered", Circuit: "c", Own: 0.4,
	}
	// 0.1 is no float32.
	const digits = 1e-7
	for share, want := range map[float64]float64{0: 0.1, 0.5: 0.3, 1: 0.5, 0.125: 0.15, 0.9: 0.46} {
		if got := b.Quantile(share); math.Abs(got-want) > digits {
			t.Errorf("quantile %g is %g, want %g", share, got, want)
		}
	}
	for _, share := range []float64{-0.1, 1.1, math.NaN()} {
		if got := b.Quantile(share); !math.IsNaN(got) {
			t.Errorf("quantile %g is %g", share, got)
		}
	}
	if n, of := b.AsGood(); n != 2 || of != 5 || b.Chance() != 0.5 {
		t.Errorf("%d of %d as good, chance %g", n, of, b.Chance())
	}
	b.Lower = true
	if n, _ := b.AsGood(); n != 4 {
		t.Errorf("%d as low", n)
	}
	for _, want := range []string{"recovered, of c: 40.0%", "10.0%", "50.0%"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("%q is not in\n%s", want, b)
		}
	}
}

// classes is a search that draws nothing, so that it is the same for all.
var classes = circuit.Search{Random: -1, Greedy: circuit.Greedy{Runs: -1}}

// One random circuit scores what its own test says, for each of two seeds.
func TestBaselinesAreTheTestsOfRandomCircuits(t *testing.T) {
	m, ioi := ioiTask(t)
	like := truth()
	quick := interp.Bootstrap{Resamples: 1} // scores have no intervals
	// Sets of one's own go along with the nodes.
	search := classes
	search.Sets = [][]circuit.Part{{circuit.Head(3, 0), circuit.Head(0, 1)}}
	choice := circuit.Choice{Of: map[circuit.Part][]circuit.Part{circuit.Head(1, 0): {circuit.Head(2, 0)}}}
	for seed := range uint64(2) {
		s := circuit.Settings{Random: 1, Seed: seed, Bootstrap: quick}
		drawn, err := circuit.Random(m, like, circuit.ByLayer, seed)
		if err != nil {
			t.Fatal(err)
		}
		place := map[circuit.Part]circuit.Part{}
		for i, n := range like.Nodes {
			place[n.Part] = drawn.Nodes[i].Part
		}
		there := search
		there.Sets = [][]circuit.Part{{place[circuit.Head(3, 0)], place[circuit.Head(0, 1)]}}
		other := circuit.Choice{Of: map[circuit.Part][]circuit.Part{place[circuit.Head(1, 0)]: {place[circuit.Head(2, 0)]}}}

		test := func(c *circuit.Circuit, search circuit.Search, choice circuit.Choice) (score [3]float64) {
			f, err := circuit.Faithfulness(m, ioi.Task, c, circuit.Settings{Random: -1, Bootstrap: quick})
			if err != nil {
				t.Fatal(err)
			}
			k, err := circuit.Completeness(m, ioi.Task, c, circuit.Settings{Bootstrap: quick}, search)
			if err != nil {
				t.Fatal(err)
			}
			v, err := circuit.Minimality(m, ioi.Task, c, circuit.Settings{Bootstrap: quick}, choice)
			if err != nil {
				t.Fatal(err)
			}
			least := v.Nodes[0].Share
			for _, n := range v.Nodes {
				least = min(least, n.Share)
			}
			return [3]float64{f.Recovered.Value, k.Worst.Value, least}
		}
		random, own := test(drawn, there, other), test(like, search, choice)
		for i, run := range []func() (*circuit.Baseline, error){
			func() (*circuit.Baseline, error) { return circuit.RandomFaithfulness(m, ioi.Task, like, s) },
			func() (*circuit.Baseline, error) { return circuit.RandomCompleteness(m, ioi.Task, like, s, search) },
			func() (*circuit.Baseline, error) { return circuit.RandomMinimality(m, ioi.Task, like, s, choice) },
		} {
			b, err := run()
			if err != nil {
				t.Fatal(err)
			}
			// Sweeps of other sizes round differently: 1e-6 of logits of about 5.
			if math.Abs(b.Own-own[i]) > 1e-5 || len(b.Values()) != 1 || math.Abs(b.At(0)-random[i]) > 1e-5 {
				t.Errorf("seed %d: %s is %g beside %v, the tests say %g and %g", seed, b.Score, b.Own, b.Values(), own[i], random[i])
			}
		}
	}
}

// The planted circuit is better than chance in all three, and the same seed
// draws the same circuits.
func TestPlantedCircuitAgainstRandom(t *testing.T) {
	m, ioi := ioiTask(t)
	// Knocked out to nothing, the planted circuit is exact: see
	// TestPlantedCircuitIsComplete.
	s := circuit.Settings{Random: 10, Seed: 3, Ablation: circuit.Ablation{Value: circuit.Zero}}
	recovered, err := circuit.RandomFaithfulness(m, ioi.Task, truth(), s)
	if err != nil {
		t.Fatal(err)
	}
	gap, err := circuit.RandomCompleteness(m, ioi.Task, truth(), s, circuit.Search{Random: 3, Greedy: circuit.Greedy{Runs: 1, Steps: 2, Sample: 7}})
	if err != nil {
		t.Fatal(err)
	}
	least, err := circuit.RandomMinimality(m, ioi.Task, truth(), s, circuit.Choice{})
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range []*circuit.Baseline{recovered, gap, least} {
		t.Log(b)
		// One of 120 draws of seven from ten heads has all seven, in any places.
		if n, of := b.AsGood(); of != 10 || n > 1 {
			t.Errorf("%d of %d random circuits are as good: %s", n, of, b)
		}
		if f := plotting.Hist(b, 0); f.Err() != nil {
			t.Error(f.Err())
		}
	}
	if math.Abs(recovered.Own-1) > 1e-3 || gap.Own > 1e-3 || least.Own < 0.01 {
		t.Errorf("the planted circuit recovers %g, with a gap of %g, and its least node does %g", recovered.Own, gap.Own, least.Own)
	}
	again, err := circuit.RandomMinimality(m, ioi.Task, truth(), s, circuit.Choice{})
	if err != nil || again.String() != least.String() {
		t.Errorf("the same seed gives %s, %v", again, err)
	}
	s.Seed = 4
	other, err := circuit.RandomMinimality(m, ioi.Task, truth(), s, circuit.Choice{})
	if err != nil || other.Own != least.Own || other.String() == least.String() {
		t.Errorf("another seed gives %s, %v", other, err)
	}
}

func TestBaselinesRefuse(t *testing.T) {
	m, ioi := ioiTask(t)
	c, none := truth(), circuit.Settings{Random: -1}
	stranger := [][]circuit.Part{{circuit.Head(4, 1)}}
	of := func(_ *circuit.Baseline, err error) error { return err }
	for _, test := range []struct {
		name string
		err  error
		want string
	}{
		{"faithfulness of none", of(circuit.RandomFaithfulness(m, ioi.Task, c, none)), "random faithfulness: no random circuits"},
		{"completeness of none", of(circuit.RandomCompleteness(m, ioi.Task, c, none, classes)), "random completeness: no random circuits"},
		{"minimality of none", of(circuit.RandomMinimality(m, ioi.Task, c, none, circuit.Choice{})), "random minimality: no random circuits"},
		{"a set of strangers", of(circuit.RandomCompleteness(m, ioi.Task, c, circuit.Settings{Random: 1}, circuit.Search{Sets: stranger})), "4.1, which is no node"},
		{"a choice of strangers", of(circuit.RandomMinimality(m, ioi.Task, c, circuit.Settings{Random: 1}, circuit.Choice{Of: map[circuit.Part][]circuit.Part{circuit.Head(3, 0): stranger[0]}})), "4.1, which is no node"},
		{"no circuit", of(circuit.RandomMinimality(m, ioi.Task, nil, circuit.Settings{}, circuit.Choice{})), "no circuit"},
	} {
		if test.err == nil || !strings.Contains(test.err.Error(), test.want) {
			t.Errorf("%s: error %v; it should say %q", test.name, test.err, test.want)
		}
	}
}
