package arch

import (
	. "github.com/gomlx/gomlx/core/graph"

	"github.com/golens/golens/model/config"
)

// A Cache is a block's keys and values, as attention uses them, of rows that
// grow, by a piece or by one position at a time. While a block's graph is built it takes up
// those of the positions computed, so that afterwards it is what the next call
// starts from.
type Cache struct {
	K, V *Node // [batch, kv_head, pos, d_head]; nil if the rows' first positions are computed
	Own  *Node // [batch, pos]: true at the one position that is computed; nil if those computed follow on K and V

	// Unrotated keeps keys as they are before positions turn them. Each is turned
	// where it is read: by Cos and Sin [batch, pos, Dim/2], nil where the rows'
	// first positions are computed, which turn as they do without a cache.
	Unrotated bool
	Cos, Sin  *Node
}

// take adds keys and values [batch, kv_head, pos, d_head], after which the cache
// has those that attention is to read.
func (c *Cache) take(k, v *Node) {
	if c.K == nil {
		c.K, c.V = k, v
		return
	}
	if c.Own == nil {
		c.K, c.V = Concatenate([]*Node{c.K, k}, 2), Concatenate([]*Node{c.V, v}, 2)
		return
	}
	d := c.K.Shape().Dimensions
	own := BroadcastToDims(Reshape(c.Own, d[0], 1, d[2], 1), d...)
	c.K = Where(own, BroadcastToDims(k, d...), c.K)
	c.V = Where(own, BroadcastToDims(v, d...), c.V)
}

// keysValues adds keys and values [batch, pos, kv_head, d_head], of which turned are
// the keys as positions turn them, and gives those that attention reads [batch,
// kv_head, pos, d_head].
func (b *builder) keysValues(c *Cache, k, turned, v *Node) (keys, values *Node) {
	if !c.Unrotated {
		k = turned
	}
	c.take(headFirst(k), headFirst(v))
	switch {
	case !c.Unrotated || b.Position != config.PosRotary:
		return c.K, c.V
	case c.Cos == nil:
		return headFirst(turned), c.V
	}
	d, n := c.K.Shape().Dimensions, b.Rotary.Dim/2
	table := func(x *Node) *Node { return BroadcastToDims(Reshape(x, d[0], 1, d[2], n), d[0], d[1], d[2], n) }
	return b.turn(c.K, table(c.Cos), table(c.Sin)), c.V
}
