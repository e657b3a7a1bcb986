package exec

import (
	"fmt"
	"slices"

	. "github.com/gomlx/gomlx/core/graph"

	"github.com/golens/golens/model/hook"
	"github.com/golens/golens/model/internal/arch"
	"github.com/golens/golens/model/internal/plan"
)

// taps is what happens at the hook points of one graph.
type taps struct {
	reads   []hook.Kind // outputs of the forward graph
	slots   []plan.Slot // edits, in order
	linears []linear    // points in which metrics are linear, on the way back
	grads   []hook.Kind // points whose gradient is wanted
	back    bool        // the graph is that of the way back

	nodes []*Node // inputs of the slots, while a graph is built
	found map[hook.Kind]*Node
}

// linear is a point in which a metric is linear.
type linear struct {
	metric int // of those whose gradients are taken
	kind   hook.Kind
}

// name tells two graphs apart.
func (t *taps) name() string { return fmt.Sprint(t.reads, t.slots, t.linears, t.grads, t.back) }

// begin makes the taps ready to build a graph; nodes are the slots' inputs.
func (t *taps) begin(nodes []*Node) *taps {
	c := *t
	c.nodes, c.found = nodes, map[hook.Kind]*Node{}
	return &c
}

// inputs is how many graph inputs the slots have.
func (t *taps) inputs() int {
	n := 0
	for _, s := range t.slots {
		n += inputsOf(s)
	}
	return n
}

// outputs are the nodes read.
func (t *taps) outputs() []*Node {
	var out []*Node
	for _, kind := range t.reads {
		out = append(out, t.found[kind])
	}
	return out
}

// At implements arch.Tap.
func (t *taps) At(kind hook.Kind, x *Node) *Node {
	used := 0
	for _, s := range t.slots {
		if s.Kind == kind {
			x = apply(s, x, t.nodes[used:used+inputsOf(s)])
		}
		used += inputsOf(s)
	}
	if slices.Contains(t.grads, kind) {
		// A node of its own, so that its gradient is its own: attn_in and
		// q_input, say, are one value. The library's Identity has no gradient.
		x = IdentityWithCustomGradient(x, func(_, v *Node) *Node { return v })
	}
	t.found[kind] = x
	return x
}

// Again implements arch.Tap.
func (t *taps) Again(kind hook.Kind, x *Node) *Node {
	used := 0
	for _, s := range t.slots {
		if s.Kind == kind {
			x = apply(s, x, alongHeads(t.nodes[used:used+inputsOf(s)], x))
		}
		used += inputsOf(s)
	}
	return x
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
	return slices.Contains(t.reads, kind) || slices.ContainsFunc(t.linears, func(l linear) bool { return l.kind == kind }) || t.Writes(kind)
}

// Writes implements arch.Tap.
func (t *taps) Writes(kind hook.Kind) bool {
	return slices.ContainsFunc(t.slots, func(s plan.Slot) bool { return s.Kind == kind }) || slices.Contains(t.grads, kind)
}

var _ arch.Tap = (*taps)(nil)

// inputsOf is how many graph inputs a slot has.
func inputsOf(s plan.Slot) int {
	if s.Op == hook.OpAdd || s.Op == hook.OpScale {
		return 1
	}
	return 2
}

// apply edits x in the graph.
func apply(s plan.Slot, x *Node, in []*Node) *Node {
	switch s.Op {
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
