package arch

import (
	. "github.com/gomlx/gomlx/core/graph"

	"github.com/golens/golens/model/config"
	"github.com/golens/golens/model/hook"
)

// norm applies the named norm over the last axis. Its two hook points are the
// divisor [..., 1] and the result.
func (b *builder) norm(x *Node, name string, scale, normalized hook.Kind) *Node {
	if b.Norm == config.NormNone {
		return x
	}
	w, bias := b.w[name+".w"], b.w[name+".b"]
	if !b.tap.Reads(scale) && !b.tap.Reads(normalized) {
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

// center is x without its mean, and its standard deviation [..., 1].
func (b *builder) center(x *Node) (centered, divisor *Node) {
	centered = Sub(x, ReduceAndKeep(x, ReduceMean, -1))
	variance := ReduceAndKeep(Mul(centered, centered), ReduceMean, -1)
	return centered, Sqrt(AddScalar(variance, b.Eps))
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
