package circuit_test

import (
	"math"
	"slices"
	"sync"
	"testing"

	"github.com/golens/golens/interp/ablate"
	"github.com/golens/golens/interp/circuit"
	"github.com/golens/golens/interp/graph"
	"github.com/golens/golens/interp/ioi"
	"github.com/golens/golens/interp/task"
	"github.com/golens/golens/model"
)

// planted is the hand-made IOI network and its task. What its heads do is said
// in the model's card.
var planted = sync.OnceValues(func() (*task.IOITask, error) {
	m, err := model.Open("zoo:ioi-planted")
	if err != nil {
		return nil, err
	}
	return task.IOI(m, task.IOIOptions{N: 20, Seed: 1})
})

func ioiTask(t testing.TB) (*model.Model, *task.IOITask) {
	t.Helper()
	prompts, err := planted()
	if err != nil {
		t.Fatal(err)
	}
	return open(t, "zoo:ioi-planted"), prompts
}

func TestPlantedCircuitIsFaithful(t *testing.T) {
	m, prompts := ioiTask(t)
	for _, value := range []ablate.Value{ablate.TemplateMean, ablate.Zero, ablate.Resample, ablate.Mean} {
		f, err := faithfulness(m, prompts.Task, ioi.Planted(), circuit.Settings{Random: 10, Ablation: of(value)})
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%s: F(M) %s, F(C) %s", value, f.Model, f.Alone)
		if f.Gap.Value > 1e-3*f.Model.Value && value != ablate.Mean {
			t.Errorf("%s: |F(M) - F(C)| is %g of %g", value, f.Gap.Value, f.Model.Value)
		}
		if f.Without.Value > 0.1*f.Model.Value || f.Empty.Value > 0.1*f.Model.Value {
			t.Errorf("%s: without the circuit %g is left", value, f.Without.Value)
		}
		if better, n := f.Better(); n != 10 || better > 1 {
			t.Errorf("%s: %d of %d random circuits are as good", value, better, n)
		}
	}
}

// The full circuit has no gap where knocked out parts leave nothing behind. Means
// within a template leave the names of the reference prompts, which are the
// prompt's own at times; at all positions on both sides they leave the same.
func TestPlantedCircuitIsComplete(t *testing.T) {
	m, prompts := ioiTask(t)
	search := circuit.Search{Random: 5, Greedy: circuit.Greedy{Runs: 3, Steps: 3, Sample: 5}}
	for _, a := range []circuit.Settings{{Ablation: of(ablate.Zero)}, {Where: circuit.Everywhere}} {
		r, err := completeness(m, prompts.Task, ioi.Planted(), a, search)
		if err != nil {
			t.Fatal(err)
		}
		// A decoy that attends writes nothing that is read: only rounding is left.
		if r.Worst.Value > 1e-3 || len(r.Sets) < 13 {
			t.Errorf("%s: %s", a, r)
		}
	}
	// Without the backup, the greedy search finds that the mover has one.
	c := ioi.Planted().Without(graph.Head(4, 0))
	r, err := completeness(m, prompts.Task, c, circuit.Settings{Ablation: of(ablate.Zero)},
		circuit.Search{Random: -1, NoClasses: true, Greedy: circuit.Greedy{Runs: 3, Steps: 3, Sample: 6}})
	if err != nil {
		t.Fatal(err)
	}
	found := slices.ContainsFunc(r.Sets, func(w circuit.SetGap) bool {
		return w.Kind == "greedy" && slices.Contains(w.K, graph.Head(3, 0)) && w.Gap.Value > 5
	})
	if !found || r.Worst.Value < 5 || r.Sets[0].Gap.Value > 1e-3 {
		t.Errorf("%s", r)
	}
}

func TestPlantedCircuitIsMinimal(t *testing.T) {
	m, prompts := ioiTask(t)
	for _, beside := range []circuit.Beside{ioi.Beside(), {Best: true}} {
		r, err := minimality(m, prompts.Task, ioi.Planted(), circuit.Settings{Ablation: of(ablate.Zero)}, beside)
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range r.Nodes {
			if n.Share < 0.01 || n.Change.Lo <= 0 {
				t.Errorf("%s changes %s with K = %v", n.Node.Part, n.Change, n.K)
			}
			if n.Opposing != (n.Node.Class == ioi.NegativeNameMover) {
				t.Errorf("%s: opposing is %t", n.Node.Part, n.Opposing)
			}
		}
		if beside.Best {
			continue
		}
		// The card's numbers.
		for part, want := range map[graph.Part]float64{graph.Head(3, 0): 5.317 - 4.23, graph.Head(2, 0): 5.317 + 1.96, graph.Head(0, 1): 5.317 - 3.81} {
			i := slices.IndexFunc(r.Nodes, func(n circuit.NodeChange) bool { return n.Node.Part == part })
			if got := r.Nodes[i].Change.Value; math.Abs(got-want) > 0.01 { // half of the card's last digit
				t.Errorf("%s changes %g, want %g", part, got, want)
			}
		}
	}
	// A decoy in the circuit shows.
	c := ioi.Planted()
	c.Nodes = append(c.Nodes, circuit.Node{Part: graph.Head(4, 1), At: []string{"END"}, Class: "decoy"})
	r, err := minimality(m, prompts.Task, c, circuit.Settings{}, circuit.Beside{Best: true})
	if err != nil {
		t.Fatal(err)
	}
	if last := r.Nodes[7]; last.Change.Value > 1e-5 {
		t.Errorf("the decoy changes %s", last.Change)
	}
}

// The edges of the card alone do all of the task, nothing else between its heads
// is needed. Path by path two of them do not show: either of 0.0 and 1.0 is enough
// for the keys of 2.0.
func TestThePlantedEdgesAreFaithful(t *testing.T) {
	m, prompts := ioiTask(t)
	toKey := func(h graph.Part) circuit.Edge {
		return circuit.Edge{From: h, To: graph.Head(2, 0), Input: graph.ToKey}
	}
	dup, ind, mover := graph.Head(0, 0), graph.Head(1, 0), graph.Head(3, 0)
	card := ioi.Planted()
	card.Edges = append(card.Edges, toKey(dup), toKey(ind), circuit.Edge{From: graph.Head(3, 1), To: graph.Head(4, 0), Input: graph.ToQuery})
	recovers := func(gone ...circuit.Edge) float64 {
		t.Helper()
		c := *card
		c.Edges = slices.DeleteFunc(slices.Clone(card.Edges), func(e circuit.Edge) bool { return slices.Contains(gone, e) })
		if len(c.Edges) != len(card.Edges)-len(gone) {
			t.Fatalf("%v are no edges", gone)
		}
		f, err := faithfulness(m, prompts.Task, &c, circuit.Settings{Components: circuit.HeadEdges, Random: -1})
		if err != nil {
			t.Fatal(err)
		}
		return f.Recovered.Value
	}
	for _, gone := range [][]circuit.Edge{nil, {toKey(dup)}, {toKey(ind)}} {
		if v := recovers(gone...); math.Abs(v-1) > 1e-3 {
			t.Errorf("without %v %g is recovered", gone, v)
		}
	}
	if v := recovers(toKey(dup), toKey(ind)); v > 0 {
		t.Errorf("blind keys recover %g", v)
	}
	gate := circuit.Edge{From: mover, To: graph.Head(4, 0), Input: graph.ToQuery}
	if v := recovers(gate); v < 1.5 { // mover and backup write at once
		t.Errorf("without its gate it recovers %g", v)
	}
	f, err := faithfulness(m, prompts.Task, card, circuit.Settings{Components: circuit.HeadEdges, Random: 10})
	if err != nil {
		t.Fatal(err)
	}
	if better, n := f.Better(); better > 0 || n != 10 {
		t.Errorf("%s", f)
	}
}
