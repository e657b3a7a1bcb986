// Package edge names the edges of a transformer's residual stream: from each
// part that writes to it, a sender, to each part that reads it, a receiver.
//
// Senders are the embedding, each head and each MLP; receivers are the queries
// of each head, the keys and values of each key-value head, the input of each
// MLP, and the stream after the last block. Both are [hook.Point] values, in the
// order in which a forward pass meets them, and every array over edges has the
// axes [receiver, sender] in that order. GPT-2 small has 32,491 edges.
//
// Source: the graph of Hanna et al. 2024 (EAP-IG), section 2; keys and values of
// grouped queries are receivers per key-value head, where theirs are copied for
// every query head.
package edge

import (
	"fmt"

	"github.com/golens/golens/model/config"
	"github.com/golens/golens/model/hook"
)

// A Graph is the senders and receivers of a model.
type Graph struct {
	Senders   []hook.Point // embedding, then of each layer its heads and its MLP
	Receivers []hook.Point // of each layer queries, keys, values and the MLP's input, then the final residual stream

	c config.Config
}

// Of is the graph of a model. A model that normalizes the stream itself has none,
// since there the stream is no sum of what parts write.
func Of(c config.Config) (*Graph, error) {
	if c.NormAt == config.NormOnSum {
		return nil, fmt.Errorf("%s normalizes the residual stream after each sum, so that it is no sum of what its parts write: it has no edges", c.Family)
	}
	if c.NormAt != config.NormBefore && c.Norm == config.NormLayer {
		return nil, fmt.Errorf("%s puts a LayerNorm behind its heads, whose shift belongs to no single head: it has no edges", c.Family)
	}
	g := &Graph{c: c, Senders: []hook.Point{hook.Embed()}}
	for l := range c.Layers {
		for h := range c.Heads {
			g.Senders = append(g.Senders, hook.HeadResult(l).Head(h))
			g.Receivers = append(g.Receivers, hook.QInput(l).Head(h))
		}
		for _, in := range []hook.Point{hook.KInput(l), hook.VInput(l)} {
			for h := range c.KVHeads {
				g.Receivers = append(g.Receivers, in.Head(h))
			}
		}
		if !c.AttnOnly() {
			g.Senders = append(g.Senders, hook.MLPOut(l))
			g.Receivers = append(g.Receivers, hook.MLPIn(l))
		}
	}
	g.Receivers = append(g.Receivers, hook.ResidPost(c.Layers-1))
	return g, nil
}

// Edges is how many edges there are.
func (g *Graph) Edges() int {
	n := 0
	for r := range g.Receivers {
		n += g.Before(r)
	}
	return n
}

// Before is how many senders have written when a receiver reads. They are the
// first of [Graph.Senders].
func (g *Graph) Before(receiver int) int {
	p := g.Receivers[receiver]
	switch {
	case receiver == len(g.Receivers)-1:
		return len(g.Senders)
	case p.Kind == hook.KindMLPIn && !g.c.Parallel:
		return 1 + p.Layer*g.Writes() + g.c.Heads
	}
	return 1 + p.Layer*g.Writes()
}

// Feeds are the senders that make what they write of what a receiver reads: n from the
// first on, none of the last receiver.
func (g *Graph) Feeds(receiver int) (first, n int) {
	p := g.Receivers[receiver]
	if receiver == len(g.Receivers)-1 {
		return 0, 0
	}
	first = 1 + p.Layer*g.Writes()
	switch p.Kind {
	case hook.KindMLPIn:
		return first + g.c.Heads, 1
	case hook.KindQInput:
		return first + p.Heads[0], 1
	}
	n = g.c.Heads / g.c.KVHeads
	return first + p.Heads[0]*n, n
}

// Writes is how many senders a layer has.
func (g *Graph) Writes() int {
	if g.c.AttnOnly() {
		return g.c.Heads
	}
	return g.c.Heads + 1
}

// Reads is how many receivers a layer has: receivers l*Reads..(l+1)*Reads-1 are
// those of layer l.
func (g *Graph) Reads() int { return (len(g.Receivers) - 1) / g.c.Layers }

// Sender is the index of a sender, or -1.
func (g *Graph) Sender(p hook.Point) int { return index(g.Senders, p) }

// Receiver is the index of a receiver, or -1.
func (g *Graph) Receiver(p hook.Point) int { return index(g.Receivers, p) }

func index(list []hook.Point, p hook.Point) int {
	for i := range list {
		if list[i].Equal(p) {
			return i
		}
	}
	return -1
}

// SenderNames are short names of the senders, such as "embed", "a0.h1" and "m0",
// as EAP-IG writes them.
func (g *Graph) SenderNames() []string { return names(g.Senders) }

// ReceiverNames are short names of the receivers, such as "a0.h1<q>", "m0" and
// "logits". Keys and values are numbered by key-value head.
func (g *Graph) ReceiverNames() []string { return names(g.Receivers) }

func names(points []hook.Point) []string {
	all := make([]string, len(points))
	for i, p := range points {
		switch p.Kind {
		case hook.KindEmbed:
			all[i] = "embed"
		case hook.KindResidPost:
			all[i] = "logits"
		case hook.KindMLPIn, hook.KindMLPOut:
			all[i] = fmt.Sprintf("m%d", p.Layer)
		default:
			all[i] = fmt.Sprintf("a%d.h%d%s", p.Layer, p.Heads[0], map[hook.Kind]string{hook.KindQInput: "<q>", hook.KindKInput: "<k>", hook.KindVInput: "<v>"}[p.Kind])
		}
	}
	return all
}
