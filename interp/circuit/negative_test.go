package circuit_test

import (
	"math"
	"strings"
	"testing"

	"github.com/golens/golens/interp/ablate"
	"github.com/golens/golens/interp/circuit"
	"github.com/golens/golens/interp/graph"
	"github.com/golens/golens/interp/ioi"
	"github.com/golens/golens/model"
)

// A log probability is negative when good. The circuit recovers it from what is
// there with everything gone, a random one recovers less, and the ratio to the
// model's, which would grow as circuits get worse, is not given.
func TestLogProbabilityIsRecovered(t *testing.T) {
	m, prompts := ioiTask(t)
	k := *prompts.Task
	k.Metric = model.Metric{Kind: model.KindLogProb, Answer: prompts.Answer}.In(prompts.End)
	s := circuit.Settings{Random: 10, Ablation: of(ablate.Zero)}
	f, err := faithfulness(m, &k, ioi.Planted(), s)
	if err != nil {
		t.Fatal(err)
	}
	t.Log(f)
	if f.Model.Value >= 0 || f.Empty.Value >= f.Model.Value {
		t.Fatalf("F(M) is %s, F(∅) %s", f.Model, f.Empty)
	}
	if math.Abs(f.Recovered.Value-1) > 1e-3 || f.Ratio.Value == f.Ratio.Value {
		t.Errorf("recovered %s, ratio %s", f.Recovered, f.Ratio)
	}
	if better, of := f.Better(); of != 10 || better > 1 {
		t.Errorf("%d of %d random circuits are as good", better, of)
	}
	// Without a part that matters less is recovered, though F(C)/F(M) grows.
	less, err := faithfulness(m, &k, ioi.Planted().Without(graph.Head(2, 0)), circuit.Settings{Random: -1, Ablation: s.Ablation})
	if err != nil {
		t.Fatal(err)
	}
	if less.Recovered.Value > 0.9 || less.Alone.Value/less.Model.Value < f.Alone.Value/f.Model.Value {
		t.Errorf("without 2.0: %s", less)
	}
	// Everything gone recovers nothing, by definition.
	nothing := &circuit.Circuit{Name: "a decoy", Nodes: []circuit.Node{{Part: graph.Head(4, 1), At: []string{"END"}}}}
	if f, err = faithfulness(m, &k, nothing, circuit.Settings{Random: -1, Ablation: s.Ablation}); err != nil || math.Abs(f.Recovered.Value) > 1e-3 {
		t.Errorf("a decoy alone: %s, %v", f, err)
	}
	// Minimality and completeness share out the same gap.
	n, err := (&circuit.Test{Model: m, Task: &k, Settings: s}).Minimality(ioi.Planted())
	if err != nil {
		t.Fatal(err)
	}
	gap := f.Model.Value - f.Empty.Value
	for _, v := range n.Nodes {
		if math.Abs(v.Share-v.Change.Value/gap) > 1e-9 || v.Share > 1.5 {
			t.Errorf("%s: %s is %g of %g", v.Node.Part, v.Change, v.Share, gap)
		}
	}
}

// Where everything gone is as good as the model there is nothing to recover, and
// no number is given.
func TestNothingToRecover(t *testing.T) {
	m, prompts := ioiTask(t)
	k := *prompts.Task
	k.Metric = model.LogitDiff(model.IDs(1), model.IDs(2)).In(prompts.End) // no head writes these
	f, err := faithfulness(m, &k, ioi.Planted(), circuit.Settings{Random: 2})
	if err != nil {
		t.Fatal(err)
	}
	if f.Recovered.Value == f.Recovered.Value || f.Ratio.Value == f.Ratio.Value || !strings.Contains(f.String(), "not defined") {
		t.Errorf("%s", f)
	}
}
