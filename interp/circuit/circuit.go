package circuit

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/golens/golens/interp/graph"
	"github.com/golens/golens/model"
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
	Part  Part     `json:"part"`            // a head or an MLP
	At    []string `json:"at,omitempty"`    // positions where it belongs to it, named by the task; none means all
	Class string   `json:"class,omitempty"` // what it does, such as "name mover"
}

// An Edge says that a part reads what an earlier one writes.
type Edge struct {
	From  Part  `json:"from"`
	To    Part  `json:"to"`
	Input Input `json:"input"`
	// Effect is what the path does for the metric: by how much it falls when
	// the path carries something else. Negative is a path that hurts.
	Effect float64 `json:"effect"`
}

// String is the edge as "7.3 → 9.9 q".
func (e Edge) String() string { return e.ends().String() }

// Parts are those of the nodes, in their order.
func (c *Circuit) Parts() []Part {
	parts := make([]Part, len(c.Nodes))
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
func (c *Circuit) Of(class string) []Part {
	var parts []Part
	for _, n := range c.Nodes {
		if n.Class == class {
			parts = append(parts, n.Part)
		}
	}
	return parts
}

// find is the node of a part, or nil.
func (c *Circuit) find(p Part) *Node {
	if i := slices.IndexFunc(c.Nodes, func(n Node) bool { return n.Part == p }); i >= 0 {
		return &c.Nodes[i]
	}
	return nil
}

// Without is the circuit less some parts and their edges.
func (c *Circuit) Without(parts ...Part) *Circuit {
	less := *c
	gone := func(p Part) bool { return slices.Contains(parts, p) }
	less.Nodes = slices.DeleteFunc(slices.Clone(c.Nodes), func(n Node) bool { return gone(n.Part) })
	less.Edges = slices.DeleteFunc(slices.Clone(c.Edges), func(e Edge) bool { return gone(e.From) || gone(e.To) })
	return &less
}

// Check finds what makes no circuit, in itself or of this model; nil is any
// model.
func (c *Circuit) Check(m *model.Model) error {
	if c == nil {
		return fmt.Errorf("no circuit")
	}
	fail := func(format string, args ...any) error {
		return fmt.Errorf("circuit %q: %w", c.Name, fmt.Errorf(format, args...))
	}
	nodes := make(map[Part]bool, len(c.Nodes))
	for i, n := range c.Nodes {
		switch {
		case n.Part.Kind != KindHead && n.Part.Kind != KindMLP:
			return fail("node %d is %q; a node is a head or an MLP", i, n.Part)
		case nodes[n.Part]:
			return fail("node %s stands there twice; list all its positions in one", n.Part)
		}
		nodes[n.Part] = true
		for k, at := range n.At {
			if at == "" || slices.Contains(n.At[:k], at) {
				return fail("node %s: position %q is empty or stands there twice", n.Part, at)
			}
		}
	}
	edges := make(map[graph.Edge]bool, len(c.Edges))
	for i, e := range c.Edges {
		if err := e.check(nodes); err != nil {
			return fail("edge %d, %s: %w", i, e, err)
		}
		if edges[e.ends()] {
			return fail("edge %s stands there twice", e)
		}
		edges[e.ends()] = true
	}
	if m == nil {
		return nil
	}
	for _, p := range c.Parts() {
		if err := p.In(m.Config()); err != nil {
			return fail("node %w", err)
		}
	}
	return nil
}

// ends are the edge without its effect.
func (e Edge) ends() graph.Edge {
	return graph.Edge{From: e.From, To: graph.Receiver{Part: e.To, Input: e.Input}}
}

func (e Edge) check(nodes map[Part]bool) error {
	inputs := e.To.Inputs()
	switch {
	case inputs == nil:
		return fmt.Errorf("nothing leads to %s", e.To)
	case !slices.Contains(inputs, e.Input):
		return fmt.Errorf("%s has no input %q; it has %q", e.To, e.Input, inputs)
	case e.From.Kind == KindLogits || !e.From.Before(e.To):
		return fmt.Errorf("%s does not come before %s", e.From, e.To)
	case math.IsNaN(e.Effect) || math.IsInf(e.Effect, 0):
		return fmt.Errorf("the effect is %g", e.Effect)
	}
	for _, p := range []Part{e.From, e.To} {
		if (p.Kind == KindHead || p.Kind == KindMLP) && !nodes[p] {
			return fmt.Errorf("%s is not among the nodes", p)
		}
	}
	return nil
}

// shown is how many edges String lists.
const shown = 15

// String is a table of the nodes by class and of the strongest edges.
func (c *Circuit) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %d nodes, %d edges", c.Title(), len(c.Nodes), len(c.Edges))
	if c.Model != "" {
		fmt.Fprintf(&b, ", in %s", c.Model)
	}
	b.WriteByte('\n')
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "class\tat\tparts")
	for _, row := range c.rows() {
		fmt.Fprintf(w, "%s\t%s\t%s\n", row.class, row.at, join(row.parts))
	}
	_ = w.Flush() // a strings.Builder takes everything
	if len(c.Edges) == 0 {
		return b.String()
	}
	b.WriteByte('\n')
	w = tabwriter.NewWriter(&b, 0, 0, 2, ' ', tabwriter.AlignRight)
	edges := c.strongest()
	fmt.Fprintf(w, "from\tto\tinput\teffect%s\t\n", inUnit(c.Unit))
	for _, e := range edges[:min(shown, len(edges))] {
		fmt.Fprintf(w, "%s\t%s\t%s\t%.3g\t\n", e.From, e.To, e.Input, e.Effect)
	}
	_ = w.Flush()
	if more := len(edges) - shown; more > 0 {
		fmt.Fprintf(&b, "and %d more\n", more)
	}
	return b.String()
}

func inUnit(unit string) string {
	if unit == "" {
		return ""
	}
	return " (" + unit + ")"
}

// strongest are the edges by the size of their effect.
func (c *Circuit) strongest() []Edge {
	edges := slices.Clone(c.Edges)
	slices.SortStableFunc(edges, func(a, b Edge) int {
		switch x, y := math.Abs(a.Effect), math.Abs(b.Effect); {
		case x > y:
			return -1
		case x < y:
			return 1
		}
		return 0
	})
	return edges
}

// A row is the nodes of one class at the same positions.
type row struct {
	class, at string
	parts     []Part
}

func (c *Circuit) rows() (rows []row) {
	for _, class := range c.Classes() {
		first := len(rows)
		for _, n := range c.Nodes {
			if n.Class != class {
				continue
			}
			at := place(n.At)
			i := slices.IndexFunc(rows[first:], func(r row) bool { return r.at == at })
			if i < 0 {
				rows, i = append(rows, row{class, at, nil}), len(rows)-first
			}
			rows[first+i].parts = append(rows[first+i].parts, n.Part)
		}
	}
	for i := range rows {
		if rows[i].class == "" {
			rows[i].class = "–"
		}
	}
	return rows
}

// place names positions.
func place(at []string) string {
	if len(at) == 0 {
		return "every position"
	}
	return strings.Join(at, ", ")
}

func join(parts []Part) string {
	if len(parts) == 0 {
		return "∅"
	}
	words := make([]string, len(parts))
	for i, p := range parts {
		words[i] = p.String()
	}
	return strings.Join(words, " ")
}
