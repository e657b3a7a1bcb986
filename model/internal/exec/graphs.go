package exec

import (
	"slices"

	. "github.com/gomlx/gomlx/core/graph"

	"github.com/golens/golens/model/config"
	"github.com/golens/golens/model/internal/arch"
)

// graphFn builds a graph from its inputs, in the order in which run gives them.
type graphFn = func(in []*Node) []*Node

// inputs cuts a graph's inputs into n leading ones, the named weights, the
// slots' values and the coefficients of linear metrics.
func inputs(in []*Node, n int, names []string, t *taps) (lead []*Node, w arch.Nodes, slots, cots []*Node) {
	w = arch.Nodes{}
	lead, in = in[:n], in[n:]
	for i, name := range names {
		w[name] = in[i]
	}
	in = in[len(names):]
	return lead, w, in[:t.inputs()], in[t.inputs():]
}

// embedGraph is tokens to resid_pre of layer 0.
func embedGraph(e *Engine, t *taps) graphFn {
	return func(in []*Node) []*Node {
		lead, w, slots, _ := inputs(in, 1, e.embedNames(), t)
		t := t.begin(slots)
		x := arch.Embed(e.Config, w, t, lead[0], nil)
		return append([]*Node{x}, t.outputs()...)
	}
}

// blockGraph is resid_pre to resid_post and what is read between them.
func blockGraph(e *Engine, t *taps) graphFn {
	names := e.layerNames()
	return func(in []*Node) []*Node {
		lead, w, slots, _ := inputs(in, e.blockInputs(), names, t)
		t := t.begin(slots)
		x := arch.Block(e.Config, w, t, lead[0], around(lead))
		return append([]*Node{x}, t.outputs()...)
	}
}

// blockInputs is how many inputs lead a block's graph: the residual stream, the
// mask and, if positions rotate, cosines and sines.
func (e *Engine) blockInputs() int {
	if e.Config.Position == config.PosRotary {
		return 4
	}
	return 2
}

// around is what follows the residual stream.
func around(lead []*Node) arch.Around {
	a := arch.Around{Mask: lead[1]}
	if len(lead) > 3 {
		a.Cos, a.Sin = lead[2], lead[3]
	}
	return a
}

// embedBackGraph is the way back through the embedding: from tokens and the
// gradients of resid_pre of layer 0 to those of the points asked for. above
// tells which metrics have one.
func embedBackGraph(e *Engine, t *taps, above []bool) graphFn {
	return func(in []*Node) []*Node {
		lead, w, slots, cots := inputs(in, 1+count(above), e.embedNames(), t)
		t := t.begin(slots)
		x := arch.Embed(e.Config, w, t, lead[0], nil)
		return t.gradients(losses(x, above, lead[1:]), cots, x)
	}
}

// outputs are the nodes read.
func (t *taps) outputs() []*Node {
	var out []*Node
	for _, at := range t.reads {
		out = append(out, t.found[at])
	}
	return out
}

// backGraph is the way back through a block: from resid_pre, the mask and the
// gradients of resid_post of those metrics that have one, to the gradients of
// resid_pre and of the points asked for. The block is computed once for all.
func backGraph(e *Engine, t *taps, above []bool) graphFn {
	names := e.layerNames()
	return func(in []*Node) []*Node {
		n := e.blockInputs()
		lead, w, slots, cots := inputs(in, n+count(above), names, t)
		t := t.begin(slots)
		x := lead[0]
		y := arch.Block(e.Config, w, t, x, around(lead[:n]))
		return t.gradients(losses(y, above, lead[n:]), cots, x)
	}
}

// losses are y times the gradients that metrics have there, nil for others.
func losses(y *Node, above []bool, grads []*Node) []*Node {
	all := make([]*Node, len(above))
	for m, has := range above {
		if has {
			all[m], grads = ReduceAllSum(Mul(y, grads[0])), grads[1:]
		}
	}
	return all
}

func count(flags []bool) int {
	n := 0
	for _, f := range flags {
		if f {
			n++
		}
	}
	return n
}

// gradients of each metric's loss, with its linear terms, with respect to x, to
// the points asked for, to what formulas read of earlier blocks and to their
// tensors. Metrics without any have none.
func (t *taps) gradients(losses, cots []*Node, x *Node) (all []*Node) {
	for i, c := range t.cots {
		term := ReduceAllSum(Mul(t.found[c.at], cots[i]))
		if losses[c.metric] != nil {
			term = Add(losses[c.metric], term)
		}
		losses[c.metric] = term
	}
	uses := [][]*Node{{x}} // one gradient is summed over all uses of one thing
	for _, at := range t.grads {
		uses = append(uses, []*Node{t.found[at]})
	}
	for _, id := range t.farRead() {
		uses = append(uses, t.fars[id])
	}
	for _, name := range t.weigh {
		uses = append(uses, t.tensors[name])
	}
	for _, loss := range losses {
		if loss == nil {
			continue
		}
		grads := Gradient(loss, slices.Concat(uses...)...)
		for _, use := range uses {
			sum := grads[0]
			for _, g := range grads[1:len(use)] {
				sum = Add(sum, g)
			}
			all, grads = append(all, sum), grads[len(use):]
		}
	}
	return all
}

// finalGraph is the unembedding of a call.
func finalGraph(e *Engine, t *taps, call finalCall, back bool) graphFn {
	return func(in []*Node) []*Node {
		lead, w, slots, cots := inputs(in, call.inputs(back), e.finalNames(), t)
		t := t.begin(slots)
		next := func() *Node { x := lead[0]; lead = lead[1:]; return x }
		x := next()
		rows := Reshape(x, -1, e.Config.DModel)
		if !call.whole {
			rows = Gather(rows, ExpandAxes(next(), -1))
		}
		var logits *Node
		switch {
		case call.tokens != nil:
			logits = arch.UnembedTokens(e.Config, w, t, rows, next())
		case call.logits:
			logits = arch.Unembed(e.Config, w, t, rows)
		default:
			arch.Normalize(e.Config, w, t, rows)
		}
		if back {
			return t.gradients(losses(logits, call.back, lead), cots, x)
		}
		out := t.outputs()
		if call.logits {
			out = append(out, logits)
		}
		return out
	}
}

// embedNames and finalNames are the weights of the two ends, those that exist.
func (e *Engine) embedNames() []string {
	return e.present("embed.W_E", "pos_embed.W_pos", "embed.ln.w", "embed.ln.b")
}

func (e *Engine) finalNames() []string {
	return e.present("head.W", "head.b", "ln_final.w", "ln_final.b", "unembed.W_U", "unembed.b_U")
}

func (e *Engine) present(names ...string) []string {
	return slices.DeleteFunc(names, func(name string) bool { return e.weights[name] == nil })
}
