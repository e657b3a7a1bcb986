package circuit

import (
	"fmt"
	"math/rand/v2"

	"github.com/golens/golens/interp/graph"
	"github.com/golens/golens/model"
)

// Random draws a circuit of the same size: as many heads at each position and
// as many MLPs, all different, drawn evenly from the model. Each stands in the
// place of a node, at its positions and under its class, which says nothing of
// what it does: sets of classes are as large as those of the circuit. It has no
// edges.
func Random(m *model.Model, like *Circuit, seed uint64) (*Circuit, error) {
	if err := like.Check(m); err != nil {
		return nil, fmt.Errorf("random circuit: %w", err)
	}
	return draw(m, like, newRand(seed)), nil
}

// draw gives a circuit whose nodes stand for those of the other one by one.
func draw(m *model.Model, like *Circuit, rng *rand.Rand) *Circuit {
	conf := m.Config()
	order := rng.Perm(conf.Layers * conf.Heads)
	blocks := rng.Perm(conf.Layers)
	c := &Circuit{Name: "random, like " + like.Title(), Model: m.Info().Name, Task: like.Task, Positions: like.Positions}
	for _, n := range like.Nodes {
		if n.Part.Kind == graph.MLPPart {
			n.Part, blocks = graph.MLP(blocks[0]), blocks[1:]
		} else {
			n.Part, order = graph.Head(order[0]/conf.Heads, order[0]%conf.Heads), order[1:]
		}
		c.Nodes = append(c.Nodes, n)
	}
	return c
}

// draws are random circuits as they are tested: if edges are cut, with as many
// between their nodes as the circuit has, or all if there are fewer.
func (k *knockOut) draws(like *Circuit, n int) []*Circuit {
	rng := newRand(k.Seed)
	var all []*Circuit
	for range n {
		all = append(all, draw(k.Model, like, rng))
	}
	if !k.cutsEdges() {
		return all
	}
	rng = newRand(k.Seed)
	possible := named(k.graph.All())
	for _, c := range all {
		nodes := c.byPart()
		in := func(p graph.Part) bool { return !isNode(p) || nodes[p] != nil }
		for _, e := range possible {
			if k.cuts(e.From, e.To) && in(e.From) && in(e.To) {
				c.Edges = append(c.Edges, e)
			}
		}
		rng.Shuffle(len(c.Edges), func(i, j int) { c.Edges[i], c.Edges[j] = c.Edges[j], c.Edges[i] })
		c.Edges = c.Edges[:min(len(like.Edges), len(c.Edges))]
	}
	return all
}

// random is what is removed in random circuits, or when they are.
func (k *knockOut) random(like *Circuit, n int) [][]removal {
	var all [][]removal
	for _, c := range k.draws(like, n) {
		if k.Removed {
			all = append(all, k.itself(c))
		} else {
			all = append(all, k.outside(c))
		}
	}
	return all
}

// moved are parts of a circuit as they are in another whose nodes stand for its
// nodes one by one.
func moved(parts []graph.Part, from, to *Circuit) []graph.Part {
	var all []graph.Part
	for _, p := range parts {
		for i, n := range from.Nodes {
			if n.Part == p {
				all = append(all, to.Nodes[i].Part)
			}
		}
	}
	return all
}
