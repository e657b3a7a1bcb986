package circuit

import (
	"errors"
	"fmt"

	"github.com/golens/golens/interp/graph"
	"github.com/golens/golens/model"
	"github.com/golens/golens/model/config"
)

// EdgesOf are all edges of a model's residual stream as those of a circuit, 32,491
// in GPT-2 small: those into a key or a value that heads share once for each of the
// heads. See [graph.Of].
func EdgesOf(m *model.Model) []Edge { return named(graph.Of(m.Config()).All()) }

// named are the edges of a set, once for each head that reads.
func named(set *graph.Set) []Edge {
	var all []Edge
	for e := range set.ByHead() {
		all = append(all, Edge{From: e.From, To: e.To.Part, Input: e.To.Input})
	}
	return all
}

// checkEdges finds what keeps a circuit from being tested edge by edge.
func (k *knockOut) checkEdges(c *Circuit) error {
	conf := k.Model.Config()
	if conf.NormAt != config.NormBefore || conf.EmbedNorm {
		return fmt.Errorf("%s normalizes what is written to the residual stream (%s), so that it is no sum of what single heads write; knock out nodes", k.Model.Info().Name, conf.Family)
	}
	if len(c.Edges) == 0 {
		return errors.New("it has no edges; find them, or knock out nodes")
	}
	for _, e := range c.Edges {
		from, _ := k.graph.Sender(e.From)
		to, _ := k.graph.Receiver(e.To, e.Input)
		switch {
		case !k.cuts(e.From, e.To):
			return fmt.Errorf("%s leave the edge %s alone, no test would see it; ask for AllEdges", k.Components, e)
		case !k.graph.Has(from, to):
			return fmt.Errorf("edge %s: attention and MLP of a layer run in parallel in %s", e, conf.Family)
		}
	}
	return nil
}

// set is the edges of a circuit. Those into a key that heads share are there if any
// of the heads has them.
func (k *knockOut) set(c *Circuit) *graph.Set {
	set := k.graph.None()
	for _, e := range c.Edges {
		from, sends := k.graph.Sender(e.From)
		to, receives := k.graph.Receiver(e.To, e.Input)
		if sends && receives {
			set.Add(from, to)
		}
	}
	return set
}

// outsideEdges are the edges that are cut when a circuit is all that is left.
func (k *knockOut) outsideEdges(c *Circuit) []removal {
	kept, nodes := k.set(c), c.byPart()
	var list []removal
	for _, p := range k.parts(k.Model.Config()) {
		n := nodes[p]
		if n == nil && p.Kind != graph.EmbedPart {
			list = append(list, removal{part: p})
			continue
		}
		sender, _ := k.graph.Sender(p)
		var from []int
		for r, to := range k.graph.Receivers {
			if k.cuts(p, to.Part) && k.graph.Has(sender, r) && !kept.Has(sender, r) {
				from = append(from, r)
			}
		}
		if len(from) > 0 {
			list = append(list, removal{part: p, from: from})
		}
		if n != nil && len(n.At) > 0 && k.Where == Listed {
			list = append(list, removal{part: p, at: n.At, rest: true})
		}
	}
	return list
}

// insideEdges are the edges that are cut when a circuit is taken out of the model.
func (k *knockOut) insideEdges(c *Circuit) []removal {
	var list []removal
	for sender, r := range k.set(c).Edges() {
		one := k.inside(c, k.graph.Senders[sender:sender+1])[0]
		one.from = []int{r}
		list = append(list, one)
	}
	return list
}
