package arch

import (
	. "github.com/gomlx/gomlx/core/graph"

	"github.com/golens/golens/model/config"
	"github.com/golens/golens/model/hook"
)

// normInput is the norm in front of a sublayer, where there is one.
func (b *builder) normInput(x *Node, name string, scale, normalized hook.Kind) *Node {
	if b.NormAt == config.NormAfter || b.NormAt == config.NormOnSum {
		return x
	}
	return b.norm(x, name, scale, normalized)
}

// normOutput is the norm on what a sublayer gave, where there is one: the
// family's only one, or the second of two.
func (b *builder) normOutput(x *Node, only, second string, kinds [4]hook.Kind) *Node {
	switch b.NormAt {
	case config.NormAfter:
		return b.norm(x, only, kinds[0], kinds[1])
	case config.NormSandwich:
		return b.norm(x, second, kinds[2], kinds[3])
	}
	return x
}

// norm applies the named norm over the last axis. Its two hook points are the
// divisor [..., 1] and the result.
func (b *builder) norm(x *Node, name string, scale, normalized hook.Kind) *Node {
	if b.Norm == config.NormNone {
		return x
	}
	w, bias := b.w[name+".w"], b.w[name+".b"]
	if b.Norm == config.NormLayer && !b.tap.Reads(scale) && !b.tap.Reads(normalized) {
		y, _ := InternalFusedOpCaller(
			func() *Node { return BackendFusedLayerNorm(x, []int{-1}, b.Eps, w, bias) },
			func() *Node {
				centered, divisor := b.center(x)
				return affine(Div(centered, divisor), w, bias)
			},
			true)
		return y
	}
	centered, divisor := b.center(x)
	y := affine(Div(centered, b.tap.At(scale, divisor)), w, bias)
	return b.tap.At(normalized, y)
}

// center is x without its mean, if the norm takes that out, and its size
// [..., 1].
func (b *builder) center(x *Node) (centered, divisor *Node) {
	if b.Norm == config.NormLayer {
		x = Sub(x, ReduceAndKeep(x, ReduceMean, -1))
	}
	square := ReduceAndKeep(Mul(x, x), ReduceMean, -1)
	return x, Sqrt(AddScalar(square, b.Eps))
}

// normHeads normalizes queries or keys [batch, pos, head, d_head], in families
// that do: each head by itself, or all together.
func (b *builder) normHeads(x *Node, name string) *Node {
	switch b.QKNorm {
	case config.QKNormHead:
		return b.rms(x, b.w[name])
	case config.QKNormLN:
		x = Sub(x, ReduceAndKeep(x, ReduceMean, -1))
		return affine(b.rms(x, b.w[name]), nil, b.w[name+"_b"])
	case config.QKNormAll:
		d := x.Shape().Dimensions
		return Reshape(b.rms(Reshape(x, d[0], d[1], d[2]*d[3]), b.w[name]), d...)
	}
	return x
}

// rms divides by the root of the mean square of the last axis.
func (b *builder) rms(x, w *Node) *Node {
	square := ReduceAndKeep(Mul(x, x), ReduceMean, -1)
	return affine(Div(x, Sqrt(AddScalar(square, b.Eps))), w, nil)
}

// affine is x*w + bias over the last axis; either may be absent.
func affine(x, w, bias *Node) *Node {
	if w != nil {
		x = Mul(x, ExpandLeftToRank(w, x.Rank()))
	}
	if bias != nil {
		x = Add(x, ExpandLeftToRank(bias, x.Rank()))
	}
	return x
}

// BackToInputs is the gradient at what each head's query, key and value read [head,
// batch, pos, d_model], queries first, from those at queries, keys and values as they are
// projected [batch, pos, head, d_head], which are given too: through the head's own
// weights and the norm of x [batch, pos, d_model] that all share.
func BackToInputs(c config.Config, w Nodes, x *Node, projected, grads []*Node) *Node {
	b := &builder{c, w, NoTap{}}
	var weights, read []*Node
	for i, of := range []string{"Q", "K", "V"} {
		m, y := Reshape(w["attn.W_"+of], b.DModel, -1, b.DHead), projected[i]
		if bias := w["attn.b_"+of]; bias != nil {
			y = Sub(y, ExpandLeftToRank(Reshape(bias, -1, b.DHead), 4))
		}
		if shift := w["ln1.b"]; shift != nil {
			y = Sub(y, ExpandLeftToRank(DotGeneral(shift, []int{0}, nil, m, []int{0}, nil), 4))
		}
		weights, read = append(weights, m), append(read, y) // what the norm's result alone gives
	}
	g, to := Concatenate(grads, 2), Concatenate(weights, 1)
	byHead := func(to *Node) *Node { return TransposeAllAxes(to, 1, 0, 2) } // as products of each head want them
	through := func(g, to *Node) *Node { return DotGeneral(g, []int{3}, []int{2}, to, []int{2}, []int{0}) }
	if b.Norm == config.NormNone || b.NormAt == config.NormAfter || b.NormAt == config.NormOnSum {
		return through(g, byHead(to))
	}
	if to = byHead(to); w["ln1.w"] != nil {
		to = Mul(to, ExpandAxes(w["ln1.w"], 0, 2))
	}
	// Of a gradient y at n, what goes on is (y - mean(y) - n mean(y n)) / size. Both means
	// are products with the head's gradient, which is small.
	centered, size := b.center(x)
	n := Div(centered, size)
	g = Div(g, ExpandAxes(size, -1))
	mean := func(y *Node) *Node { // [head, batch, pos, 1]
		return TransposeAllAxes(ReduceAndKeep(DivScalar(Mul(g, y), float64(b.DModel)), ReduceSum, -1), 2, 0, 1, 3)
	}
	y := Sub(through(g, to), Mul(ExpandAxes(n, 0), mean(Concatenate(read, 2))))
	if b.Norm == config.NormLayer {
		y = Sub(y, mean(ExpandLeftToRank(ReduceSum(to, 1), 4)))
	}
	return y
}
