package circuit

import (
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/golens/golens/interp/graph"
	"github.com/golens/golens/model"
)

// A Match says what random circuits share with the circuit beside the number of
// their heads at each position.
type Match int

const (
	// ByLayer draws each head from the layer of the one whose place it takes, as
	// far as the layer has others. What a circuit could do by chance hangs on where
	// in the model it is: late heads speak, early ones hardly ever.
	ByLayer Match = iota
	// Anywhere draws heads from all layers, so that random circuits recover less.
	Anywhere
)

// String names the choice.
func (m Match) String() string {
	if m == Anywhere {
		return "from any layer"
	}
	return "from the same layers"
}

// Random draws a circuit of the same size: as many heads at each position, of the
// same layers unless match says otherwise, and as many MLPs of any layers, all
// different, drawn evenly. Each stands in the place of a node, at its positions
// and under its class, which says nothing of what it does: sets of classes are as
// large as those of the circuit. It has no edges.
func Random(m *model.Model, like *Circuit, match Match, seed uint64) (*Circuit, error) {
	if err := like.Check(m); err != nil {
		return nil, fmt.Errorf("random circuit: %w", err)
	}
	return draw(m, like, match, newRand(seed)), nil
}

// draw gives a circuit whose nodes stand for those of the other one by one, and
// which is another one if there is any.
func draw(m *model.Model, like *Circuit, match Match, rng *rand.Rand) *Circuit {
	const tries = 100 // in small models nearly all draws may be the circuit itself
	var c *Circuit
	for range tries {
		if c = drawAny(m, like, match, rng); !c.same(like) {
			break
		}
	}
	return c
}

func drawAny(m *model.Model, like *Circuit, match Match, rng *rand.Rand) *Circuit {
	conf := m.Config()
	pools := make([][]graph.Part, 1) // heads in random order: all, or by layer
	for _, i := range rng.Perm(conf.Layers * conf.Heads) {
		pools[0] = append(pools[0], graph.Head(i/conf.Heads, i%conf.Heads))
	}
	pool := func(int) int { return 0 }
	if match == ByLayer {
		all := pools[0]
		pools, pool = make([][]graph.Part, conf.Layers), func(layer int) int { return layer }
		for _, p := range all {
			pools[p.Layer] = append(pools[p.Layer], p)
		}
	}
	blocks := rng.Perm(conf.Layers)
	c := &Circuit{Name: "random, like " + like.Title(), Model: m.Info().Name, Task: like.Task, Positions: like.Positions}
	for _, n := range like.Nodes {
		if n.Part.Kind == graph.MLPPart {
			n.Part, blocks = graph.MLP(blocks[0]), blocks[1:]
		} else {
			i := pool(n.Part.Layer)
			n.Part, pools[i] = pools[i][0], pools[i][1:]
		}
		c.Nodes = append(c.Nodes, n)
	}
	return c
}

// same tells whether two circuits have the same nodes at the same positions.
func (c *Circuit) same(other *Circuit) bool {
	for _, n := range c.Nodes {
		if o := other.find(n.Part); o == nil || !slices.Equal(n.At, o.At) {
			return false
		}
	}
	return len(c.Nodes) == len(other.Nodes)
}

// draws are random circuits as they are tested: if edges are cut, with as many
// between their nodes as the circuit has, or all if there are fewer.
func (k *knockOut) draws(like *Circuit, n int) []*Circuit {
	rng := newRand(k.Seed)
	var all []*Circuit
	for range n {
		all = append(all, draw(k.Model, like, k.Match, rng))
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
