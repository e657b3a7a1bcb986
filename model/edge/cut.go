package edge

import (
	"fmt"
	"math"

	"github.com/golens/golens/model/array"
)

// A Cut says which edges of a graph are cut, and how far. Give Whole or Share.
type Cut struct {
	Name string `json:",omitempty"` // for tables and figures

	// Whole has a bit for each pair of receiver r and sender s, number
	// r*len(Senders)+s, the lowest bit of a word first: set where the edge is cut
	// everywhere and altogether.
	Whole []uint64 `json:",omitempty"`

	// Share is how much of each edge is cut, from 0 to 1: [receiver, sender], or
	// [pos, receiver, sender], or [batch, pos, receiver, sender].
	Share *array.Array `json:",omitempty"`
}

// Cut is an empty cut of the graph, for [Cut.Add].
func (g *Graph) Cut(name string) Cut {
	return Cut{Name: name, Whole: make([]uint64, (len(g.Receivers)*len(g.Senders)+63)/64)}
}

// All cuts every edge: what is left is the reference.
func (g *Graph) All() Cut {
	c := g.Cut("all")
	for r := range g.Receivers {
		for s := range g.Before(r) {
			g.Add(c, r, s)
		}
	}
	return c
}

// Add cuts the edge from a sender to a receiver, by their indices.
func (g *Graph) Add(c Cut, receiver, sender int) {
	i := receiver*len(g.Senders) + sender
	c.Whole[i/64] |= 1 << (i % 64)
}

// Restore leaves the edge as it is.
func (g *Graph) Restore(c Cut, receiver, sender int) {
	i := receiver*len(g.Senders) + sender
	c.Whole[i/64] &^= 1 << (i % 64)
}

// Has tells whether any part of the edge is cut anywhere.
func (g *Graph) Has(c Cut, receiver, sender int) bool {
	i := receiver*len(g.Senders) + sender
	if c.Share == nil {
		return c.Whole[i/64]>>(i%64)&1 == 1
	}
	each := len(g.Receivers) * len(g.Senders)
	for values := c.Share.Values(); i < len(values); i += each {
		if values[i] != 0 {
			return true
		}
	}
	return false
}

// Keeps tells whether any part of the edge is left anywhere.
func (g *Graph) Keeps(c Cut, receiver, sender int) bool {
	if c.Share == nil {
		return !g.Has(c, receiver, sender)
	}
	i := receiver*len(g.Senders) + sender
	each := len(g.Receivers) * len(g.Senders)
	for values := c.Share.Values(); i < len(values); i += each {
		if values[i] != 1 {
			return true
		}
	}
	return false
}

// At is how much of an edge is cut in a row of the batch at a position.
func (g *Graph) At(c Cut, row, pos, receiver, sender int) float32 {
	i := receiver*len(g.Senders) + sender
	if c.Share == nil {
		return float32(c.Whole[i/64] >> (i % 64) & 1)
	}
	shape := c.Share.Shape()
	if n := len(shape); n == 4 {
		i += (row*shape[1] + pos) * len(g.Receivers) * len(g.Senders)
	} else if n == 3 {
		i += pos * len(g.Receivers) * len(g.Senders)
	}
	return c.Share.Values()[i]
}

// ByPosition and ByRow tell whether a cut differs between positions, and between
// rows.
func (c Cut) ByPosition() bool { return c.Share != nil && len(c.Share.Shape()) > 2 }

// ByRow tells whether the cut differs between rows of the batch.
func (c Cut) ByRow() bool { return c.Share != nil && len(c.Share.Shape()) > 3 }

// Check finds what is wrong with a cut for a batch of rows of at most so many
// positions.
func (g *Graph) Check(c Cut, rows, positions int) error {
	R, S := len(g.Receivers), len(g.Senders)
	if (c.Whole == nil) == (c.Share == nil) {
		return fmt.Errorf("give either whole edges or shares of them")
	}
	if c.Share == nil {
		if want := (R*S + 63) / 64; len(c.Whole) != want {
			return fmt.Errorf("%d words of edges; %d receivers and %d senders take %d", len(c.Whole), R, S, want)
		}
	} else {
		if err := c.Share.Err(); err != nil {
			return err
		}
		want := []int{rows, positions, R, S}
		shape := c.Share.Shape()
		ok := len(shape) >= 2 && len(shape) <= 4
		for i := range shape {
			ok = ok && shape[len(shape)-1-i] == want[3-i]
		}
		if !ok {
			return fmt.Errorf("shares have shape %v; [batch, pos, receiver, sender] is %v here, of which the first two may be left out", shape, want)
		}
		for _, v := range c.Share.Values() {
			if !(v >= 0 && v <= 1) || math.IsInf(float64(v), 0) {
				return fmt.Errorf("a share of %g; shares lie between 0 and 1", v)
			}
		}
	}
	for r := range R {
		for s := g.Before(r); s < S; s++ {
			if g.Has(c, r, s) {
				return fmt.Errorf("the edge from %s to %s is cut, but the receiver reads before the sender writes", g.Senders[s], g.Receivers[r])
			}
		}
	}
	return nil
}
