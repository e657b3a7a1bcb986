package notebooks

import (
	"strings"
	"testing"

	"github.com/golens/golens/interp"
	"github.com/golens/golens/interp/circuit"
	"github.com/golens/golens/interp/feature"
	"github.com/golens/golens/interp/graph"
	"github.com/golens/golens/interp/ioi"
	"github.com/golens/golens/model/array"
	"github.com/golens/golens/plotting"
)

// drawn is a small circuit with everything that one can have.
func drawn() *circuit.Circuit {
	return &circuit.Circuit{
		Name: "IOI", Model: "gpt2", Task: "IOI", Positions: []string{"S2", "END"}, Unit: "%",
		Nodes: []circuit.Node{
			{Part: graph.Head(9, 9), At: []string{"END"}, Class: ioi.NameMover},
			{Part: graph.Head(9, 6), At: []string{"END"}, Class: ioi.NameMover},
			{Part: graph.Head(8, 6), At: []string{"END"}, Class: ioi.SInhibition},
			{Part: graph.MLP(0)},
		},
		Edges: []circuit.Edge{
			{From: graph.Head(9, 9), To: graph.Logits(), Input: graph.ToLogits, Effect: 22},
			{From: graph.Head(8, 6), To: graph.Head(9, 9), Input: graph.ToQuery, Effect: -14.5},
			{From: graph.MLP(0), To: graph.Head(8, 6), Input: graph.ToValue, Effect: 3},
			{From: graph.Embed(), To: graph.MLP(0), Input: graph.ToMLP, Effect: 1},
		},
	}
}

// A circuit is what package plotting draws.
func TestCircuitsAreDrawn(t *testing.T) {
	var g plotting.Graph = drawn()
	f := plotting.Circuit(g)
	if err := f.Err(); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"IOI [nodes 6, links 4], in %", "layer 9   9.9 9.6 (name mover)", "8.6 → 9.9 query", "−14.5", "embed → mlp 0 MLP"} {
		if !strings.Contains(f.Text(), want) {
			t.Errorf("%q is not in\n%s", want, f)
		}
	}
	if label, _, _, _ := g.Node(99); label != "" {
		t.Error("a node that does not exist has a label")
	}
}

// The scores of random circuits are drawn as a histogram.
func TestBaselinesAreDrawn(t *testing.T) {
	scores := array.Of([]float32{0.4, 0.1, 0.3}, array.Dim("circuit", 3)).Named("recovered", "of F(M)")
	b := &circuit.Baseline{Result: &interp.Result{Array: scores}, Score: "recovered", Own: 0.4}
	if f := plotting.Hist(b, 0); f.Err() != nil || !strings.Contains(f.Text(), "the circuit: 0.40 of F(M), above 2 of 3") {
		t.Errorf("%v\n%s", f.Err(), f)
	}
}

// An attribution graph is drawn: tokens as columns, layers from below, its strongest links.
func TestAttributionGraphsAreDrawn(t *testing.T) {
	g := &feature.Graph{Tokens: []int32{1, 2}, Labels: []string{"<s>", " cat"}, Layers: 2, Nodes: []feature.Node{
		{Kind: feature.FeatureNode, Layer: 0, Pos: 1, Feature: 7, Activation: 2, Label: " cat"},
		{Kind: feature.FeatureNode, Layer: 1, Pos: 1, Feature: 9, Activation: 1, Label: " cat"},
		{Kind: feature.ErrorNode, Layer: 1, Pos: 1, Label: " cat"},
		{Kind: feature.TokenNode, Pos: 1, Token: 2, Label: " cat"},
		{Kind: feature.LogitNode, Layer: 2, Pos: 1, Token: 5, Prob: 0.9, Label: " sat"},
	}, Rows: [][]feature.Edge{{{Source: 3, Weight: 3}}, {{Source: 0, Weight: 4}, {Source: 2, Weight: 0.1}}, nil, nil, {{Source: 1, Weight: -2}, {Source: 3, Weight: 1}}}}
	f := plotting.Circuit(g.Prune(0.99, 0.99).Draw(4))
	if err := f.Err(); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"attribution graph", "0.7 → 1.9", "1.9 → sat", "cat → 0.7", "−2"} {
		if !strings.Contains(f.Text(), want) {
			t.Errorf("%q is not in\n%s", want, f.Text())
		}
	}
}
