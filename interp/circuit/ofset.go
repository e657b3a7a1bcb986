package circuit

import (
	"slices"

	"github.com/golens/golens/interp/graph"
	"github.com/golens/golens/model/array"
)

// OfSet is a set of edges as a circuit, whose nodes are the parts that they join.
// An edge's effect is what the metric loses when it is cut: minus its score
// [sender, receiver]. Without scores all effects are 1. An edge into a key or value
// that query heads share is there for each of them that sends anything, with an equal
// part of the effect, or, if none does, for the first.
func OfSet(set *graph.Set, scores *array.Array) *Circuit {
	c := &Circuit{Nodes: []Node{}}
	sends := map[graph.Part]bool{graph.Logits(): true}
	for sender := range set.Edges() {
		sends[set.Senders[sender]] = true
	}
	for sender, r := range set.Edges() {
		effect := 1.
		if scores != nil {
			effect = -scores.At(sender, r)
		}
		parts := set.Sharing(r)
		if slices.ContainsFunc(parts, func(p graph.Part) bool { return sends[p] }) {
			parts = slices.DeleteFunc(parts, func(p graph.Part) bool { return !sends[p] })
		} else {
			parts = parts[:1]
		}
		share := 1.
		if scores != nil {
			share = float64(len(parts))
		}
		for _, p := range parts {
			c.Edges = append(c.Edges, Edge{From: set.Senders[sender], To: p, Input: set.Receivers[r].Input, Effect: effect / share})
		}
	}
	joined := map[graph.Part]bool{}
	for _, e := range c.Edges {
		joined[e.From], joined[e.To] = true, true
	}
	for _, p := range set.Senders {
		if joined[p] && p != graph.Embed() {
			c.Nodes = append(c.Nodes, Node{Part: p})
		}
	}
	return c
}
