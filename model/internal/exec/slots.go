package exec

import (
	"fmt"
	"math"
	"slices"
	"strings"

	. "github.com/gomlx/gomlx/core/graph"

	"github.com/golens/golens/model/hook"
	"github.com/golens/golens/model/internal/arch"
)

// A slot is a place in a graph where values can be edited. Which values, is an
// input: the same graph serves every head, position and row.
type slot struct {
	kind hook.Kind
	op   hook.Op
}

// slots are the slots that a list of edits needs, and which edits fill each.
// Edits of one activation apply in order; neighbours of one sort share a slot.
func slotsOf(edits []hook.Edit, id hook.ID) (slots []slot, fill [][]hook.Edit) {
	for _, e := range edits {
		if e.ID != id {
			continue
		}
		last, op := len(slots)-1, e.Op
		if e.Sets() {
			op = hook.OpReplace // wherever the values come from
		}
		merges := op == hook.OpReplace || op == hook.OpAdd || op == hook.OpScale
		if last >= 0 && slots[last].op == op && merges {
			fill[last] = append(fill[last], e)
			continue
		}
		slots = append(slots, slot{id.Kind, op})
		fill = append(fill, []hook.Edit{e})
	}
	return slots, fill
}

// inputs is how many graph inputs the slot has.
func (s slot) inputs() int {
	if s.op == hook.OpAdd || s.op == hook.OpScale {
		return 1
	}
	return 2
}

// apply edits x in the graph.
func (s slot) apply(x *Node, in []*Node) *Node {
	switch s.op {
	case hook.OpReplace: // where, so that what was there may be infinite
		return Where(in[0], in[1], x)
	case hook.OpAdd:
		return Add(x, in[0])
	case hook.OpScale:
		return Mul(x, in[0])
	case hook.OpClamp:
		return Min(Max(x, in[0]), in[1])
	default: // hook.OpProject: a mask [..., 1] and a unit vector
		u := ExpandLeftToRank(in[1], x.Rank())
		along := ReduceAndKeep(Mul(x, u), ReduceSum, -1)
		return Sub(x, Mul(Mul(in[0], along), u))
	}
}

// values are the slot's inputs for the rows of the chunk. shape is that of the
// activation's tensor, dims are its axes after batch.
func (s slot) values(f *frame, edits []hook.Edit, shape, dims []int) []any {
	size := product(shape)
	switch s.op {
	case hook.OpReplace:
		mask, value := make([]bool, size), make([]float32, size)
		f.spread(edits, dims, func(at int, v float32, _ hook.Edit) { mask[at], value[at] = true, v })
		return []any{mask, value}
	case hook.OpAdd:
		value := make([]float32, size)
		f.spread(edits, dims, func(at int, v float32, _ hook.Edit) { value[at] += v })
		return []any{value}
	case hook.OpScale:
		value := filled(size, 1)
		f.spread(edits, dims, func(at int, _ float32, e hook.Edit) { value[at] *= e.Factor })
		return []any{value}
	case hook.OpClamp:
		lo, hi := filled(size, float32(math.Inf(-1))), filled(size, float32(math.Inf(1)))
		f.spread(edits, dims, func(at int, _ float32, e hook.Edit) { lo[at], hi[at] = e.Lo, e.Hi })
		return []any{lo, hi}
	default:
		last := shape[len(shape)-1]
		mask := make([]float32, size/last)
		f.spread(edits, dims, func(at int, _ float32, _ hook.Edit) { mask[at/last] = 1 })
		return []any{mask, unit(edits[0].Values, last)}
	}
}

// shapes are the shapes of the slot's inputs.
func (s slot) shapes(shape []int) [][]int {
	if s.op == hook.OpProject {
		n := len(shape) - 1
		return [][]int{append(append([]int(nil), shape[:n]...), 1), shape[n:]}
	}
	return [][]int{shape, shape}[:s.inputs()]
}

// spread visits every value that the edits select in the chunk, with its
// offset in the activation and the edit's value broadcast there.
func (f *frame) spread(edits []hook.Edit, dims []int, visit func(at int, v float32, e hook.Edit)) {
	for _, e := range edits {
		steps := broadcast(e.Shape, len(dims)+1)
		for _, g := range f.regions(e.Point, dims, false) {
			g.walk(dims, func(index []int, offset int, last []int) {
				from := g.rank * steps[0]
				for i, k := range index {
					from += k * steps[i+1]
				}
				if offset < 0 { // logits that nobody reads
					return
				}
				for k, i := range last {
					var v float32
					if len(e.Values) > 0 {
						v = e.Values[from+k*steps[len(dims)]]
					}
					visit(offset+i, v, e)
				}
			})
		}
	}
}

// broadcast are the strides of a shape aligned at the last of rank axes, zero
// where it repeats.
func broadcast(shape []int, rank int) []int {
	out := make([]int, rank)
	own := strides(shape)
	for i := range shape {
		if shape[i] > 1 {
			out[rank-len(shape)+i] = own[i]
		}
	}
	return out
}

func filled(n int, v float32) []float32 {
	x := make([]float32, n)
	set(x, v)
	return x
}

func set(x []float32, v float32) {
	for i := range x {
		x[i] = v
	}
}

// unit is v over its length, followed by zeros up to n: an axis of keys may be
// padded.
func unit(v []float32, n int) []float32 {
	sum := 0.0
	for _, x := range v {
		sum += float64(x) * float64(x)
	}
	u := make([]float32, n)
	for i, x := range v {
		u[i] = float32(float64(x) / math.Sqrt(sum))
	}
	return u
}

// A cot is a point in which a metric of Job.GradOf is linear.
type cot struct {
	metric int
	kind   hook.Kind
}

// taps is what happens at the hook points of one graph, and its name.
type taps struct {
	reads  []hook.Kind // outputs of the forward graph
	slots  []slot      // edits, in order
	cots   []cot       // points in which metrics are linear
	grads  []hook.Kind // points whose gradient is wanted
	nodes  []*Node     // inputs of the slots, while a graph is built
	found  map[hook.Kind]*Node
	forGrd bool
}

// name tells two graphs apart.
func (t *taps) name() string {
	var b strings.Builder
	fmt.Fprint(&b, t.reads, t.slots, t.cots, t.grads, t.forGrd)
	return b.String()
}

// begin makes the taps ready to build a graph; nodes are the slots' inputs.
func (t *taps) begin(nodes []*Node) *taps {
	c := *t
	c.nodes, c.found = nodes, map[hook.Kind]*Node{}
	return &c
}

func (t *taps) inputs() int {
	n := 0
	for _, s := range t.slots {
		n += s.inputs()
	}
	return n
}

// At implements arch.Tap.
func (t *taps) At(kind hook.Kind, x *Node) *Node {
	used := 0
	for _, s := range t.slots {
		if s.kind == kind {
			x = s.apply(x, t.nodes[used:used+s.inputs()])
		}
		used += s.inputs()
	}
	if has(t.grads, kind) {
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
		if s.kind == kind {
			x = s.apply(x, alongHeads(t.nodes[used:used+s.inputs()], x))
		}
		used += s.inputs()
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
	return has(t.reads, kind) || slices.ContainsFunc(t.cots, func(c cot) bool { return c.kind == kind }) || t.Writes(kind)
}

// Writes implements arch.Tap.
func (t *taps) Writes(kind hook.Kind) bool {
	for _, s := range t.slots {
		if s.kind == kind {
			return true
		}
	}
	return has(t.grads, kind)
}

func has(kinds []hook.Kind, k hook.Kind) bool {
	for _, x := range kinds {
		if x == k {
			return true
		}
	}
	return false
}

var _ arch.Tap = (*taps)(nil)
