package exec

import (
	"fmt"
	"slices"

	. "github.com/gomlx/gomlx/core/graph"

	"github.com/golens/golens/model/config"
	"github.com/golens/golens/model/hook"
	"github.com/golens/golens/model/internal/arch"
)

// graphFn builds a graph from its inputs, in the order in which they are given.
type graphFn = func(in []*Node) []*Node

// inputs cuts a graph's inputs into n leading ones, the named weights, the
// slots' values and the coefficients of linear metrics.
func inputs(in []*Node, n int, names []string, t *taps) (lead []*Node, w arch.Nodes, slots, linears []*Node) {
	w = arch.Nodes{}
	lead, in = in[:n], in[n:]
	for i, name := range names {
		w[name] = in[i]
	}
	in = in[len(names):]
	return lead, w, in[:t.inputs()], in[t.inputs():]
}

// embedding is what the embedding of a chunk is given.
type embedding struct{ placed bool } // rows begin at other positions than 0

func (m embedding) name() string { return fmt.Sprintf("embed placed=%t", m.placed) }

func (m embedding) graph(e *Engine, t *taps) graphFn {
	return func(in []*Node) []*Node {
		lead, w, slots, _ := inputs(in, m.inputs(), e.names.embed, t)
		t := t.begin(slots)
		x := m.build(e, w, t, lead)
		return append([]*Node{x}, t.outputs()...)
	}
}

func (m embedding) inputs() int {
	if m.placed {
		return 2
	}
	return 1
}

func (m embedding) build(e *Engine, w arch.Nodes, t *taps, lead []*Node) *Node {
	var places *Node
	if m.placed {
		places = lead[1]
	}
	return arch.Embed(e.Config, w, t, lead[0], places)
}

// back is the way back through the embedding: from the gradients of resid_pre of
// layer 0 to those of the points asked for. above tells which metrics have one.
func (m embedding) back(e *Engine, t *taps, above []bool) graphFn {
	return func(in []*Node) []*Node {
		n := m.inputs()
		lead, w, slots, linears := inputs(in, n+count(above), e.names.embed, t)
		t := t.begin(slots)
		x := m.build(e, w, t, lead)
		return t.gradients(losses(x, above, lead[n:]), linears, x)
	}
}

// form is which inputs a block's graph has beside the residual stream.
type form struct {
	attends, past, queries bool // attention is computed; after a past; for some queries alone
	z, attn, mlp           bool // given
	cache                  cacheForm
	window                 bool // the cache's keys are turned where they are read
	ends                   bool // nothing reads the residual stream behind it
}

// cacheForm is how a block's graph keeps keys and values.
type cacheForm int

const (
	noCache     cacheForm = iota
	newCache              // gives those of rows' first positions
	longerCache           // is given those of all positions before, and gives all
	grownCache            // is given a cache, and gives it with a position more in each row
)

func (f form) name() string { return fmt.Sprintf("block %+v", f) }

// inputs is how many inputs lead the graph's.
func (f form) inputs(c config.Config) int {
	rotary := 0
	if c.Position == config.PosRotary {
		rotary = 2
	}
	n := 1 + count([]bool{f.z, f.attn, f.mlp})
	if f.attends {
		n += 1 + rotary
		if f.past {
			n += 2
		}
		if f.cache == longerCache {
			n += 2
		}
		if f.cache == grownCache {
			n += 3
			if f.window {
				n += rotary
			}
		}
		if f.queries {
			n += 1 + rotary
		}
	}
	return n
}

// around names the inputs after the residual stream, in the order in which
// chunk.around gives them.
func (f form) around(c config.Config, in []*Node) (a arch.Around) {
	next := func() *Node { x := in[0]; in = in[1:]; return x }
	if f.cache != noCache {
		a.Cache = &arch.Cache{Unrotated: f.window}
	}
	if f.attends {
		a.Mask = next()
		rotary := c.Position == config.PosRotary
		if rotary {
			a.Cos, a.Sin = next(), next()
		}
		if f.past {
			a.PastK, a.PastV = next(), next()
		}
		if f.cache == longerCache || f.cache == grownCache {
			a.Cache.K, a.Cache.V = next(), next()
		}
		if f.cache == grownCache {
			a.Cache.Own = next()
			if f.window && rotary {
				a.Cache.Cos, a.Cache.Sin = next(), next()
			}
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

// graph is resid_pre to resid_post, the cache if there is one, and what is read
// between them; where nothing reads resid_post, what is read alone.
func (f form) graph(e *Engine, t *taps) graphFn {
	return func(in []*Node) []*Node {
		lead, w, slots, _ := inputs(in, f.inputs(e.Config), e.names.block, t)
		t := t.begin(slots)
		a := f.around(e.Config, lead[1:])
		t.choose(e, a)
		out := []*Node{arch.Block(e.Config, w, t, lead[0], a)}
		if f.ends {
			return t.outputs() // what leads nowhere else is not computed
		}
		if a.Cache != nil {
			out = append(out, a.Cache.K, a.Cache.V)
		}
		return append(append(out, t.outputs()...), t.keeps()...)
	}
}

// back is the way back through a block: from resid_pre and the gradients of
// resid_post of those metrics that have one, to the gradients of resid_pre and of
// the points asked for. The block is computed once for all.
func (f form) back(e *Engine, t *taps, above []bool) graphFn {
	return func(in []*Node) []*Node {
		n := f.inputs(e.Config)
		kept := n + count(above)
		lead, w, slots, linears := inputs(in, kept+len(slices.Concat(t.keep...)), e.names.block, t)
		t := t.begin(slots)
		t.give(lead[kept:])
		x := lead[0]
		a := f.around(e.Config, lead[1:n])
		t.choose(e, a)
		y := arch.Block(e.Config, w, t, x, a)
		return t.gradients(losses(y, above, lead[n:kept]), linears, x)
	}
}

// graph is the unembedding: what is read, and the logits if something reads them.
func (f *final) graph(e *Engine, t *taps) graphFn {
	return func(in []*Node) []*Node {
		lead, w, slots, _ := inputs(in, f.inputs(), e.names.final, t)
		t := t.begin(slots)
		logits := f.build(e, w, t, lead)
		out := t.outputs()
		if logits != nil && !f.taken {
			out = append(out, logits)
		}
		return out
	}
}

func (f *final) build(e *Engine, w arch.Nodes, t *taps, lead []*Node) *Node {
	rows := Reshape(lead[0], -1, e.Config.DModel)
	lead = lead[1:]
	if f.index != nil {
		rows, lead = Gather(rows, ExpandAxes(lead[0], -1)), lead[1:]
	}
	if f.post {
		rows = t.At(hook.KindResidPost, rows)
	}
	switch {
	case f.tokens != nil:
		return arch.UnembedTokens(e.Config, w, t, rows, lead[0])
	case f.logits:
		return arch.Unembed(e.Config, w, t, rows)
	}
	arch.Normalize(e.Config, w, t, rows)
	return nil
}

// back is the way back from the metrics' derivatives by the logits.
func (f *final) back(e *Engine, t *taps) graphFn {
	return func(in []*Node) []*Node {
		n, given := f.inputs(), count(f.measured)
		if f.soft != nil {
			given = f.softInputs()
		}
		lead, w, slots, linears := inputs(in, n+given, e.names.final, t)
		t := t.begin(slots)
		logits := f.build(e, w, t, lead[:n])
		terms, grads := []*Node(nil), lead[n:]
		if f.soft != nil {
			terms, grads = f.softGraph(logits, grads)
		}
		return append(terms, t.gradients(losses(logits, f.measured, grads), linears, lead[0])...)
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

// gradients of each metric's loss, with its linear terms, with respect to x, to
// the points asked for, to what formulas are given of other blocks and to their
// tensors. Metrics without any have none.
func (t *taps) gradients(losses, coefficients []*Node, x *Node) (all []*Node) {
	for i, l := range t.linears {
		term := ReduceAllSum(Mul(t.found[l.at], coefficients[i]))
		if losses[l.metric] != nil {
			term = Add(losses[l.metric], term)
		}
		losses[l.metric] = term
	}
	uses := [][]*Node{{x}} // a gradient is summed over all uses of one thing
	for _, at := range t.grads {
		use := []*Node{t.found[at]}
		if at.name == "" {
			use = append(use, t.copies[at.kind]...)
		}
		uses = append(uses, use)
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
		grads := Gradient(t.through(loss), slices.Concat(uses...)...)
		for _, use := range uses {
			sum := grads[0]
			for _, g := range grads[1:len(use)] {
				if g.Rank() > sum.Rank() { // of a copy for each head [batch, pos, head, ...]
					g = ReduceSum(g, 2)
				}
				sum = Add(sum, g)
			}
			all, grads = append(all, sum), grads[len(use):]
		}
	}
	return all
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

// roomGraph appends positions to keys and values, up to a number of them.
func roomGraph(size int) graphFn {
	return func(in []*Node) []*Node {
		out := make([]*Node, len(in))
		for i, x := range in {
			more := x.Shape().Clone()
			more.Dimensions[2] = size - more.Dimensions[2]
			out[i] = Concatenate([]*Node{x, Zeros(x.Graph(), more)}, 2)
		}
		return out
	}
}

// leaveGraph keeps rows of keys and values, by index.
func leaveGraph(in []*Node) []*Node {
	return []*Node{Gather(in[1], in[0]), Gather(in[2], in[0])}
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
