package graph

import (
	"iter"
	"math/bits"
	"slices"

	"github.com/golens/golens/model/edge"
)

// A Set is some edges of a graph, a bit for each. Methods other than Add and
// Remove leave it as it is.
type Set struct {
	*Graph
	words []uint64 // a bit for each receiver and sender, as in edge.Cut
}

// None is the set of no edges.
func (g *Graph) None() *Set { return &Set{g, make([]uint64, (len(g.Receivers)*len(g.Senders)+63)/64)} }

// All is the set of all edges.
func (g *Graph) All() *Set {
	all := g.None()
	for r := range g.Receivers {
		for s := range g.Senders {
			if g.Has(s, r) {
				all.Add(s, r)
			}
		}
	}
	return all
}

func (s *Set) bit(sender, receiver int) (word *uint64, bit uint64) {
	i := receiver*len(s.Senders) + sender
	return &s.words[i/64], 1 << (i % 64)
}

// Add puts an edge in. What is no edge of the graph stays out.
func (s *Set) Add(sender, receiver int) {
	if s.Graph.Has(sender, receiver) {
		word, bit := s.bit(sender, receiver)
		*word |= bit
	}
}

// Remove takes an edge out.
func (s *Set) Remove(sender, receiver int) {
	if s.Has(sender, receiver) {
		word, bit := s.bit(sender, receiver)
		*word &^= bit
	}
}

// Has tells whether an edge is in the set.
func (s *Set) Has(sender, receiver int) bool {
	if sender < 0 || sender >= len(s.Senders) || receiver < 0 || receiver >= len(s.Receivers) {
		return false
	}
	word, bit := s.bit(sender, receiver)
	return *word&bit != 0
}

// Len is the number of edges in the set.
func (s *Set) Len() int {
	n := 0
	for _, w := range s.words {
		n += bits.OnesCount64(w)
	}
	return n
}

// Edges are the edges in the set, by receivers and then by senders.
func (s *Set) Edges() iter.Seq2[int, int] {
	return func(yield func(sender, receiver int) bool) {
		for r := range s.Receivers {
			for sender := range s.Into(r) {
				if !yield(sender, r) {
					return
				}
			}
		}
	}
}

// Into are the senders whose edges to a receiver are in the set.
func (s *Set) Into(receiver int) iter.Seq[int] {
	return func(yield func(sender int) bool) {
		for sender := range s.Senders {
			if s.Has(sender, receiver) && !yield(sender) {
				return
			}
		}
	}
}

// ByHead are the edges in the set, those into a shared key or value once for each
// head that reads it.
func (s *Set) ByHead() iter.Seq[Edge] {
	return func(yield func(Edge) bool) {
		for sender, r := range s.Edges() {
			for _, p := range s.Sharing(r) {
				if !yield(Edge{s.Senders[sender], Receiver{p, s.Receivers[r].Input}}) {
					return
				}
			}
		}
	}
}

// Clone is a copy.
func (s *Set) Clone() *Set { return &Set{s.Graph, slices.Clone(s.words)} }

// Rest is the other edges of the graph.
func (s *Set) Rest() *Set {
	rest := s.All()
	for i, w := range s.words {
		rest.words[i] &^= w
	}
	return rest
}

// Cut cuts every edge that is not in the set, for a run in which the set is all
// that is left. Edges inside heads are never cut so.
func (s *Set) Cut(name string) edge.Cut {
	rest := s.Rest()
	if s.inside {
		for r := range s.Receivers {
			for sender := range rest.Into(r) {
				if s.within(sender, r) {
					rest.Remove(sender, r)
				}
			}
		}
	}
	return edge.Cut{Name: name, Whole: rest.words}
}

// Prune is the set without what hangs in the air: heads and MLPs that no edge of
// the set leads to, or that none leads away from, are left out with all their
// edges, until none is found. Source: EAP-IG.
func (s *Set) Prune() *Set {
	left := s.Clone()
	for {
		in, out := left.ends()
		idle := func(p Part) bool { return !in[p] || !out[p] }
		before := left.Len()
		for r := range s.Receivers {
			unread := !slices.ContainsFunc(s.Sharing(r), func(p Part) bool { return !idle(p) })
			for sender := range left.Into(r) {
				if unread || idle(s.Senders[sender]) {
					left.Remove(sender, r)
				}
			}
		}
		if left.Len() == before {
			return left
		}
	}
}

// ends tells which parts the set leads to, and which it leads away from. The
// embeddings are always led to, and the logits always led away from.
func (s *Set) ends() (in, out map[Part]bool) {
	in, out = map[Part]bool{Embed(): true}, map[Part]bool{Logits(): true}
	for r := range s.Receivers {
		led := false
		for sender := range s.Into(r) {
			if !s.within(sender, r) {
				out[s.Senders[sender]], led = true, true
			}
		}
		for _, p := range s.Sharing(r) {
			own, _ := s.Sender(p)
			if led && (!s.inside || !p.IsHead() || s.Has(own, r)) {
				in[p] = true
			}
		}
	}
	return in, out
}

// Sharing are the parts whose input a receiver is: one, or the heads that share a
// key.
func (g *Graph) Sharing(receiver int) []Part {
	r := g.Receivers[receiver]
	parts := []Part{r.Part}
	if r.Part.IsHead() {
		for h := r.Part.Index + 1; h < g.conf.Heads; h++ {
			p := Head(r.Part.Layer, h)
			if i, _ := g.Receiver(p, r.Input); i != receiver {
				break
			}
			parts = append(parts, p)
		}
	}
	return parts
}
