package arch

import (
	. "github.com/gomlx/gomlx/core/graph"
)

// A Cache is a block's keys and values, as attention uses them, of rows that
// grow by one position at a time. While a block's graph is built it takes up
// those of the positions computed, so that afterwards it is what the next call
// starts from.
type Cache struct {
	K, V *Node // [batch, pos, kv_head, d_head]; nil if the row's first positions are computed
	Own  *Node // [batch, pos]: true at the one position that is computed; nil likewise
}

// take adds keys and values, and gives those that attention is to read.
func (c *Cache) take(k, v *Node) (allK, allV *Node) {
	if c == nil {
		return k, v
	}
	c.K, c.V = c.put(c.K, k), c.put(c.V, v)
	return c.K, c.V
}

func (c *Cache) put(all, one *Node) *Node {
	if all == nil {
		return one
	}
	d := all.Shape().Dimensions
	own := BroadcastToDims(Reshape(c.Own, d[0], d[1], 1, 1), d...)
	return Where(own, BroadcastToDims(one, d...), all)
}
