package circuit

import (
	"slices"

	"github.com/golens/golens/interp/graph"
)

// What package plotting draws: the nodes, and beside them the embedding and the
// logits if edges lead from or to them.

// Title is the circuit's name.
func (c *Circuit) Title() string {
	if c.Name == "" {
		return "circuit"
	}
	return c.Name
}

// Len is the number of nodes of the graph.
func (c *Circuit) Len() int { return len(c.drawn()) }

// Node describes the i-th node of the graph: its name, its class ("" for what is
// no part of the circuit), the positions where it stands ("" for all), and its
// layer: -1 is the embedding.
func (c *Circuit) Node(i int) (label, class, column string, layer int) {
	nodes := c.drawn()
	if i < 0 || i >= len(nodes) {
		return "", "", "", 0
	}
	n := nodes[i]
	if len(n.At) > 0 {
		column = place(n.At)
	}
	layer = n.Part.Layer
	switch n.Part.Kind {
	case graph.EmbedPart:
		layer = -1
	case graph.LogitsPart:
		for _, other := range nodes {
			layer = max(layer, other.Part.Layer+1)
		}
	}
	return n.Part.String(), n.Class, column, layer
}

// Columns are the names of positions, in the order of the text.
func (c *Circuit) Columns() []string { return c.Positions }

// Links is the number of edges.
func (c *Circuit) Links() int { return len(c.Edges) }

// Link describes the i-th edge: the two nodes that it joins, the input that it
// leads to, and its effect.
func (c *Circuit) Link(i int) (from, to int, kind string, effect float64) {
	if i < 0 || i >= len(c.Edges) {
		return 0, 0, "", 0
	}
	e := c.Edges[i]
	nodes := c.drawn()
	from = slices.IndexFunc(nodes, func(n Node) bool { return n.Part == e.From })
	to = slices.IndexFunc(nodes, func(n Node) bool { return n.Part == e.To })
	kind = map[graph.Input]string{
		graph.ToQuery: "query", graph.ToKey: "key", graph.ToValue: "value", graph.ToMLP: "MLP", graph.ToLogits: "logits",
	}[e.Input]
	return from, to, kind, e.Effect
}

// EffectUnit is the unit of the edges' effects.
func (c *Circuit) EffectUnit() string { return c.Unit }

// drawn are the nodes of the graph.
func (c *Circuit) drawn() []Node {
	nodes := c.Nodes[:len(c.Nodes):len(c.Nodes)]
	for _, end := range []graph.Part{graph.Embed(), graph.Logits()} {
		for _, e := range c.Edges {
			if e.From == end || e.To == end {
				nodes = append(nodes, Node{Part: end})
				break
			}
		}
	}
	return nodes
}
