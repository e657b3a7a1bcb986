package arch

import (
	. "github.com/gomlx/gomlx/core/graph"

	"github.com/golens/golens/model/hook"
)

// A Tap is called at every hook point while a graph is built. It may note the
// node as an output and may return a changed one, with which the graph goes on.
type Tap interface {
	// At is the node to go on with.
	At(kind hook.Kind, x *Node) *Node
	// Reads tells whether anything happens at the kind; where it does not, the
	// graph may skip computing it or fuse across it.
	Reads(kind hook.Kind) bool
	// Again is At where a head, or the MLP, computes an activation once more for
	// itself, because it reads an input of its own: edits reach it, and it has a part
	// in the activation's gradient, but it is not the activation that is read. x may
	// have a head axis after pos.
	Again(kind hook.Kind, x *Node) *Node
	// Writes tells whether the kind is edited or differentiated, so that the
	// rest of the graph must really depend on it.
	Writes(kind hook.Kind) bool
}

// A HeadFirst is a [Tap] that handles what single heads read and write with the
// head axis in front, as products with each head's own weights want it: many times
// faster than behind the positions.
type HeadFirst interface {
	Tap
	// Split is what each head reads [head, batch, pos, d_model] in place of x
	// [batch, pos, d_model]; nil where the head axis lies as at the hook points.
	Split(kind hook.Kind, x *Node, heads int) *Node
	// Wrote takes what each head writes [head, batch, pos, d_model], unless it is
	// wanted as at the hook point.
	Wrote(result *Node) bool
}

// NoTap leaves a graph as it is.
type NoTap struct{}

// At implements [Tap].
func (NoTap) At(_ hook.Kind, x *Node) *Node { return x }

// Again implements [Tap].
func (NoTap) Again(_ hook.Kind, x *Node) *Node { return x }

// Reads implements [Tap].
func (NoTap) Reads(hook.Kind) bool { return false }

// Writes implements [Tap].
func (NoTap) Writes(hook.Kind) bool { return false }

// again is a tap for what is computed once more.
type again struct{ Tap }

// At implements [Tap].
func (a again) At(kind hook.Kind, x *Node) *Node { return a.Tap.Again(kind, x) }

// Reads implements [Tap].
func (a again) Reads(kind hook.Kind) bool { return a.Tap.Writes(kind) }

// Nodes are a graph's weights by local name.
type Nodes map[string]*Node
