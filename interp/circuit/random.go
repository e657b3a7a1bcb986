package circuit

import (
	"fmt"
	"math/rand/v2"

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
		if n.Part.Kind == KindMLP {
			n.Part, blocks = MLP(blocks[0]), blocks[1:]
		} else {
			n.Part, order = Head(order[0]/conf.Heads, order[0]%conf.Heads), order[1:]
		}
		c.Nodes = append(c.Nodes, n)
	}
	return c
}

// draws are several random circuits.
func draws(m *model.Model, like *Circuit, n int, seed uint64) []*Circuit {
	rng := newRand(seed)
	var all []*Circuit
	for range n {
		all = append(all, draw(m, like, rng))
	}
	return all
}

// draws are random circuits as the ablation tests them: if it cuts edges, with as
// many between their nodes as the circuit has, or all if there are fewer.
func (b *bench) draws(like *Circuit, n int, seed uint64) []*Circuit {
	all := draws(b.m, like, n, seed)
	if !b.a.cutsEdges() {
		return all
	}
	rng := newRand(seed)
	possible := EdgesOf(b.m)
	for _, c := range all {
		for _, e := range possible {
			in := func(p Part) bool { return p.Kind == KindEmbed || p.Kind == KindLogits || c.find(p) != nil }
			if b.a.cuts(e.From, e.To) && in(e.From) && in(e.To) {
				c.Edges = append(c.Edges, e)
			}
		}
		rng.Shuffle(len(c.Edges), func(i, j int) { c.Edges[i], c.Edges[j] = c.Edges[j], c.Edges[i] })
		c.Edges = c.Edges[:min(len(like.Edges), len(c.Edges))]
	}
	return all
}

// random are what is gone in random circuits, or when they are.
func (b *bench) random(like *Circuit, n int, seed uint64) [][]gone {
	var all [][]gone
	for _, c := range b.draws(like, n, seed) {
		if b.a.Side == Removed {
			all = append(all, b.itself(c))
		} else {
			all = append(all, b.outside(c))
		}
	}
	return all
}

// moved are parts of a circuit as they are in another whose nodes stand for its
// nodes one by one.
func moved(parts []Part, from, to *Circuit) []Part {
	var all []Part
	for _, p := range parts {
		for i, n := range from.Nodes {
			if n.Part == p {
				all = append(all, to.Nodes[i].Part)
			}
		}
	}
	return all
}
