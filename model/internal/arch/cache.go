package arch

import (
	. "github.com/gomlx/gomlx/core/graph"
)

// A Cache is a block's keys and values, as attention uses them, of rows that
// grow by one position at a time. While a block's graph is built it takes up
// those of the positions computed, so that afterwards it is what the next call
// starts from.
type Cache struct {
	K, V *Node // [batch, kv_head, pos, d_head]; nil if the rows' first positions are computed
	Own  *Node // [batch, pos]: true at the one position that is computed; nil likewise
}

// take adds keys and values [batch, kv_head, pos, d_head], after which the cache
// has those that attention is to read.
func (c *Cache) take(k, v *Node) {
	if c.K == nil {
		c.K, c.V = k, v
		return
	}
	d := c.K.Shape().Dimensions
	own := BroadcastToDims(Reshape(c.Own, d[0], 1, d[2], 1), d...)
	c.K = Where(own, BroadcastToDims(k, d...), c.K)
	c.V = Where(own, BroadcastToDims(v, d...), c.V)
}
