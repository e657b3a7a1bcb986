package graph

import (
	"fmt"
	"math"

	"github.com/golens/golens/model/array"
	"github.com/golens/golens/model/config"
)

// An Input is what of a part an edge leads to.
type Input string

// The inputs of parts.
const (
	ToQuery  Input = "q"      // of a head
	ToKey    Input = "k"      // of a head
	ToValue  Input = "v"      // of a head
	ToMLP    Input = "mlp"    // of an MLP
	ToLogits Input = "logits" // of the unembedding
)

// Inputs are what of a part edges can lead to; the embeddings have none.
func (p Part) Inputs() []Input {
	switch p.Kind {
	case HeadPart:
		return []Input{ToQuery, ToKey, ToValue}
	case MLPPart:
		return []Input{ToMLP}
	case LogitsPart:
		return []Input{ToLogits}
	}
	return nil
}

// A Receiver is one input of a part. Of heads that share a key or a value it is
// that of the first.
type Receiver struct {
	Part  Part
	Input Input
}

// String is the receiver as "9.9 q", "mlp 3" or "logits".
func (r Receiver) String() string {
	if r.Part.IsHead() {
		return fmt.Sprintf("%s %s", r.Part, r.Input)
	}
	return r.Part.String()
}

// An Edge says that a part reads what an earlier one writes.
type Edge struct {
	From Part
	To   Receiver
}

// String is the edge as "7.3 → 9.9 q".
func (e Edge) String() string { return fmt.Sprintf("%s → %s", e.From, e.To) }

// A Graph is all senders and receivers of a model and the edges between them.
type Graph struct {
	Senders   []Part     // embeddings, heads and MLPs, as a forward pass meets them
	Receivers []Receiver // likewise; in a layer queries, keys, values, MLP

	conf      config.Config
	inside    bool // edges from a head's inputs to its output are there
	senders   map[Part]int
	receivers map[Receiver]int // also by the other heads that share it
}

// Of is the graph of the residual stream: from the embeddings, each head and each
// MLP to every later query, key, value and MLP input and to the logits. Source:
// Hanna et al. 2024.
func Of(c config.Config) *Graph { return of(c, false) }

// ACDC is [Of] with three more edges for each head: from its query, key and value
// to its output. They stand where the head, as a sender, meets its own inputs as
// receivers. Source: Conmy et al. 2023.
func ACDC(c config.Config) *Graph { return of(c, true) }

func of(c config.Config, inside bool) *Graph {
	g := &Graph{conf: c, inside: inside, senders: map[Part]int{}, receivers: map[Receiver]int{}}
	send := func(p Part) {
		g.senders[p] = len(g.Senders)
		g.Senders = append(g.Senders, p)
	}
	send(Embed())
	for l := range c.Layers {
		for _, input := range Head(l, 0).Inputs() {
			for h := range c.Heads {
				r := Receiver{Head(l, h), input}
				if input != ToQuery && h > 0 && c.KVHead(h) == c.KVHead(h-1) {
					g.receivers[r] = len(g.Receivers) - 1
				} else {
					g.receive(r)
				}
			}
		}
		for h := range c.Heads {
			send(Head(l, h))
		}
		if !c.AttnOnly() {
			g.receive(Receiver{MLP(l), ToMLP})
			send(MLP(l))
		}
	}
	g.receive(Receiver{Logits(), ToLogits})
	return g
}

func (g *Graph) receive(r Receiver) {
	g.receivers[r] = len(g.Receivers)
	g.Receivers = append(g.Receivers, r)
}

// Sender is the index of a part among the senders.
func (g *Graph) Sender(p Part) (index int, found bool) {
	index, found = g.senders[p]
	return index, found
}

// Receiver is the index of an input among the receivers. Heads that share a key
// have the same.
func (g *Graph) Receiver(p Part, input Input) (index int, found bool) {
	index, found = g.receivers[Receiver{p, input}]
	return index, found
}

// Has tells whether there is an edge between a sender and a receiver.
func (g *Graph) Has(sender, receiver int) bool {
	if sender < 0 || sender >= len(g.Senders) || receiver < 0 || receiver >= len(g.Receivers) {
		return false
	}
	from, to := g.Senders[sender], g.Receivers[receiver].Part
	if g.conf.Parallel && from.IsHead() && to.Kind == MLPPart && from.Layer == to.Layer {
		return false
	}
	return from.Before(to) || g.inside && g.within(sender, receiver)
}

// within tells whether the receiver is an input of the head that sends.
func (g *Graph) within(sender, receiver int) bool {
	from := g.Senders[sender]
	at, own := g.receivers[Receiver{from, g.Receivers[receiver].Input}]
	return from.IsHead() && own && at == receiver
}

// Edge is the edge between a sender and a receiver.
func (g *Graph) Edge(sender, receiver int) Edge {
	return Edge{g.Senders[sender], g.Receivers[receiver]}
}

// Len is the number of edges.
func (g *Graph) Len() int { return g.All().Len() }

// Scores is an array [sender, receiver] to be filled: 0 for edges, NaN for what
// is none.
func (g *Graph) Scores() *array.Array {
	senders, receivers := make([]string, len(g.Senders)), make([]string, len(g.Receivers))
	for i, p := range g.Senders {
		senders[i] = p.String()
	}
	for i, r := range g.Receivers {
		receivers[i] = r.String()
	}
	a := array.New(array.Labels("sender", senders), array.Labels("receiver", receivers))
	for s := range senders {
		for r := range receivers {
			if !g.Has(s, r) {
				a.Set(math.NaN(), s, r)
			}
		}
	}
	return a
}
