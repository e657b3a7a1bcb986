package training

import (
	"fmt"
	"strings"

	. "github.com/gomlx/gomlx/core/graph"

	"github.com/golens/golens/model/config"
	"github.com/golens/golens/model/hook"
	"github.com/golens/golens/model/internal/arch"
)

// forward is the logits [batch*pos, vocab] of tokens [batch, pos]. The tap of a
// layer sees its hook points; nil taps see nothing.
func forward(c config.Config, w arch.Nodes, tokens *Node, tap func(layer int) arch.Tap) *Node {
	d := tokens.Shape().Dimensions
	return forwardIn(c, w, tokens, ExpandAxes(LowerTriangular(tokens.Graph(), d[1]), 0), tap)
}

// forwardIn is forward with a mask of who sees whom [1 or batch, query, key].
func forwardIn(c config.Config, w arch.Nodes, tokens, mask *Node, tap func(layer int) arch.Tap) *Node {
	d := tokens.Shape().Dimensions
	around := arch.Around{Mask: mask}
	if c.Position == config.PosRotary {
		cos, sin := arch.RotaryTables(c.Rotary, d[1])
		table := func(x []float32) *Node { return Reshape(Const(tokens.Graph(), x), d[1], c.Rotary.Dim/2) }
		around.Cos, around.Sin = table(cos), table(sin)
	}
	x := arch.Embed(c, w, arch.NoTap{}, tokens, nil)
	for l := range c.Layers {
		var t arch.Tap = arch.NoTap{}
		if tap != nil {
			t = tap(l)
		}
		x = arch.Block(c, layer(w, l), t, x, around)
	}
	return arch.Unembed(c, w, arch.NoTap{}, Reshape(x, -1, c.DModel))
}

// layer are the weights of one block by their local names.
func layer(w arch.Nodes, l int) arch.Nodes {
	local := arch.Nodes{}
	for name, node := range w {
		if rest, ok := strings.CutPrefix(name, fmt.Sprintf("blocks.%d.", l)); ok {
			local[rest] = node
		}
	}
	return local
}

// patterns notes a layer's attention pattern [batch, head, query, key].
type patterns struct {
	arch.NoTap
	pattern **Node
}

func (p patterns) At(kind hook.Kind, x *Node) *Node {
	if kind == hook.KindPattern {
		*p.pattern = x
	}
	return x
}

// losses are the negative log-likelihoods [batch, pos] of labels [batch, pos].
func losses(logits, labels *Node) *Node {
	d := labels.Shape().Dimensions
	logp := LogSoftmax(logits, -1) // [batch*pos, vocab]
	picked := Mul(logp, OneHot(Reshape(labels, -1), logits.Shape().Dimensions[1], logits.DType()))
	return Reshape(Neg(ReduceSum(picked, -1)), d...)
}
