package arch

import (
	"math"
	"slices"

	. "github.com/gomlx/gomlx/core/graph"

	"github.com/golens/golens/model/config"
	"github.com/golens/golens/model/hook"
)

// attention is what the attention layer adds to the residual stream
// [batch, pos, d_model], and the norm of the stream if all heads share it and
// it was computed.
func (b *builder) attention(x *Node, around Around) (out, normed *Node) {
	if around.AttnOut != nil {
		return b.tap.At(hook.KindAttnOut, around.AttnOut), nil
	}
	z := around.Z
	if z == nil {
		z, normed = b.heads(x, around)
	}
	out = b.mix(b.tap.At(hook.KindZ, z))
	out = b.normOutput(out, "ln1", "ln1_post", [4]hook.Kind{hook.KindLN1, hook.KindLN1Norm, hook.KindLN1Post, hook.KindLN1PostNorm})
	return b.tap.At(hook.KindAttnOut, out), normed
}

// heads is each head's mixed values [batch, pos, head, d_head], and the norm of
// the residual stream.
func (b *builder) heads(x *Node, around Around) (z, normed *Node) {
	q, k, v, normed := b.queriesKeysValues(x, around)
	q, k, v = b.tap.At(hook.KindQ, q), b.tap.At(hook.KindK, k), b.tap.At(hook.KindV, v)
	q, k = b.normHeads(q, "attn.q_norm"), b.normHeads(k, "attn.k_norm")
	turned := k
	if b.Position == config.PosRotary {
		qCos, qSin := around.Cos, around.Sin
		if around.Queries != nil {
			qCos, qSin = around.QCos, around.QSin
		}
		q = b.tap.At(hook.KindRotQ, b.rotate(q, qCos, qSin))
		turned = b.tap.At(hook.KindRotK, b.rotate(k, around.Cos, around.Sin))
	}

	// Scores and mixing are batched products over [batch, head]: with the head
	// axis in front, both engines run them as plain matrix products.
	q = headFirst(q)
	if c := around.Cache; c != nil {
		k, v = b.keysValues(c, k, turned, v)
		k, v = b.perQuery(k, 1), b.perQuery(v, 1)
	} else {
		k, v = headFirst(b.perQuery(turned, 2)), headFirst(b.perQuery(v, 2))
	}
	past := newPast(b, around, q)
	scores := DotGeneral(q, []int{3}, []int{0, 1}, k, []int{3}, []int{0, 1})
	if past != nil {
		scores = Concatenate([]*Node{past.scores(q), scores}, -1)
	}
	scores = softCap(MulScalar(scores, b.Scale), b.AttnCap)
	visible := BroadcastToDims(ExpandAxes(around.Mask, 1), scores.Shape().Dimensions...)
	scores = Where(visible, scores, Scalar(x.Graph(), scores.DType(), math.Inf(-1)))
	scores = b.tap.At(hook.KindScores, scores)
	pattern := b.tap.At(hook.KindPattern, Softmax(scores, -1))
	if past == nil {
		return headFirst(DotGeneral(pattern, []int{3}, []int{0, 1}, v, []int{2}, []int{0, 1})), normed
	}
	own := Slice(pattern, AxisRange(), AxisRange(), AxisRange(), AxisRange(past.n))
	before := Slice(pattern, AxisRange(), AxisRange(), AxisRange(), AxisRange(0, past.n))
	z = Add(past.mix(before), DotGeneral(own, []int{3}, []int{0, 1}, v, []int{2}, []int{0, 1}))
	return headFirst(z), normed
}

// softCap bounds values smoothly; a cap of 0 bounds nothing.
func softCap(x *Node, bound float64) *Node {
	if bound == 0 {
		return x
	}
	return MulScalar(Tanh(DivScalar(x, bound)), bound)
}

// mix sums the heads' outputs: z [batch, pos, head, d_head] times W_O.
func (b *builder) mix(z *Node) *Node {
	d := z.Shape().Dimensions
	w := b.w["attn.W_O"]
	var out *Node
	if b.tap.Reads(hook.KindResult) {
		perHead := Reshape(w, b.Heads, b.DHead, b.DModel)
		result := DotGeneral(z, []int{3}, []int{2}, perHead, []int{1}, []int{0}) // [head, batch, pos, d_model]
		if t, is := b.tap.(HeadFirst); is && t.Wrote(result) {
			return affine(ReduceSum(result, 0), nil, b.w["attn.b_O"])
		}
		result = b.tap.At(hook.KindResult, TransposeAllAxes(result, 1, 2, 0, 3))
		if b.tap.Writes(hook.KindResult) {
			out = ReduceSum(result, 2)
		}
	}
	if out == nil {
		out = dense(Reshape(z, d[0], d[1], b.Heads*b.DHead), w)
	}
	return affine(out, nil, b.w["attn.b_O"])
}

// queriesKeysValues reads the residual stream, and gives also the norm that all
// heads share. Only if somebody changes what
// single heads read does each head get a copy of its own.
func (b *builder) queriesKeysValues(x *Node, around Around) (q, k, v, shared *Node) {
	in := x // [batch, pos, d_model], or [batch, pos, head, d_model]
	if b.tap.Reads(hook.KindAttnIn) {
		if split := b.tap.At(hook.KindAttnIn, perHead(x, b.Heads)); b.tap.Writes(hook.KindAttnIn) {
			in = split
		}
	}
	project := func(kind hook.Kind, weight, bias string, heads int) *Node {
		y, w := in, b.w[weight]
		perHeads := func(y *Node, axis int) *Node { // [head, batch, pos, d_head]
			y = b.again().normInput(y, "ln1", hook.KindLN1, hook.KindLN1Norm)
			return DotGeneral(y, []int{3}, []int{axis}, Reshape(w, b.DModel, heads, b.DHead), []int{0}, []int{1})
		}
		choose := func(x *Node) *Node { return x }
		if kind == hook.KindQInput {
			choose = around.Chosen
		}
		var split *Node
		if t, is := b.tap.(HeadFirst); is && y.Rank() == 3 {
			split = t.Split(kind, choose(y), heads)
		}
		if split == nil && b.tap.Reads(kind) {
			if split := b.tap.At(kind, perHead(in, heads)); b.tap.Writes(kind) {
				y = split
			}
		}
		switch {
		case split != nil:
			y = TransposeAllAxes(perHeads(split, 0), 1, 2, 0, 3)
		case y.Rank() == 4:
			y = TransposeAllAxes(perHeads(choose(y), 2), 1, 2, 0, 3)
		default:
			if shared == nil {
				shared = b.normInput(x, "ln1", hook.KindLN1, hook.KindLN1Norm)
			}
			y = dense(choose(shared), w)
			d := y.Shape().Dimensions
			y = Reshape(y, d[0], d[1], heads, b.DHead)
		}
		if bias := b.w[bias]; bias != nil {
			y = affine(y, nil, Reshape(bias, heads, b.DHead))
		}
		if b.Clip > 0 {
			y = ClipScalar(y, -b.Clip, b.Clip)
		}
		return y
	}
	q = project(hook.KindQInput, "attn.W_Q", "attn.b_Q", b.Heads)
	k = project(hook.KindKInput, "attn.W_K", "attn.b_K", b.KVHeads)
	v = project(hook.KindVInput, "attn.W_V", "attn.b_V", b.KVHeads)
	if shared == nil { // every head reads for itself, but others may want the norm
		shared = b.normInput(x, "ln1", hook.KindLN1, hook.KindLN1Norm)
	}
	return q, k, v, shared
}

// perQuery repeats keys or values, whose heads are on the given axis, for the
// query heads that share them.
func (b *builder) perQuery(x *Node, axis int) *Node {
	if b.Heads == b.KVHeads {
		return x
	}
	d := slices.Clone(x.Shape().Dimensions)
	x = ExpandAxes(x, axis+1)
	x = BroadcastToDims(x, slices.Insert(slices.Clone(d), axis+1, b.Heads/b.KVHeads)...)
	d[axis] = b.Heads
	return Reshape(x, d...)
}

// headFirst swaps pos and head: [batch, pos, head, ...] to [batch, head, pos, ...] and back.
func headFirst(x *Node) *Node { return TransposeAllAxes(x, 0, 2, 1, 3) }

// perHead repeats the residual stream along a head axis, unless it has one.
func perHead(x *Node, heads int) *Node {
	if x.Rank() == 4 {
		return x
	}
	d := x.Shape().Dimensions
	return BroadcastToDims(ExpandAxes(x, 2), d[0], d[1], heads, d[2])
}

// dense is x [..., in] times w [in, out] as one flat matrix product.
func dense(x, w *Node) *Node {
	d := append([]int(nil), x.Shape().Dimensions...)
	last := len(d) - 1
	y := Dot(Reshape(x, -1, d[last]), w).Product()
	d[last] = w.Shape().Dimensions[1]
	return Reshape(y, d...)
}
