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
	calc *calc // of a formula
}

// String is the same for slots of equal graphs.
func (s slot) String() string {
	if s.calc != nil {
		return fmt.Sprint(s.kind, " ", s.calc.key)
	}
	return fmt.Sprint(s.kind, " ", s.op)
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
		next := slot{kind: id.Kind, op: op}
		if op == hook.OpCompute {
			next.calc = newCalc(e)
		}
		slots = append(slots, next)
		fill = append(fill, []hook.Edit{e})
	}
	return slots, fill
}

// inputs is how many graph inputs the slot has.
func (s slot) inputs() int {
	switch s.op {
	case hook.OpCompute:
		return s.calc.inputs()
	case hook.OpAdd, hook.OpScale:
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

// A cot is a point in which a metric of Job.GradOf is linear, or which a formula
// of a later block reads, so that the metric has a gradient there.
type cot struct {
	metric int
	at     label
	later  bool
}

// taps is what happens at the hook points of one graph, and its name.
type taps struct {
	reads  []label  // outputs of the forward graph
	slots  []slot   // edits, in order
	cots   []cot    // points in which metrics are linear
	grads  []label  // points whose gradient is wanted
	weigh  []string // tensors of formulas whose gradient is wanted
	forGrd bool

	// While a graph is built:
	nodes   []*Node // inputs of the slots
	found   map[label]*Node
	fars    map[hook.ID][]*Node // inputs that formulas read of earlier blocks
	tensors map[string][]*Node  // and tensors
	chosen  func(x *Node) *Node // of the positions of keys, those of queries; nil if all
	early   func(k hook.Kind) bool
}

// A label is an activation, or, with a name, a value that an edit labels there.
type label struct {
	kind hook.Kind
	name string
}

func kindsOf(labels []label) []hook.Kind {
	kinds := make([]hook.Kind, len(labels))
	for i, l := range labels {
		kinds[i] = l.kind
	}
	return kinds
}

func labelOf(p hook.Point) label { return label{p.Kind, p.Value} }

// name tells two graphs apart.
func (t *taps) name() string {
	var b strings.Builder
	fmt.Fprint(&b, t.reads, t.slots, t.cots, t.grads, t.weigh, t.forGrd)
	return b.String()
}

// begin makes the taps ready to build a graph; nodes are the slots' inputs.
func (t *taps) begin(nodes []*Node) *taps {
	c := *t
	c.nodes, c.found, c.fars, c.tensors = nodes, map[label]*Node{}, map[hook.ID][]*Node{}, map[string][]*Node{}
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
			x = t.apply(s, x, t.nodes[used:used+s.inputs()])
		}
		used += s.inputs()
	}
	if slices.Contains(t.grads, label{kind: kind}) {
		// A node of its own, so that its gradient is its own: attn_in and
		// q_input, say, are one value. The library's Identity has no gradient.
		x = IdentityWithCustomGradient(x, func(_, v *Node) *Node { return v })
	}
	t.found[label{kind: kind}] = x
	return x
}

func (t *taps) apply(s slot, x *Node, in []*Node) *Node {
	if s.calc != nil {
		return t.compute(s.calc, x, in, false)
	}
	return s.apply(x, in)
}

// Again implements arch.Tap.
func (t *taps) Again(kind hook.Kind, x *Node) *Node {
	used := 0
	for _, s := range t.slots {
		if s.kind == kind {
			if s.calc != nil {
				x = t.compute(s.calc, x, t.nodes[used:used+s.inputs()], true)
			} else {
				x = s.apply(x, alongHeads(t.nodes[used:used+s.inputs()], x))
			}
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
	return has(t.reads, kind) || slices.ContainsFunc(t.cots, func(c cot) bool { return c.at.kind == kind }) || t.Writes(kind) ||
		slices.ContainsFunc(t.slots, func(s slot) bool { return s.calc != nil && slices.Contains(s.calc.near, kind) })
}

// Writes implements arch.Tap.
func (t *taps) Writes(kind hook.Kind) bool {
	return has(t.grads, kind) || slices.ContainsFunc(t.slots, func(s slot) bool { return s.kind == kind })
}

func has(labels []label, k hook.Kind) bool {
	return slices.ContainsFunc(labels, func(l label) bool { return l.kind == k })
}

var _ arch.Tap = (*taps)(nil)
