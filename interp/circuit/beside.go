package circuit

import (
	"fmt"
	"math"
	"slices"

	"github.com/golens/golens/interp/graph"
)

// A Beside says which set K of other nodes is taken out beside a node v when
// its part in the circuit is measured. The zero value is v's own class.
type Beside struct {
	// Of are sets for single nodes; nil leaves all to the rule.
	Of map[graph.Part][]graph.Part
	// Cumulative are the classes whose nodes stand in for each other in order:
	// K is the nodes of the class before v.
	Cumulative []string
	// Too are classes that are taken out too with a node of a class, such as those
	// that hold it back.
	Too map[string][]string
	// Best also tries the empty set, every other node by itself, v's own class,
	// and every other class with and without it, and keeps the largest change.
	// That is biased upwards.
	Best bool
}

// K is the rule's set for a node of a circuit.
func (b Beside) K(c *Circuit, n Node) []graph.Part {
	if k, given := b.Of[n.Part]; given {
		return except(k, n.Part)
	}
	class := c.Of(n.Class)
	if slices.Contains(b.Cumulative, n.Class) {
		class = class[:slices.Index(class, n.Part)]
	}
	k := except(class, n.Part)
	for _, other := range b.Too[n.Class] {
		k = append(k, except(c.Of(other), n.Part)...)
	}
	return k
}

// sets are all that are tried for a node, the rule's first.
func (b Beside) sets(c *Circuit, n Node) [][]graph.Part {
	sets := [][]graph.Part{b.K(c, n)}
	if !b.Best {
		return sets
	}
	own := except(c.Of(n.Class), n.Part)
	sets = append(sets, nil, own)
	for _, p := range except(c.Parts(), n.Part) {
		sets = append(sets, []graph.Part{p})
	}
	for _, class := range c.Classes() {
		if class != n.Class {
			sets = append(sets, c.Of(class), slices.Concat(own, c.Of(class)))
		}
	}
	return sets
}

// measure measures the circuit without all sets that are tried, each with and
// without its node.
func (b Beside) measure(w *withoutSets) error {
	for v, k := range b.Of {
		if p, stranger := w.c.stranger(k); stranger && w.c.find(v) != nil {
			return fmt.Errorf("the set for %s has %s, which is no node of circuit %q", v, p, w.c.Name)
		}
	}
	var sets [][]graph.Part
	for _, n := range w.c.Nodes {
		for _, k := range b.sets(w.c, n) {
			sets = append(sets, k, with(k, n.Part))
		}
	}
	return w.measureAlone(sets)
}

// most is the set beside which a node changes most, and by how much.
func (b Beside) most(w *withoutSets, n Node) (k []graph.Part, change float64) {
	change = math.Inf(-1)
	for _, set := range b.sets(w.c, n) {
		before, after := w.alone[key(set)], w.alone[key(with(set, n.Part))]
		if d := math.Abs(meanOf(after) - meanOf(before)); d > change {
			k, change = set, d
		}
	}
	return k, change
}
