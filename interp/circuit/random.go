package circuit

import (
	"fmt"
	"math/rand/v2"

	"github.com/golens/golens/model"
)

// Random draws a circuit of the same size: as many heads at each position and
// as many MLPs, all different, drawn evenly from the model. It has no classes
// and no edges.
func Random(m *model.Model, like *Circuit, seed uint64) (*Circuit, error) {
	if err := like.Check(m); err != nil {
		return nil, fmt.Errorf("random circuit: %w", err)
	}
	return draw(m, like, newRand(seed)), nil
}

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
		c.Nodes = append(c.Nodes, Node{Part: n.Part, At: n.At})
	}
	return c
}

// random are what is gone in random circuits, or when they are.
func (b *bench) random(like *Circuit, n int, seed uint64) [][]gone {
	rng := newRand(seed)
	var all [][]gone
	for range n {
		c := draw(b.m, like, rng)
		if b.a.Side == Removed {
			all = append(all, b.inside(c, c.Parts()))
		} else {
			all = append(all, b.outside(c))
		}
	}
	return all
}
