package circuit

import (
	"fmt"
	"math"
	"slices"

	"github.com/golens/golens/interp/graph"
	"github.com/golens/golens/model"
)

// Check finds what makes no circuit, in itself or of this model; nil is any
// model.
func (c *Circuit) Check(m *model.Model) error {
	if c == nil {
		return fmt.Errorf("no circuit")
	}
	fail := func(format string, args ...any) error {
		return fmt.Errorf("circuit %q: %w", c.Name, fmt.Errorf(format, args...))
	}
	nodes := make(map[graph.Part]bool, len(c.Nodes))
	for i, n := range c.Nodes {
		switch {
		case !isNode(n.Part):
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
		if edges[e.Ends()] {
			return fail("edge %s stands there twice", e)
		}
		edges[e.Ends()] = true
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

func (e Edge) check(nodes map[graph.Part]bool) error {
	inputs := e.To.Inputs()
	switch {
	case inputs == nil:
		return fmt.Errorf("nothing leads to %s", e.To)
	case !slices.Contains(inputs, e.Input):
		return fmt.Errorf("%s has no input %q; it has %q", e.To, e.Input, inputs)
	case e.From.Kind == graph.LogitsPart || !e.From.Before(e.To):
		return fmt.Errorf("%s does not come before %s", e.From, e.To)
	case math.IsNaN(e.Effect) || math.IsInf(e.Effect, 0):
		return fmt.Errorf("the effect is %g", e.Effect)
	}
	for _, p := range []graph.Part{e.From, e.To} {
		if isNode(p) && !nodes[p] {
			return fmt.Errorf("%s is not among the nodes", p)
		}
	}
	return nil
}

// isNode tells whether a part can be a node of a circuit.
func isNode(p graph.Part) bool { return p.IsHead() || p.Kind == graph.MLPPart }
