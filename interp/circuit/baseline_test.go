package circuit_test

import (
	"math"
	"strings"
	"testing"

	"github.com/golens/golens/interp"
	"github.com/golens/golens/interp/ablate"
	"github.com/golens/golens/interp/circuit"
	"github.com/golens/golens/interp/graph"
	"github.com/golens/golens/interp/ioi"
	"github.com/golens/golens/interp/task"
	"github.com/golens/golens/model"
	"github.com/golens/golens/model/array"
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

// held is a test of circuits on prompts.
func held(m *model.Model, prompts *task.IOITask, s circuit.Settings) *circuit.Test {
	return &circuit.Test{Model: m, Task: prompts.Task, Settings: s}
}

// classes is a search that draws nothing, so that it is the same for all.
var classes = circuit.Search{Random: -1, Greedy: circuit.Greedy{Runs: -1}}

// One random circuit scores what its own test says, for each of two seeds.
func TestBaselinesAreTheTestsOfRandomCircuits(t *testing.T) {
	m, prompts := ioiTask(t)
	like := ioi.Planted()
	quick := interp.Bootstrap{Resamples: 1} // scores have no intervals
	// Sets of one's own go along with the nodes.
	search := classes
	search.Sets = [][]graph.Part{{graph.Head(3, 0), graph.Head(0, 1)}}
	beside := circuit.Beside{Of: map[graph.Part][]graph.Part{graph.Head(1, 0): {graph.Head(2, 0)}}}
	for seed := range uint64(2) {
		s := circuit.Settings{Random: 1, Seed: seed, Bootstrap: quick, Search: search, Beside: beside}
		drawn, err := circuit.Random(m, like, circuit.ByLayer, seed)
		if err != nil {
			t.Fatal(err)
		}
		place := map[graph.Part]graph.Part{}
		for i, n := range like.Nodes {
			place[n.Part] = drawn.Nodes[i].Part
		}
		there := search
		there.Sets = [][]graph.Part{{place[graph.Head(3, 0)], place[graph.Head(0, 1)]}}
		other := circuit.Beside{Of: map[graph.Part][]graph.Part{place[graph.Head(1, 0)]: {place[graph.Head(2, 0)]}}}

		test := func(c *circuit.Circuit, search circuit.Search, beside circuit.Beside) (score [3]float64) {
			f, err := faithfulness(m, prompts.Task, c, circuit.Settings{Random: -1, Bootstrap: quick})
			if err != nil {
				t.Fatal(err)
			}
			k, err := completeness(m, prompts.Task, c, circuit.Settings{Bootstrap: quick}, search)
			if err != nil {
				t.Fatal(err)
			}
			v, err := minimality(m, prompts.Task, c, circuit.Settings{Bootstrap: quick}, beside)
			if err != nil {
				t.Fatal(err)
			}
			least := v.Nodes[0].Share
			for _, n := range v.Nodes {
				least = min(least, n.Share)
			}
			return [3]float64{f.Recovered.Value, k.Worst.Value, least}
		}
		random, own := test(drawn, there, other), test(like, search, beside)
		for i, run := range []func() (*circuit.Baseline, error){
			func() (*circuit.Baseline, error) { return held(m, prompts, s).RandomFaithfulness(like) },
			func() (*circuit.Baseline, error) { return held(m, prompts, s).RandomCompleteness(like) },
			func() (*circuit.Baseline, error) { return held(m, prompts, s).RandomMinimality(like) },
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
	m, prompts := ioiTask(t)
	// Knocked out to nothing, the planted circuit is exact: see
	// TestPlantedCircuitIsComplete.
	s := circuit.Settings{
		Random: 10, Seed: 3, Ablation: of(ablate.Zero), Beside: ioi.Beside(),
		Search: circuit.Search{Random: 3, Greedy: circuit.Greedy{Runs: 1, Steps: 2, Sample: 7}},
	}
	recovered, err := held(m, prompts, s).RandomFaithfulness(ioi.Planted())
	if err != nil {
		t.Fatal(err)
	}
	gap, err := held(m, prompts, s).RandomCompleteness(ioi.Planted())
	if err != nil {
		t.Fatal(err)
	}
	least, err := held(m, prompts, s).RandomMinimality(ioi.Planted())
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range []*circuit.Baseline{recovered, gap, least} {
		t.Log(b)
		// One of 120 draws of seven from ten heads has all seven, in any places.
		if n, all := b.AsGood(); all != 10 || n > 1 {
			t.Errorf("%d of %d random circuits are as good: %s", n, all, b)
		}
	}
	if math.Abs(recovered.Own-1) > 1e-3 || gap.Own > 1e-3 || least.Own < 0.01 {
		t.Errorf("the planted circuit recovers %g, with a gap of %g, and its least node does %g", recovered.Own, gap.Own, least.Own)
	}
	again, err := held(m, prompts, s).RandomMinimality(ioi.Planted())
	if err != nil || again.String() != least.String() {
		t.Errorf("the same seed gives %s, %v", again, err)
	}
	s.Seed = 4
	other, err := held(m, prompts, s).RandomMinimality(ioi.Planted())
	if err != nil || other.Own != least.Own || other.String() == least.String() {
		t.Errorf("another seed gives %s, %v", other, err)
	}
}

func TestBaselinesRefuse(t *testing.T) {
	m, prompts := ioiTask(t)
	c, none := ioi.Planted(), circuit.Settings{Random: -1}
	stranger := [][]graph.Part{{graph.Head(4, 1)}}
	err := func(_ *circuit.Baseline, err error) error { return err }
	for _, test := range []struct {
		name string
		err  error
		want string
	}{
		{"faithfulness of none", err(held(m, prompts, none).RandomFaithfulness(c)), "random faithfulness: no random circuits"},
		{"completeness of none", err(held(m, prompts, none).RandomCompleteness(c)), "random completeness: no random circuits"},
		{"minimality of none", err(held(m, prompts, none).RandomMinimality(c)), "random minimality: no random circuits"},
		{"a set of strangers", err(held(m, prompts, circuit.Settings{Random: 1, Search: circuit.Search{Sets: stranger}}).RandomCompleteness(c)), "4.1, which is no node"},
		{"a choice of strangers", err(held(m, prompts, circuit.Settings{Random: 1, Beside: circuit.Beside{Of: map[graph.Part][]graph.Part{graph.Head(3, 0): stranger[0]}}}).RandomMinimality(c)), "4.1, which is no node"},
		{"no circuit", err(held(m, prompts, circuit.Settings{}).RandomMinimality(nil)), "no circuit"},
	} {
		if test.err == nil || !strings.Contains(test.err.Error(), test.want) {
			t.Errorf("%s: error %v; it should say %q", test.name, test.err, test.want)
		}
	}
}
