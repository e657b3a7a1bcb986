package edge

import (
	"fmt"
	"math"
	"slices"

	"github.com/golens/golens/model/array"
)

// A Cut says which edges of a graph are cut, and how far. Give Whole, with or without
// Places, or Share.
type Cut struct {
	Name string `json:",omitempty"` // for tables and figures

	// Whole has a bit for each pair of receiver r and sender s, number
	// r*len(Senders)+s, the lowest bit of a word first: set where the edge is cut
	// everywhere and altogether.
	Whole []uint64 `json:",omitempty"`

	// Places are edges that are cut at some positions too.
	Places []Places `json:",omitempty"`

	// Share is how much of each edge is cut, from 0 to 1: [receiver, sender], or
	// [pos, receiver, sender], or [batch, pos, receiver, sender].
	Share *array.Array `json:",omitempty"`
}

// Places are edges of one sender that are cut altogether at some positions.
type Places struct {
	Sender    int
	Receivers []int   `json:",omitempty"` // nil: all that it feeds
	At        [][]int // positions of each row of the batch, from 0
}

// into tells whether the edge from the sender to a receiver is among them.
func (p Places) into(receiver, sender int) bool {
	return p.Sender == sender && (p.Receivers == nil || slices.Contains(p.Receivers, receiver))
}

// Cut is an empty cut of the graph, for [Graph.Add].
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
		return c.Whole[i/64]>>(i%64)&1 == 1 || slices.ContainsFunc(c.Places, func(p Places) bool { return p.into(receiver, sender) })
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
	i := receiver*len(g.Senders) + sender
	if c.Share == nil {
		return c.Whole[i/64]>>(i%64)&1 == 0
	}
	each := len(g.Receivers) * len(g.Senders)
	for values := c.Share.Values(); i < len(values); i += each {
		if values[i] != 1 {
			return true
		}
	}
	return false
}

// Live tells of each sender whether anything comes of what it writes: whether a way that
// is not cut leads from it to the last receiver.
func (g *Graph) Live(c Cut) []bool {
	live := make([]bool, len(g.Senders))
	for r := len(g.Receivers) - 1; r >= 0; r-- {
		if first, n := g.Feeds(r); n > 0 && !slices.Contains(live[first:first+n], true) {
			continue
		}
		for s := range g.Before(r) {
			live[s] = live[s] || g.Keeps(c, r, s)
		}
	}
	return live
}

// At is how much of an edge is cut in a row of the batch at a position.
func (g *Graph) At(c Cut, row, pos, receiver, sender int) float32 {
	i := receiver*len(g.Senders) + sender
	if c.Share == nil {
		for _, p := range c.Places {
			if p.into(receiver, sender) && slices.Contains(p.At[row], pos) {
				return 1
			}
		}
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
func (c Cut) ByPosition() bool { return c.Places != nil || c.Share != nil && len(c.Share.Shape()) > 2 }

// ByRow tells whether the cut differs between rows of the batch.
func (c Cut) ByRow() bool { return c.Places != nil || c.Share != nil && len(c.Share.Shape()) > 3 }

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
		if err := g.checkPlaces(c.Places, rows, positions); err != nil {
			return err
		}
	} else {
		if c.Places != nil {
			return fmt.Errorf("places beside shares; shares by position say both")
		}
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
	c.Places = nil
	for r := range R {
		for s := g.Before(r); s < S; s++ {
			if g.Has(c, r, s) {
				return fmt.Errorf("the edge from %s to %s is cut, but the receiver reads before the sender writes", g.Senders[s], g.Receivers[r])
			}
		}
	}
	return nil
}

func (g *Graph) checkPlaces(places []Places, rows, positions int) error {
	for _, p := range places {
		if p.Sender < 0 || p.Sender >= len(g.Senders) {
			return fmt.Errorf("sender %d; there are %d", p.Sender, len(g.Senders))
		}
		if len(p.At) != rows {
			return fmt.Errorf("positions of %d rows for a batch of %d", len(p.At), rows)
		}
		for _, r := range p.Receivers {
			if r < 0 || r >= len(g.Receivers) {
				return fmt.Errorf("receiver %d; there are %d", r, len(g.Receivers))
			}
			if p.Sender >= g.Before(r) {
				return fmt.Errorf("the edge from %s to %s is cut, but the receiver reads before the sender writes", g.Senders[p.Sender], g.Receivers[r])
			}
		}
		for row, at := range p.At {
			for _, pos := range at {
				if pos < 0 || pos >= positions {
					return fmt.Errorf("position %d of row %d; positions lie between 0 and %d", pos, row, positions-1)
				}
			}
		}
	}
	return nil
}
