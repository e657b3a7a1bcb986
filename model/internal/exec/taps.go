package exec

import (
	"fmt"
	"slices"

	. "github.com/gomlx/gomlx/core/graph"

	"github.com/golens/golens/model/hook"
	"github.com/golens/golens/model/internal/arch"
	"github.com/golens/golens/model/internal/lower"
	"github.com/golens/golens/model/internal/plan"
)

// taps is what happens at the hook points of one graph.
type taps struct {
	reads   []label       // outputs of the forward graph
	slots   []plan.Slot   // edits, in order
	calcs   []*calc       // of the slots, nil where it is no formula
	linears []linear      // points in which metrics are linear, on the way back
	grads   []label       // points whose gradient is wanted
	weigh   []string      // tensors of formulas whose gradient is wanted
	back    bool          // the graph is that of the way back
	keep    [][]hook.Kind // activations that the way back is given as they were; see plan.Batch.Keeps

	// While a graph is built:
	nodes   []*Node // inputs of the slots
	found   map[label]*Node
	copies  map[hook.Kind][]*Node     // of points whose gradient is wanted, computed again
	fars    map[hook.ID][]*Node       // inputs that formulas are given of other blocks
	tensors map[string][]*Node        // and tensors
	kept    map[hook.Kind]*Node       // what is given of keep
	made    map[hook.Kind]*Node       // and how it is computed
	chosen  func(x *Node) *Node       // of the positions of keys, those of queries
	ofKeys  func(kind hook.Kind) bool // has the positions of keys
}

// A label is an activation or, with a name, a value that an edit labels there.
type label struct {
	kind hook.Kind
	name string
}

func labelOf(p hook.Point) label { return label{p.Kind, p.Value} }

// linear is a point in which a metric is linear, or, if it is given, whose gradient
// came from formulas of later blocks that read it.
type linear struct {
	metric int // of those whose gradients are taken
	at     label
	given  bool
}

// name tells two graphs apart.
func (t *taps) name() string {
	var near []hook.Kind
	for _, c := range t.calcs {
		if c != nil {
			near = append(near, c.near...)
		}
	}
	return fmt.Sprint(t.reads, t.slots, near, t.linears, t.grads, t.weigh, t.back, t.keep)
}

// begin makes the taps ready to build a graph; nodes are the slots' inputs.
func (t *taps) begin(nodes []*Node) *taps {
	c := *t
	c.nodes, c.found, c.copies, c.fars, c.tensors = nodes, map[label]*Node{}, map[hook.Kind][]*Node{}, map[hook.ID][]*Node{}, map[string][]*Node{}
	return &c
}

// inputs is how many graph inputs the slots have.
func (t *taps) inputs() int {
	n := 0
	for i := range t.slots {
		n += t.inputsOf(i)
	}
	return n
}

// outputs are the nodes read.
func (t *taps) outputs() []*Node {
	var out []*Node
	for _, at := range t.reads {
		out = append(out, t.found[at])
	}
	return out
}

// keeps are the nodes of what the way back is given.
func (t *taps) keeps() (all []*Node) {
	for _, k := range slices.Concat(t.keep...) {
		all = append(all, t.found[label{kind: k}])
	}
	return all
}

// give takes them where the graph is that of the way back.
func (t *taps) give(nodes []*Node) {
	t.kept, t.made = map[hook.Kind]*Node{}, map[hook.Kind]*Node{}
	for i, k := range slices.Concat(t.keep...) {
		t.kept[k] = nodes[i]
	}
}

// through is a loss that goes on from what is given to how it is computed: its slope
// there is the loss's by what is given, stage by stage from the last.
func (t *taps) through(loss *Node) *Node {
	for _, stage := range slices.Backward(t.keep) {
		var given []*Node
		for _, k := range stage {
			given = append(given, t.kept[k])
		}
		for i, slope := range Gradient(loss, given...) {
			loss = Add(loss, ReduceAllSum(Mul(t.made[stage[i]], StopGradient(slope))))
		}
	}
	return loss
}

// At implements arch.Tap.
func (t *taps) At(kind hook.Kind, x *Node) *Node {
	x = t.edit(kind, x, false)
	if given := t.kept[kind]; given != nil {
		t.made[kind], x = x, given
	} else if slices.Contains(t.grads, label{kind: kind}) {
		x = lower.Own(x)
	}
	t.found[label{kind: kind}] = x
	return x
}

// Again implements arch.Tap.
func (t *taps) Again(kind hook.Kind, x *Node) *Node {
	x = t.edit(kind, x, true)
	if slices.Contains(t.grads, label{kind: kind}) { // which what reads the copy has a part in
		x = lower.Own(x)
		t.copies[kind] = append(t.copies[kind], x)
	}
	return x
}

// edit makes the edits of an activation, of each head by itself if it is computed
// again for heads.
func (t *taps) edit(kind hook.Kind, x *Node, again bool) *Node {
	used := 0
	for i, s := range t.slots {
		in := t.nodes[used : used+t.inputsOf(i)]
		used += len(in)
		if again && t.chosen != nil && s.Kind == kind {
			in = t.asMany(in, x)
		}
		switch {
		case s.Kind != kind:
		case t.calcs[i] != nil:
			x = t.compute(t.calcs[i], x, in, again)
		case again:
			x = apply(s, x, alongHeads(in, x))
		default:
			x = apply(s, x, in)
		}
	}
	return x
}

// asMany takes the positions of queries of inputs that have those of keys, where x
// has those of queries.
func (t *taps) asMany(in []*Node, x *Node) []*Node {
	out := slices.Clone(in)
	for i, n := range in {
		if n.Rank() > 2 && n.Shape().Dimensions[1] > 1 && n.Shape().Dimensions[1] != x.Shape().Dimensions[1] {
			out[i] = t.chosen(n)
		}
	}
	return out
}

// alongHeads repeats a slot's inputs along the head axis of x, if it has one
// more than they have.
func alongHeads(in []*Node, x *Node) []*Node {
	out := slices.Clone(in)
	for i, n := range in {
		if n.Rank() > 1 && n.Rank() == x.Rank()-1 {
			n = ExpandAxes(n, 2)
			dims := slices.Clone(n.Shape().Dimensions)
			dims[2] = x.Shape().Dimensions[2]
			out[i] = BroadcastToDims(n, dims...)
		}
	}
	return out
}

// Reads implements arch.Tap.
func (t *taps) Reads(kind hook.Kind) bool {
	return has(t.reads, kind) || t.Writes(kind) ||
		slices.ContainsFunc(t.linears, func(l linear) bool { return l.at.kind == kind }) ||
		slices.ContainsFunc(t.calcs, func(c *calc) bool { return c != nil && slices.Contains(c.near, kind) })
}

// Writes implements arch.Tap.
func (t *taps) Writes(kind hook.Kind) bool {
	return has(t.grads, kind) || slices.ContainsFunc(t.slots, func(s plan.Slot) bool { return s.Kind == kind })
}

func has(labels []label, kind hook.Kind) bool {
	return slices.ContainsFunc(labels, func(l label) bool { return l.kind == kind })
}

var _ arch.Tap = (*taps)(nil)

// inputsOf is how many graph inputs a slot has.
func (t *taps) inputsOf(i int) int {
	if c := t.calcs[i]; c != nil {
		return c.inputs()
	}
	if op := t.slots[i].Op; op == hook.OpAdd || op == hook.OpScale || op == plan.OpWhole {
		return 1
	}
	return 2
}

// apply edits x in the graph.
func apply(s plan.Slot, x *Node, in []*Node) *Node {
	switch s.Op {
	case plan.OpWhole:
		return in[0]
	case hook.OpReplace: // where, so that what was there may be infinite
		return Where(in[0], in[1], x)
	case hook.OpAdd:
		return Add(x, in[0])
	case hook.OpScale:
		return Mul(x, in[0])
	case hook.OpClamp:
		return Min(Max(x, in[0]), in[1])
	default: // hook.OpProject: a mask [..., 1] and a unit vector of each row
		along := ReduceAndKeep(Mul(x, in[1]), ReduceSum, -1)
		return Sub(x, Mul(Mul(in[0], along), in[1]))
	}
}
