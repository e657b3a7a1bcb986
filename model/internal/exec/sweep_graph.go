package exec

import (
	"fmt"

	. "github.com/gomlx/gomlx/core/graph"

	"github.com/golens/golens/model/config"
	"github.com/golens/golens/model/internal/arch"
)

// form is which inputs a block's graph has beside the residual stream.
type form struct {
	live, past, queries, z, attn, mlp bool
}

func (f form) name() string { return fmt.Sprintf("suffix %+v", f) }

// inputs is how many inputs lead the graph's.
func (f form) inputs(c config.Config) int {
	n := 1
	rotary := 0
	if c.Position == config.PosRotary {
		rotary = 2
	}
	if f.live {
		n += 1 + rotary
		if f.past {
			n += 2
		}
		if f.queries {
			n += 1 + rotary
		}
	}
	for _, given := range []bool{f.z, f.attn, f.mlp} {
		if given {
			n++
		}
	}
	return n
}

// around names the inputs after the residual stream, in the order in which
// work.args gives them.
func (f form) around(c config.Config, in []*Node) (a arch.Around) {
	next := func() *Node { x := in[0]; in = in[1:]; return x }
	if f.live {
		a.Mask = next()
		rotary := c.Position == config.PosRotary
		if rotary {
			a.Cos, a.Sin = next(), next()
		}
		if f.past {
			a.PastK, a.PastV = next(), next()
		}
		if f.queries {
			a.Queries = next()
			if rotary {
				a.QCos, a.QSin = next(), next()
			}
		}
	}
	if f.z {
		a.Z = next()
	}
	if f.attn {
		a.AttnOut = next()
	}
	if f.mlp {
		a.MLPOut = next()
	}
	return a
}

// suffixGraph is a block at some positions, with what came before them given.
func suffixGraph(e *Engine, t *taps, f form) graphFn {
	names := e.layerNames()
	return func(in []*Node) []*Node {
		lead, w, slots, _ := inputs(in, f.inputs(e.Config), names, t)
		t := t.begin(slots)
		x := arch.Block(e.Config, w, t, lead[0], f.around(e.Config, lead[1:]))
		return append([]*Node{x}, t.outputs()...)
	}
}

// moveGraph takes positions of the residual stream: rows of the flat x
// [batch*pos], and where fresh is false other values.
func moveGraph(fill bool) graphFn {
	return func(in []*Node) []*Node {
		x, index := in[0], in[1] // [batch, pos, d_model], [batch, new pos]
		d, q := x.Shape().Dimensions, index.Shape().Dimensions
		y := Gather(Reshape(x, d[0]*d[1], d[2]), ExpandAxes(Reshape(index, q[0]*q[1]), -1))
		y = Reshape(y, q[0], q[1], d[2])
		if fill {
			fresh, other := in[2], in[3] // [batch, new pos], [batch, new pos, d_model]
			y = Where(BroadcastToDims(ExpandAxes(fresh, -1), q[0], q[1], d[2]), y, other)
		}
		return []*Node{y}
	}
}

// unembedGraph is the unembedding of every row of x [batch, pos, d_model]: of
// some tokens of each, of all, or the final norm alone.
func unembedGraph(e *Engine, t *taps, tokens, logits bool) graphFn {
	return func(in []*Node) []*Node {
		n := 1
		if tokens {
			n = 2
		}
		lead, w, slots, _ := inputs(in, n, e.finalNames(), t)
		t := t.begin(slots)
		x := Reshape(lead[0], -1, e.Config.DModel)
		var y *Node
		switch {
		case tokens:
			y = arch.UnembedTokens(e.Config, w, t, x, lead[1])
		case logits:
			y = arch.Unembed(e.Config, w, t, x)
		default:
			arch.Normalize(e.Config, w, t, x)
			return t.outputs()
		}
		return append([]*Node{y}, t.outputs()...)
	}
}
