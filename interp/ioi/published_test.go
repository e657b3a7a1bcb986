package ioi_test

import (
	"fmt"
	"testing"

	"github.com/golens/golens/interp/circuit"
	"github.com/golens/golens/interp/graph"
	"github.com/golens/golens/interp/ioi"
)

func TestPublishedCircuit(t *testing.T) {
	c, naive := ioi.GPT2(), ioi.GPT2Naive()
	for _, one := range []*circuit.Circuit{c, naive} {
		if err := one.Check(nil); err != nil {
			t.Error(err)
		}
	}
	if len(c.Nodes) != 26 || len(c.Classes()) != 7 || len(naive.Nodes) != 13 {
		t.Errorf("%d heads in %d classes, %d in the naive one", len(c.Nodes), len(c.Classes()), len(naive.Nodes))
	}
	// 13 to the logits, 4 to the queries of 13 movers, 4 and 3 to the keys and
	// values of 4, 2 to the keys and values of 4.
	if want := 13 + 4*13 + 2*(4+3)*4 + 2*2*4; len(c.Edges) != want {
		t.Errorf("%d edges, want %d", len(c.Edges), want)
	}
	beside := ioi.GPT2Beside()
	for _, n := range c.Nodes {
		want, checked := map[graph.Part]string{
			graph.Head(9, 9): "[]", graph.Head(10, 0): "[9.9]", graph.Head(9, 6): "[9.9 10.0]",
			graph.Head(10, 7): "[11.10]", graph.Head(8, 10): "[7.3 7.9 8.6]", graph.Head(5, 8): "[10.7 11.10]", graph.Head(5, 5): "[6.9 5.8 5.9]",
			graph.Head(11, 9): "[9.9 10.0 9.6 10.7 11.10]", graph.Head(11, 2): "[10.10 10.6 10.2 10.1 9.7 9.0 11.9]", graph.Head(0, 1): "[3.0 0.10]",
		}[n.Part]
		if got := fmt.Sprint(beside.K(c, n)); checked && got != want {
			t.Errorf("K of %s is %s, want %s", n.Part, got, want)
		}
		for _, p := range beside.K(c, n) {
			if p == n.Part || !c.Has(p) {
				t.Errorf("K of %s has %s", n.Part, p)
			}
		}
	}
}
