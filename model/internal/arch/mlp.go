package arch

import (
	"math"

	. "github.com/gomlx/gomlx/core/graph"

	"github.com/golens/golens/model/config"
	"github.com/golens/golens/model/hook"
)

// mlp is what the MLP adds to the residual stream x [batch, pos, d_model].
// normed is the norm of attention, which some parallel blocks share, nil if
// attention was not computed.
func (b *builder) mlp(x, normed *Node, around Around) *Node {
	if around.MLPOut != nil {
		return b.tap.At(hook.KindMLPOut, around.MLPOut)
	}
	in := b.tap.At(hook.KindMLPIn, x)
	switch {
	case !b.SharedNorm:
		in = b.normInput(in, "ln2", hook.KindLN2, hook.KindLN2Norm)
	case b.tap.Writes(hook.KindMLPIn): // it reads something else than attention
		in = b.again().normInput(in, "ln1", hook.KindLN1, hook.KindLN1Norm)
	case normed == nil:
		in = b.normInput(in, "ln1", hook.KindLN1, hook.KindLN1Norm)
	default:
		in = normed
	}
	var gates *Node
	if b.Experts > 0 {
		gates = b.gates(in)
	}
	up := affine(dense(in, b.w["mlp.W_in"]), nil, b.w["mlp.b_in"])
	var post *Node
	if b.Gated {
		gate := b.tap.At(hook.KindPre, affine(dense(in, b.w["mlp.W_gate"]), nil, b.w["mlp.b_gate"]))
		post = Mul(Activate(b.Act, gate), b.tap.At(hook.KindPreLinear, up))
	} else {
		post = Activate(b.Act, b.tap.At(hook.KindPre, up))
	}
	if gates != nil {
		post = Mul(post, gates)
	}
	out := affine(dense(b.tap.At(hook.KindPost, post), b.w["mlp.W_out"]), nil, b.w["mlp.b_out"])
	out = b.normOutput(out, "ln2", "ln2_post", [4]hook.Kind{hook.KindLN2, hook.KindLN2Norm, hook.KindLN2Post, hook.KindLN2PostNorm})
	return b.tap.At(hook.KindMLPOut, out)
}

// Activate applies an activation function of package config.
func Activate(name string, x *Node) *Node {
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
		// x/2 (1 + tanh u) is x sigmoid(2u): one exponential, where the Go engine's tanh of a
		// value takes two and a half times as long as all of this.
		const twice, cubic = 1.5957691216057308, 0.044715 // 2 sqrt(2/π)
		return Mul(x, Sigmoid(Mul(x, AddScalar(MulScalar(Mul(x, x), twice*cubic), twice))))
	}
}
