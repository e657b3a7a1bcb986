package arch

import (
	"math"

	. "github.com/gomlx/gomlx/core/graph"

	"github.com/golens/golens/model/config"
	"github.com/golens/golens/model/hook"
)

// mlp is the MLP's output [batch, pos, d_model] from the residual stream.
func (b *builder) mlp(x *Node) *Node {
	x = b.norm(b.tap.At(hook.KindMLPIn, x), "ln2", hook.KindLN2, hook.KindLN2Norm)
	pre := b.tap.At(hook.KindPre, affine(dense(x, b.w["mlp.W_in"]), nil, b.w["mlp.b_in"]))
	post := b.tap.At(hook.KindPost, activate(b.Act, pre))
	return b.tap.At(hook.KindMLPOut, affine(dense(post, b.w["mlp.W_out"]), nil, b.w["mlp.b_out"]))
}

// activate applies an activation function of package config.
func activate(name string, x *Node) *Node {
	switch name {
	case config.ActReLU:
		return Max(x, ZerosLike(x))
	case config.ActSiLU:
		return Mul(x, Sigmoid(x))
	case config.ActGELU:
		y, _ := InternalFusedOpCaller(
			func() *Node { return BackendFusedGelu(x, true) },
			func() *Node { return Mul(MulScalar(x, 0.5), OnePlus(Erf(MulScalar(x, 1/math.Sqrt2)))) },
			true)
		return y
	default: // config.ActGELUTanh; families refuse what is not in config
		y, _ := InternalFusedOpCaller(
			func() *Node { return BackendFusedGelu(x, false) },
			func() *Node {
				cubic := MulScalar(Mul(Mul(x, x), x), 0.044715) // products, as Pow is slow
				inner := MulScalar(Add(x, cubic), math.Sqrt(2/math.Pi))
				return Mul(MulScalar(x, 0.5), OnePlus(Tanh(inner)))
			},
			true)
		return y
	}
}
