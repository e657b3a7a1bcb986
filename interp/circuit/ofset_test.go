package circuit_test

import (
	"testing"

	"github.com/golens/golens/interp/circuit"
	"github.com/golens/golens/interp/graph"
	"github.com/golens/golens/model/config"
)

func TestSetsAsCircuits(t *testing.T) {
	g := graph.Of(config.Config{Layers: 2, Heads: 4, KVHeads: 2, DMLP: 1})
	logits, _ := g.Receiver(graph.Logits(), graph.ToLogits)
	key, _ := g.Receiver(graph.Head(1, 2), graph.ToKey) // of 1.2 and 1.3
	mlp, _ := g.Sender(graph.MLP(0))
	head, _ := g.Sender(graph.Head(1, 3))
	set, scores := g.None(), g.Scores()
	for _, e := range [][2]int{{mlp, key}, {head, logits}} {
		set.Add(e[0], e[1])
		scores.Set(-2, e[0], e[1])
	}
	c := circuit.OfSet(set, scores)
	if err := c.Check(nil); err != nil {
		t.Fatal(err)
	}
	want := graph.Edge{From: graph.MLP(0), To: graph.Receiver{Part: graph.Head(1, 3), Input: graph.ToKey}}
	if len(c.Nodes) != 2 || len(c.Edges) != 2 || c.Edges[0].Ends() != want || c.Edges[0].Effect != 2 {
		t.Errorf("%v\n%v", c.Nodes, c.Edges)
	}
	// If both heads of the group send, each has half of what the shared key does.
	other, _ := g.Sender(graph.Head(1, 2))
	set.Add(other, logits)
	if c := circuit.OfSet(set, scores); len(c.Edges) != 4 || c.Edges[0].Effect != 1 || c.Edges[1].Effect != 1 || c.Edges[0].To == c.Edges[1].To {
		t.Errorf("%v\n%v", c.Nodes, c.Edges)
	}
	if c := circuit.OfSet(set, nil); c.Edges[0].Effect != 1 {
		t.Errorf("%v", c.Edges)
	}
	set.Remove(other, logits)
	set.Remove(head, logits)
	if c := circuit.OfSet(set, nil); len(c.Edges) != 1 || c.Edges[0].To != graph.Head(1, 2) || c.Edges[0].Effect != 1 {
		t.Errorf("%v\n%v", c.Nodes, c.Edges)
	}
}
