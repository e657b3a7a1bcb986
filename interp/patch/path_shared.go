package patch

import (
	"fmt"
	"slices"

	"github.com/golens/golens/model/config"
	"github.com/golens/golens/model/hook"
)

// shared tells whether a change at a point reaches other heads than one: that of
// keys or values which query heads share, or of queries or keys that are normed as
// one vector (OLMo 2).
func shared(c config.Config, p hook.Point) bool {
	switch p.Kind {
	case hook.KindV, hook.KindVInput:
		return c.KVHeads != c.Heads
	case hook.KindK, hook.KindKInput:
		return c.KVHeads != c.Heads || c.QKNorm == config.QKNormAll
	case hook.KindQ, hook.KindQInput:
		return c.QKNorm == config.QKNormAll
	}
	return false
}

// reading are the query heads whose queries, keys or values a point is of.
func reading(c config.Config, p hook.Point) (all []int) {
	for h := range c.Heads {
		own := c.KVHead(h)
		if p.Kind == hook.KindQ || p.Kind == hook.KindQInput {
			own = h
		}
		if p.Heads == nil || slices.Contains(p.Heads, own) {
			all = append(all, h)
		}
	}
	return all
}

// touched are the query heads that a change at a point reaches.
func touched(c config.Config, p hook.Point) []int {
	if values := p.Kind == hook.KindV || p.Kind == hook.KindVInput; c.QKNorm == config.QKNormAll && !values {
		return upTo(c.Heads)
	}
	return reading(c, p)
}

// readers are the query heads that read what arrives at a receiver.
func (p Paths) readers(c config.Config, receiver int) []int {
	if receiver < len(p.Readers) && p.Readers[receiver] != nil {
		return p.Readers[receiver]
	}
	return touched(c, p.Receivers[receiver])
}

// checkReaders finds readers that do not read, and receivers of one group that
// could not be told apart if they received together: heads that read no new key
// are held as they were, and so cannot read a new query or value.
func (p Paths) checkReaders(c config.Config) error {
	if p.Readers != nil && len(p.Readers) != len(p.Receivers) {
		return fmt.Errorf("readers are given for %d of %d receivers; give them for each, or none", len(p.Readers), len(p.Receivers))
	}
	for i, r := range p.Receivers {
		if i < len(p.Readers) && p.Readers[i] != nil && !shared(c, r) {
			return fmt.Errorf("receiver %s is read by its own head alone; leave its Readers out", r)
		}
		if !shared(c, r) {
			continue
		}
		for _, h := range p.readers(c, i) {
			if of := reading(c, r); i < len(p.Readers) && p.Readers[i] != nil && !slices.Contains(of, h) {
				return fmt.Errorf("head %d.%d does not read %s; heads %s do", r.Layer, h, r, dotted(r.Layer, of))
			}
		}
		if p.Apart {
			continue
		}
		held := p.held(c, upTo(len(p.Receivers)))
		for _, h := range held[r.Layer] {
			if slices.Contains(p.readers(c, i), h) {
				return fmt.Errorf("head %d.%d reads %s, and is held because it does not read another receiver of its group; take the receivers Apart", r.Layer, h, r)
			}
		}
		for _, q := range p.Receivers {
			if q.Layer == r.Layer && (q.Kind == hook.KindQ || q.Kind == hook.KindQInput) {
				for _, h := range held[q.Layer] {
					if q.Heads == nil || slices.Contains(q.Heads, h) {
						return fmt.Errorf("head %d.%d receives a query, and is held because it does not read %s; take the receivers Apart", q.Layer, h, r)
					}
				}
			}
		}
	}
	return nil
}

// held are the heads of each layer that receivers which receive together would
// reach, and that read none of them.
func (p Paths) held(c config.Config, receivers []int) map[int][]int {
	held := map[int][]int{}
	for _, i := range receivers {
		r := p.Receivers[i]
		if !shared(c, r) {
			continue
		}
		for _, h := range touched(c, r) {
			reads := slices.ContainsFunc(receivers, func(k int) bool {
				return p.Receivers[k].ID == r.ID && slices.Contains(p.readers(c, k), h)
			})
			if !reads && !slices.Contains(held[r.Layer], h) {
				held[r.Layer] = append(held[r.Layer], h)
			}
		}
	}
	return held
}
