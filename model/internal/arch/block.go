package arch

import (
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"

	"github.com/golens/golens/model/config"
	"github.com/golens/golens/model/hook"
)

// builder is what all parts of one graph share.
type builder struct {
	config.Config
	w   Nodes
	tap Tap
}

// again builds what is computed once more for a reader with an input of its own.
func (b *builder) again() *builder { return &builder{b.Config, b.w, again{b.tap}} }

// Around is what a block reads beside the residual stream and its weights.
type Around struct {
	Mask     *Node // [1 or batch, query, key]: true where the query sees the key
	Cos, Sin *Node // [pos, Dim/2] or [batch, pos, Dim/2] of rotary positions, nil for others

	// PastK and PastV are keys and values of earlier positions, as attention
	// uses them [lane, past, kv_head, d_head]. Rows of the batch share them in
	// lanes: row i has lane i/(batch/lanes). Past keys lead the key axis.
	PastK, PastV *Node

	// Cache, if not nil, keeps keys and values from call to call; those of the
	// positions computed join it, and the key axis is the cache's.
	Cache *Cache

	// Queries, if not nil, are the positions that the block computes, as rows of
	// the flat residual stream batch*pos [batch, query]. The others serve as keys
	// and values alone. QCos and QSin are the rotary tables of the queries.
	Queries    *Node
	QCos, QSin *Node

	// Z, AttnOut and MLPOut, if not nil, are used as they are, and what leads to
	// them is not computed.
	Z       *Node // [batch, pos, head, d_head]
	AttnOut *Node // [batch, pos, d_model]
	MLPOut  *Node // [batch, pos, d_model]
}

// Chosen are the queries' rows of x [batch, pos, ...].
func (a Around) Chosen(x *Node) *Node {
	if a.Queries == nil || x == nil {
		return x
	}
	d, q := x.Shape().Dimensions, a.Queries.Shape().Dimensions
	flat := Reshape(x, append([]int{d[0] * d[1]}, d[2:]...)...)
	return Reshape(Gather(flat, ExpandAxes(Reshape(a.Queries, q[0]*q[1]), -1)), append([]int{q[0], q[1]}, d[2:]...)...)
}

// Unchosen puts values at the queries [batch, query, ...] to where they lie among so many
// positions, with zeros elsewhere.
func (a Around) Unchosen(x *Node, pos int) *Node {
	if a.Queries == nil {
		return x
	}
	d := x.Shape().Dimensions
	rest := d[2:]
	flat := Scatter(Reshape(a.Queries, d[0]*d[1], 1), Reshape(x, append([]int{d[0] * d[1]}, rest...)...),
		shapes.Make(x.DType(), append([]int{d[0] * pos}, rest...)...), false, false)
	return Reshape(flat, append([]int{d[0], pos}, rest...)...)
}

// Block is the residual stream after one block: resid_post from resid_pre
// [batch, pos, d_model].
func Block(c config.Config, w Nodes, tap Tap, x *Node, around Around) *Node {
	b := &builder{c, w, tap}
	x = tap.At(hook.KindResidPre, x)
	attn, normed := b.attention(x, around)
	x = around.Chosen(x)
	if c.Parallel {
		return tap.At(hook.KindResidPost, Add(Add(x, attn), b.mlp(x, around.Chosen(normed), around)))
	}
	x = b.join(x, attn, "ln1", hook.KindLN1, hook.KindLN1Norm)
	if !c.AttnOnly() {
		x = tap.At(hook.KindResidMid, x)
		x = b.join(x, b.mlp(x, nil, around), "ln2", hook.KindLN2, hook.KindLN2Norm)
	}
	return tap.At(hook.KindResidPost, x)
}

// join adds what a sublayer gave to the residual stream.
func (b *builder) join(x, y *Node, name string, scale, normalized hook.Kind) *Node {
	x = Add(x, y)
	if b.NormAt == config.NormOnSum {
		x = b.norm(x, name, scale, normalized)
	}
	return x
}
