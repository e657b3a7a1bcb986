package circuit

import (
	"slices"

	"github.com/golens/golens/interp"
	"github.com/golens/golens/interp/graph"
)

// A Circuit is the parts of a model that do a task, and which of them reads
// what another one writes.
type Circuit struct {
	Name  string `json:"name,omitempty"`
	Model string `json:"model,omitempty"` // as it was opened
	Task  string `json:"task,omitempty"`
	// Method says how the circuit was found, settings included.
	Method string `json:"method,omitempty"`
	Source string `json:"source,omitempty"` // where it, or the method, was published

	// Positions are the names that nodes use, in the order of the text.
	Positions []string `json:"positions,omitempty"`
	Nodes     []Node   `json:"nodes"` // the most important ones of a class first
	Edges     []Edge   `json:"edges,omitempty"`
	Unit      string   `json:"unit,omitempty"` // of the edges' effects
}

// A Node is a part of the model that belongs to a circuit.
type Node struct {
	Part  graph.Part `json:"part"`            // a head or an MLP
	At    []string   `json:"at,omitempty"`    // positions where it belongs to it, named by the task; none means all
	Class string     `json:"class,omitempty"` // what it does, such as "name mover"
}

// An Edge says that a part reads what an earlier one writes.
type Edge struct {
	From  graph.Part  `json:"from"`
	To    graph.Part  `json:"to"`
	Input graph.Input `json:"input"`
	// Effect is what the path does for the metric: by how much it falls when
	// the path carries something else. Negative is a path that hurts.
	Effect float64 `json:"effect"`
}

// String is the edge as "7.3 → 9.9 q".
func (e Edge) String() string { return e.Ends().String() }

// Ends are the edge without its effect.
func (e Edge) Ends() graph.Edge {
	return graph.Edge{From: e.From, To: graph.Receiver{Part: e.To, Input: e.Input}}
}

// ends are the edges without their effects.
func (c *Circuit) ends() []graph.Edge {
	all := make([]graph.Edge, len(c.Edges))
	for i, e := range c.Edges {
		all[i] = e.Ends()
	}
	return all
}

// Parts are those of the nodes, in their order.
func (c *Circuit) Parts() []graph.Part {
	parts := make([]graph.Part, len(c.Nodes))
	for i, n := range c.Nodes {
		parts[i] = n.Part
	}
	return parts
}

// Classes are the classes of the nodes, in order of their first node.
func (c *Circuit) Classes() []string {
	var names []string
	for _, n := range c.Nodes {
		if !slices.Contains(names, n.Class) {
			names = append(names, n.Class)
		}
	}
	return names
}

// Of are the parts of a class, in the order of the nodes.
func (c *Circuit) Of(class string) []graph.Part {
	var parts []graph.Part
	for _, n := range c.Nodes {
		if n.Class == class {
			parts = append(parts, n.Part)
		}
	}
	return parts
}

// Has tells whether a part is a node.
func (c *Circuit) Has(p graph.Part) bool { return c.find(p) != nil }

// find is the node of a part, or nil.
func (c *Circuit) find(p graph.Part) *Node {
	if i := slices.IndexFunc(c.Nodes, func(n Node) bool { return n.Part == p }); i >= 0 {
		return &c.Nodes[i]
	}
	return nil
}

// Without is the circuit less some parts and their edges.
func (c *Circuit) Without(parts ...graph.Part) *Circuit {
	less := *c
	gone := func(p graph.Part) bool { return slices.Contains(parts, p) }
	less.Nodes = slices.DeleteFunc(slices.Clone(c.Nodes), func(n Node) bool { return gone(n.Part) })
	less.Edges = slices.DeleteFunc(slices.Clone(c.Edges), func(e Edge) bool { return gone(e.From) || gone(e.To) })
	return &less
}

// With is the circuit and more edges.
func (c *Circuit) With(edges ...Edge) *Circuit {
	more := *c
	more.Edges = slices.Concat(c.Edges, edges)
	return &more
}

// Mean is the mean of a map of heads [layer, head] over the heads of a class, NaN
// if there are none.
func (c *Circuit) Mean(class string, heads *interp.Result) float64 {
	sum, parts := 0.0, c.Of(class)
	for _, p := range parts {
		sum += heads.At(p.Layer, p.Index)
	}
	return sum / float64(len(parts))
}
