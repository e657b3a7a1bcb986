package circuit

import (
	"errors"
	"fmt"

	"github.com/golens/golens/interp/graph"
	"github.com/golens/golens/model"
	"github.com/golens/golens/model/config"
)

// EdgesOf are all edges of a model's residual stream: from the embeddings, each
// head and each MLP to every later query, key, value and MLP input and to the
// logits, 32,491 in GPT-2 small. Heads of one layer do not feed each other, and
// feed the layer's MLP unless the two run in parallel. Source: the graph of
// Hanna et al. 2024; Conmy et al. 2023 also count an edge from each head's
// queries, keys and values to its output.
func EdgesOf(m *model.Model) []Edge {
	var all []Edge
	for e := range graph.Of(m.Config()).All().ByHead() {
		all = append(all, Edge{From: e.From, To: e.To.Part, Input: e.To.Input})
	}
	return all
}

// sendersOf are all parts that write to the residual stream, as a forward pass
// meets them.
func sendersOf(c config.Config) []Part {
	all := []Part{Embed()}
	for l := range c.Layers {
		for h := range c.Heads {
			all = append(all, Head(l, h))
		}
		if !c.AttnOnly() {
			all = append(all, MLP(l))
		}
	}
	return all
}

// receiversOf are all inputs that read from it.
func receiversOf(c config.Config) []receiver {
	var all []receiver
	for l := range c.Layers {
		for h := range c.Heads {
			for _, input := range []Input{ToQuery, ToKey, ToValue} {
				all = append(all, receiver{Head(l, h), input})
			}
		}
		if !c.AttnOnly() {
			all = append(all, receiver{MLP(l), ToMLP})
		}
	}
	return append(all, receiver{Logits(), ToLogits})
}

// feeds tells whether a part has written before another one reads.
func feeds(c config.Config, from, to Part) bool {
	if c.Parallel && from.Kind == KindHead && to.Kind == KindMLP && from.Layer == to.Layer {
		return false
	}
	return from.Before(to)
}

// cuts tells whether an ablation of edges can cut what a part sends.
func (a Ablation) cuts(from, to Part) bool {
	return a.Components == Edges || from.Kind == KindHead && (to.Kind == KindHead || to.Kind == KindLogits)
}

// checkEdges finds what keeps a circuit from being tested edge by edge.
func (b *bench) checkEdges(c *Circuit) error {
	conf := b.m.Config()
	if conf.NormAt != config.NormBefore || conf.EmbedNorm {
		return fmt.Errorf("%s normalizes what is written to the residual stream (%s), so that it is no sum of what single heads write; cut nodes", b.m.Info().Name, conf.Family)
	}
	if len(c.Edges) == 0 {
		return errors.New("it has no edges; find them, or cut nodes")
	}
	for _, e := range c.Edges {
		switch {
		case !b.a.cuts(e.From, e.To):
			return fmt.Errorf("the ablation leaves the edge %s alone, no test would see it; ask for Edges", e)
		case !feeds(conf, e.From, e.To):
			return fmt.Errorf("edge %s: attention and MLP of a layer run in parallel in %s", e, conf.Family)
		}
	}
	return nil
}

// outsideEdges are the edges that are cut when a circuit is all that is left.
func (b *bench) outsideEdges(c *Circuit) []gone {
	conf := b.m.Config()
	kept := make(map[graph.Edge]bool, len(c.Edges))
	for _, e := range c.ends() {
		kept[e] = true
	}
	var list []gone
	for _, p := range b.a.parts(b.m) {
		n := c.find(p)
		if n == nil && p.Kind != KindEmbed {
			list = append(list, gone{part: p})
			continue
		}
		var from []receiver
		for _, r := range receiversOf(conf) {
			if b.a.cuts(p, r.part) && feeds(conf, p, r.part) && !kept[graph.Edge{From: p, To: graph.Receiver{Part: r.part, Input: r.input}}] {
				from = append(from, r)
			}
		}
		if len(from) > 0 {
			list = append(list, gone{part: p, from: from})
		}
		if n != nil && len(n.At) > 0 && b.a.Positions == Listed {
			list = append(list, gone{part: p, at: n.At, rest: true})
		}
	}
	return list
}

// itself is what is gone when a circuit is taken out of the model: its nodes,
// or its edges if these are cut.
func (b *bench) itself(c *Circuit) []gone {
	if !b.a.cutsEdges() {
		return b.inside(c, c.Parts())
	}
	var list []gone
	for _, e := range c.Edges {
		g := b.inside(c, []Part{e.From})[0]
		g.from = []receiver{{e.To, e.Input}}
		list = append(list, g)
	}
	return list
}
