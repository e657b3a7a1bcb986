package exec

import (
	"fmt"

	. "github.com/gomlx/gomlx/core/graph"

	"github.com/golens/golens/model/config"
	"github.com/golens/golens/model/hook"
	"github.com/golens/golens/model/internal/arch"
)

// A cutForm is which inputs the graph of a block has whose receivers lack what
// senders wrote.
type cutForm struct {
	attention, mlp bool // whether queries, keys and values, and the MLP's input, lack anything
	shared, own    bool // earlier senders: the base run's, and of these rows themselves
	places         bool // masks differ between positions
	writes         bool // what this layer writes is wanted
	reference      bool // less what the reference writes
	siblings       bool // the MLP's input lacks heads of its own layer
	rest           bool // some receivers start from the reference's stream, and what is kept is added
	mid            bool // the MLP among them, from the stream behind attention
	enters         bool // what enters the block, after edits, is wanted
}

func (f cutForm) name() string { return fmt.Sprintf("edges %+v", f) }

// cutTap cuts edges while a block is built. What senders wrote before it lies in
// groups [row, sender, pos, d_model], as differences from the reference; masks lie
// as [row or 1, variant, receiver, sender], or [row or 1, pos, variant, receiver,
// sender]. The batch is [row, variant], and base runs' groups have rows alone.
type cutTap struct {
	*taps
	c    config.Config
	w    arch.Nodes
	form cutForm
	reading
	mask *Node // of the MLP's input by the layer's own heads, if they feed it
	ref  *Node // [row or 1, sender, pos, d_model] of this layer's senders

	entered         *Node // resid_pre
	result, divisor *Node // of the heads; of a norm on what attention writes
	senders         *Node // [batch, sender, pos, d_model], less the reference
}

// reading is what receivers read in place of the residual stream.
type reading struct {
	lack *Node // [batch, pos, receiver, d_model]: queries, keys, values, the MLP's input
	rest *Node // of the reference [row or 1, pos, d_model]; nil if no receiver starts from it
	mid  *Node // likewise behind attention, if the MLP reads there and starts from it
	live *Node // [batch, 1, receiver, 1]: 1 for receivers that start from this run's, 0 for others
}

// of receivers first..first+n-1 is what they read of x [batch, pos, receiver,
// d_model], or of the rest.
func (s reading) of(x, rest *Node, first, n int) *Node {
	mine := func(y *Node) *Node { return Slice(y, AxisRange(), AxisRange(), AxisRange(first, first+n)) }
	if rest != nil {
		live := mine(s.live)
		rest := ExpandAxes(perVariant(rest, x.Shape().Dimensions[0]), 2)
		x = Add(Mul(x, live), Mul(rest, OneMinus(live)))
	}
	if s.lack != nil {
		x = Sub(x, mine(s.lack))
	}
	return x
}

// At implements arch.Tap.
func (t *cutTap) At(kind hook.Kind, x *Node) *Node {
	x = t.taps.At(kind, x)
	heads, kv := t.c.Heads, t.c.KVHeads
	switch kind {
	case hook.KindResidPre:
		t.entered = x
	case hook.KindQInput:
		return t.less(x, t.form.attention, 0, heads)
	case hook.KindKInput:
		return t.less(x, t.form.attention, heads, kv)
	case hook.KindVInput:
		return t.less(x, t.form.attention, heads+kv, kv)
	case hook.KindMLPIn:
		return t.mlpIn(x)
	case hook.KindResult:
		t.result = x
	case outputScale(t.c):
		t.divisor = x
	case hook.KindAttnOut:
		if t.form.writes {
			t.senders = t.minus(arch.HeadFirst(t.contribution()), 0, heads)
		}
	case hook.KindMLPOut:
		if t.form.writes {
			t.senders = Concatenate([]*Node{t.senders, t.minus(ExpandAxes(x, 1), heads, 1)}, 1)
		}
	}
	return x
}

// outputScale is the scale of the norm on what attention writes, in families
// that have one.
func outputScale(c config.Config) hook.Kind {
	switch c.NormAt {
	case config.NormAfter:
		return hook.KindLN1
	case config.NormSandwich:
		return hook.KindLN1Post
	}
	return ""
}

// contribution is what each head adds to the residual stream: its result, through
// the norm on the layer's output with the scale of this run.
func (t *cutTap) contribution() *Node {
	if t.divisor == nil {
		return t.result
	}
	name := "ln1_post.w"
	if t.c.NormAt == config.NormAfter {
		name = "ln1.w"
	}
	y := Div(t.result, ExpandAxes(t.divisor, 2))
	if w := t.w[name]; w != nil {
		y = Mul(y, ExpandLeftToRank(w, 4))
	}
	return y
}

// minus takes the reference's part of senders first..first+n-1 of the layer.
func (t *cutTap) minus(x *Node, first, n int) *Node {
	if t.ref == nil {
		return x
	}
	ref := Slice(t.ref, AxisRange(), AxisRange(first, first+n))
	return Sub(x, perVariant(ref, x.Shape().Dimensions[0]))
}

// less is a split input [batch, pos, head, d_model] as its receivers read it.
func (t *cutTap) less(x *Node, lacks bool, first, n int) *Node {
	if !lacks {
		return x
	}
	return t.of(x, t.rest, first, n)
}

// mlpIn is the MLP's input as it is read.
func (t *cutTap) mlpIn(x *Node) *Node {
	if !t.form.mlp {
		return x
	}
	last := 0
	if t.form.attention {
		last = t.c.Heads + 2*t.c.KVHeads
	}
	rest := t.rest
	if !t.c.Parallel {
		rest = t.mid
	}
	x = t.of(ExpandAxes(x, 2), rest, last, 1)
	if t.form.siblings {
		x = Sub(x, lacking(t.mask, t.senders, t.form.places, true))
	}
	return Squeeze(x, 2)
}

func add(a, b *Node) *Node {
	switch {
	case a == nil:
		return b
	case b == nil:
		return a
	}
	return Add(a, b)
}

// Reads implements arch.Tap.
func (t *cutTap) Reads(kind hook.Kind) bool {
	return t.taps.Reads(kind) || t.form.writes && (kind == hook.KindResult || kind == outputScale(t.c)) || t.Writes(kind)
}

// Writes implements arch.Tap.
func (t *cutTap) Writes(kind hook.Kind) bool {
	switch kind {
	case hook.KindQInput, hook.KindKInput, hook.KindVInput:
		return t.form.attention || t.taps.Writes(kind)
	case hook.KindMLPIn:
		return t.form.mlp || t.taps.Writes(kind)
	case hook.KindResult: // the heads' results are summed, and not multiplied out twice
		return t.form.writes || t.taps.Writes(kind)
	}
	return t.taps.Writes(kind)
}

// restGraph is the stream of a reference in which nothing is written, after one
// more layer: the bias of its heads is added.
func restGraph(in []*Node) []*Node {
	return []*Node{Add(in[0], ExpandLeftToRank(in[1], 3))}
}

// perVariant repeats rows of x [rows or 1, ...] for the variants of a batch.
func perVariant(x *Node, batch int) *Node {
	d := x.Shape().Dimensions
	if d[0] == batch {
		return x
	}
	wide := append([]int{d[0], batch / d[0]}, d[1:]...)
	all := append([]int{batch}, d[1:]...)
	return Reshape(BroadcastToDims(ExpandAxes(x, 1), wide...), all...)
}

// lacking is what a mask cuts of senders [row or batch, sender, pos, d_model]: what
// each receiver lacks [batch, pos, receiver, d_model]. One product serves all
// variants of a row that share their senders; own tells that they do not.
func lacking(mask, senders *Node, places, own bool) *Node {
	s, m := senders.Shape().Dimensions, mask.Shape().Dimensions
	rows, pos, d := s[0], s[2], s[3]
	variants, receivers := m[len(m)-3], m[len(m)-2]
	if own {
		rows /= variants
	}
	if !places {
		mask = BroadcastToDims(mask, rows, variants, receivers, s[1])
		mask = Reshape(mask, s[0], rows*variants/s[0]*receivers, s[1])
		y := DotGeneral(mask, []int{2}, []int{0}, Reshape(senders, s[0], s[1], pos*d), []int{1}, []int{0})
		return arch.HeadFirst(Reshape(y, rows*variants, receivers, pos, d))
	}
	mask = TransposeAllAxes(BroadcastToDims(mask, rows, pos, variants, receivers, s[1]), 0, 2, 1, 3, 4)
	senders = arch.HeadFirst(senders)
	if !own {
		senders = Reshape(BroadcastToDims(ExpandAxes(senders, 1), rows, variants, pos, s[1], d), rows*variants, pos, s[1], d)
	}
	mask = Reshape(mask, rows*variants, pos, receivers, s[1])
	return DotGeneral(mask, []int{3}, []int{0, 1}, senders, []int{2}, []int{0, 1})
}

// reading takes senders, their masks and the rest off a graph's inputs.
func (f cutForm) reading(next func() *Node, batch int) (s reading) {
	if f.shared {
		senders := next()
		s.lack = lacking(next(), senders, f.places, false)
	}
	if f.own {
		senders := next()
		s.lack = add(s.lack, lacking(next(), senders, f.places, true))
	}
	if f.rest {
		s.rest = next()
	}
	if f.mid {
		s.mid = next()
	}
	if f.rest || f.mid {
		live := next() // [variant, receiver]
		v, r := live.Shape().Dimensions[0], live.Shape().Dimensions[1]
		s.live = Reshape(BroadcastToDims(ExpandAxes(live, 0), batch/v, v, r), batch, 1, r, 1)
	}
	return s
}

// inputs is how many inputs the graph has beside those of any block.
func (f cutForm) inputs() int {
	return count([]bool{f.shared, f.shared, f.own, f.own, f.siblings, f.reference, f.rest, f.mid, f.rest || f.mid})
}

// graph is a block whose receivers lack what a mask cuts: resid_post, and what its
// senders wrote.
func (f cutForm) graph(e *Engine, t *taps) graphFn {
	return func(in []*Node) []*Node {
		plain := form{attends: true}
		n := plain.inputs(e.Config)
		lead, w, slots, _ := inputs(in, n+f.inputs(), e.names.block, t)
		block, rest := lead[:n], lead[n:]
		next := func() *Node { x := rest[0]; rest = rest[1:]; return x }
		c := &cutTap{taps: t.begin(slots), c: e.Config, w: w, form: f, reading: f.reading(next, block[0].Shape().Dimensions[0])}
		if f.siblings {
			c.mask = next()
		}
		if f.reference {
			c.ref = next()
		}
		out := []*Node{arch.Block(e.Config, w, c, block[0], plain.around(e.Config, block[1:]))}
		if f.writes {
			out = append(out, c.senders)
		}
		if f.enters {
			out = append(out, c.entered)
		}
		return append(out, c.outputs()...)
	}
}

// final is the residual stream after the last block [batch, pos, d_model] without
// what a mask of one receiver cuts.
func (f cutForm) final() graphFn {
	return func(in []*Node) []*Node {
		x, rest := in[0], in[1:]
		s := f.reading(func() *Node { y := rest[0]; rest = rest[1:]; return y }, x.Shape().Dimensions[0])
		return []*Node{Squeeze(s.of(ExpandAxes(x, 2), s.rest, 0, 1), 2)}
	}
}

// lessGraph is a sender [row, pos, d_model] less the reference's [row or 1, 1, pos,
// d_model], if there is one, as a group.
func lessGraph(reference bool) graphFn {
	return func(in []*Node) []*Node {
		x := ExpandAxes(in[0], 1)
		if reference {
			x = Sub(x, perVariant(in[1], x.Shape().Dimensions[0]))
		}
		return []*Node{x}
	}
}

// midGraph is the stream behind attention, from that behind the MLP and what the
// layer wrote.
func midGraph(in []*Node) []*Node {
	n := in[1].Shape().Dimensions[1]
	return []*Node{Sub(in[0], Squeeze(Slice(in[1], AxisRange(), AxisRange(n-1, n)), 1))}
}

// meanGraph adds rows of x [row, (sender,) pos, d_model] to a mean, by weights
// [row, pos].
func meanGraph(in []*Node) []*Node {
	x, weight := in[0], ExpandAxes(in[1], -1)
	if x.Rank() == 4 {
		weight = ExpandAxes(weight, 1)
	}
	return []*Node{Add(in[2], ReduceAndKeep(Mul(x, weight), ReduceSum, 0))}
}

// pickGraph takes rows of x by index.
func pickGraph(in []*Node) []*Node {
	return []*Node{Gather(in[1], ExpandAxes(in[0], -1))}
}

// firstGraph takes the first rows of a table [row, d_model] as [1, row, d_model].
func firstGraph(n int) graphFn {
	return func(in []*Node) []*Node { return []*Node{ExpandAxes(Slice(in[0], AxisRange(0, n)), 0)} }
}

// repeatGraph repeats rows for the variants of a batch.
func repeatGraph(variants int) graphFn {
	return func(in []*Node) []*Node {
		return []*Node{perVariant(in[0], in[0].Shape().Dimensions[0]*variants)}
	}
}

var _ arch.Tap = (*cutTap)(nil)
