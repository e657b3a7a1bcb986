package exec

import (
	"fmt"
	"maps"
	"slices"

	. "github.com/gomlx/gomlx/core/graph"

	"github.com/golens/golens/model/config"
	"github.com/golens/golens/model/hook"
	"github.com/golens/golens/model/internal/arch"
)

// A cutForm is which inputs the graph of a block has whose receivers lack what
// senders wrote.
type cutForm struct {
	attention, mlp bool     // whether queries, keys and values, and the MLP's input, lack anything
	readForm                // of all receivers, or, if only ends are computed, of keys and values
	ends           bool     // queries, and what follows, are computed at some positions alone
	few            readForm // of queries and the MLP's input, at these
	places         bool     // masks differ between positions
	writes         bool     // what this layer writes is wanted
	mixes          bool     // or what its heads mixed, and its MLP writes, side by side
	apart          bool     // or what its heads write, and its MLP, less the reference of which there is the same
	reference      bool     // less what the reference writes
	siblings       bool     // the MLP's input lacks heads of its own layer
	given          bool     // some heads that are left out are given what they write
	givenSiblings  bool     // the MLP's input lacks some of these
	variants       int      // of which the stream has the rows of one
	enters         bool     // what enters the block, after edits, is wanted
	part           bool     // some heads, or the MLP, are left out, for what they write in the reference
	heads          int      // key-value heads that are not
	without        bool     // the MLP is
}

// A readForm is which inputs say what receivers read.
type readForm struct {
	shared, given, own bool // earlier senders: the base run's, those that all variants share, and of these rows themselves
	rest               bool // some receivers start from the reference's stream, and what is kept is added
	mid                bool // the MLP among them, from the stream behind attention
}

func (f cutForm) name() string { return fmt.Sprintf("edges %+v", f) }

// cutTap cuts edges while a block is built. What senders wrote before it lies in
// groups [sender, row, pos, d_model], as differences from the reference; masks lie
// as [row or 1, variant, receiver, sender], or [row or 1, pos, variant, receiver,
// sender]. The batch is [variant, row], and base runs' groups have rows alone.
type cutTap struct {
	*taps
	c         config.Config
	w         arch.Nodes
	form      cutForm
	reading           // of all receivers, or, if only ends are computed, of keys and values
	few       reading // of queries and the MLP's input, at these
	mask      *Node   // of the MLP's input by the layer's own heads, if they feed it
	given     *Node   // [head, row, pos, d_model]: what heads write that all variants share, zeros for others
	givenMask *Node   // of the MLP's input by them
	ref       *Node   // [sender, row or 1, pos, d_model] of this layer's senders
	instead   *Node   // [batch, pos, d_model]: what heads that are left out write

	entered         *Node // resid_pre
	result, divisor *Node // of the heads; of a norm on what attention writes
	senders         *Node // [sender, batch, pos, d_model], less the reference
}

// reading is what receivers read in place of the residual stream.
type reading struct {
	lack *Node // [receiver, batch, pos, d_model], in the order of queries, keys, values, the MLP's input
	rest *Node // of the reference [row or 1, pos, d_model]; nil if no receiver starts from it
	mid  *Node // likewise behind attention, if the MLP reads there and starts from it
	live *Node // [receiver, batch, 1, 1]: 1 for receivers that start from this run's, 0 for others
}

// of receivers first..first+n-1 is what they read [receiver, batch, pos, d_model] of
// x [receiver or 1, batch, pos, d_model], or of the rest.
func (s reading) of(x, rest *Node, first, n int) *Node {
	mine := func(y *Node) *Node { return Slice(y, AxisRange(first, first+n)) }
	if rest != nil {
		live := mine(s.live)
		rest := ExpandAxes(perVariant(rest, 0, x.Shape().Dimensions[1]), 0)
		x = Add(Mul(x, live), Mul(rest, OneMinus(live)))
	}
	if s.lack != nil {
		x = Sub(x, mine(s.lack))
	}
	d := x.Shape().Dimensions
	return BroadcastToDims(x, n, d[1], d[2], d[3])
}

// At implements arch.Tap.
func (t *cutTap) At(kind hook.Kind, x *Node) *Node {
	x = t.taps.At(kind, x)
	heads := t.c.Heads
	switch kind {
	case hook.KindResidPre:
		t.entered = x
	case hook.KindMLPIn:
		return t.mlpIn(x)
	case hook.KindResult:
		t.result = inFront(x)
	case outputScale(t.c):
		t.divisor = x
	case hook.KindAttnOut:
		if t.result != nil && t.form.writes {
			t.senders = t.minus(t.contribution(), 0, heads)
		}
		if t.instead != nil {
			return Add(x, t.instead)
		}
	case hook.KindMLPOut:
		if !t.form.writes || t.form.without {
			return x
		}
		own := t.minus(ExpandAxes(x, 0), heads, 1)
		if t.result == nil {
			t.senders = own
		} else {
			t.senders = Concatenate([]*Node{t.senders, own}, 0)
		}
	}
	return x
}

// splits tells whether what single heads read may have the head axis in front: unless
// edits of it, or of its norm, want it as it lies at their points.
func (t *taps) splits(kind hook.Kind) bool {
	return !t.Reads(kind) && !t.Writes(hook.KindLN1) && !t.Writes(hook.KindLN1Norm) && !t.Writes(hook.KindAttnIn)
}

// Split implements arch.HeadFirst.
func (t *cutTap) Split(kind hook.Kind, x *Node, heads int) *Node {
	if !t.form.attention { // what else runs here has no edits, so that nothing wants the axis elsewhere
		return nil
	}
	read, first := t.reading, t.c.Heads
	if t.form.ends {
		first = 0
	}
	switch kind {
	case hook.KindQInput:
		first = 0
		if t.form.ends {
			read = t.few
		}
	case hook.KindVInput:
		first += t.c.KVHeads
	}
	return read.of(ExpandAxes(x, 0), read.rest, first, heads)
}

// Wrote implements arch.HeadFirst.
func (t *cutTap) Wrote(result *Node) bool {
	if t.taps.Reads(hook.KindResult) {
		return false
	}
	t.result = result
	return true
}

// inFront brings the head axis of [batch, pos, head, d_model] to the front.
func inFront(x *Node) *Node { return TransposeAllAxes(x, 2, 0, 1, 3) }

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
	y := Div(t.result, ExpandAxes(t.divisor, 0))
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
	ref := Slice(t.ref, AxisRange(first, first+n))
	return Sub(x, perVariant(ref, 1, x.Shape().Dimensions[1]))
}

// mixed is what all heads mixed [batch, pos, head*d_head] and what the MLP writes, if
// there is one.
func (t *cutTap) mixed() []*Node {
	z := t.found[label{kind: hook.KindZ}]
	d := z.Shape().Dimensions
	all := []*Node{Reshape(z, d[0], d[1], d[2]*d[3])}
	if !t.c.AttnOnly() {
		all = append(all, t.found[label{kind: hook.KindMLPOut}])
	}
	return all
}

// apart is what heads write and what the MLP writes, less the reference, each [sender,
// batch, pos, d_model].
func (t *cutTap) apart() []*Node {
	all, at := t.mixed(), 0
	for i, x := range all {
		if t.ref != nil {
			n := x.Shape().Dimensions[2]
			all[i] = Sub(x, Slice(t.ref, AxisRange(), AxisRange(), AxisRange(at, at+n)))
			at += n
		}
	}
	d := all[0].Shape().Dimensions
	z := Reshape(all[0], d[0], d[1], t.c.Heads, t.c.DHead)
	all[0] = DotGeneral(z, []int{3}, []int{2}, Reshape(t.w["attn.W_O"], t.c.Heads, t.c.DHead, t.c.DModel), []int{1}, []int{0})
	for i := range all[1:] {
		all[i+1] = ExpandAxes(all[i+1], 0)
	}
	return all
}

// leaveOut builds a block of some of its heads, with or without the MLP: the configuration
// of that, its weights, and what it is given of the rest.
func (t *cutTap) leaveOut(next func() *Node, x *Node, a *arch.Around) {
	c, f, all := t.c, t.form, t.w
	each := c.Heads / c.KVHeads
	var senders []*Node // of the reference, those that are computed
	var heads *Node
	if f.heads > 0 {
		heads = ExpandAxes(next(), -1)
	}
	dead := next()
	computed := func(x *Node, axis int) *Node { // of heads, side by side on an axis
		d := slices.Clone(x.Shape().Dimensions)
		wide := slices.Insert(slices.Clone(d), axis, c.KVHeads)
		wide[axis+1] /= c.KVHeads
		x = Reshape(x, wide...)
		if axis > 0 {
			x = TransposeAllAxes(x, 1, 0, 2)
		}
		x = Gather(x, heads)
		if axis > 0 {
			x = TransposeAllAxes(x, 1, 0, 2)
		}
		d[axis] = d[axis] / c.KVHeads * f.heads
		return Reshape(x, d...)
	}
	given := a.Chosen(x) // what is given has this shape
	if t.ref != nil {
		d := t.ref.Shape().Dimensions
		own := Slice(t.ref, AxisRange(0, c.Heads))
		t.instead = Reshape(DotGeneral(dead, []int{0}, nil, own, []int{0}, nil), d[1:]...)
		if f.heads > 0 {
			senders = append(senders, computed(own, 0))
		}
		if !c.AttnOnly() {
			own := Slice(t.ref, AxisRange(c.Heads, c.Heads+1))
			senders = append(senders, own)
			if f.without {
				a.MLPOut = perVariant(Squeeze(own, 0), 0, given.Shape().Dimensions[0])
			}
		}
		if len(senders) > 0 {
			t.ref = Concatenate(senders, 0)
		}
	}
	if t.given != nil {
		t.instead = add(t.instead, ReduceSum(t.given, 0))
	}
	if t.instead != nil {
		t.instead = perVariant(t.instead, 0, given.Shape().Dimensions[0])
	}
	if f.without && a.MLPOut == nil {
		a.MLPOut = ZerosLike(given)
	}
	if f.heads == 0 {
		a.AttnOut = ZerosLike(given)
		if b := all["attn.b_O"]; b != nil {
			a.AttnOut = Add(a.AttnOut, ExpandLeftToRank(b, 3))
		}
	} else {
		t.w = maps.Clone(all)
		for name, axis := range map[string]int{"attn.W_Q": 1, "attn.W_K": 1, "attn.W_V": 1, "attn.W_O": 0, "attn.b_Q": 0, "attn.b_K": 0, "attn.b_V": 0} {
			if x := all[name]; x != nil {
				t.w[name] = computed(x, axis)
			}
		}
	}
	t.c.Heads, t.c.KVHeads = f.heads*each, f.heads
}

// groups is how many outputs say what the layer writes.
func (f cutForm) groups(c config.Config) int {
	switch {
	case f.apart && !c.AttnOnly():
		return 2
	case f.apart, f.mixes, f.writes:
		return 1
	}
	return 0
}

// mlpIn is the MLP's input as it is read.
func (t *cutTap) mlpIn(x *Node) *Node {
	if !t.form.mlp {
		return x
	}
	read, last := t.reading, 0
	if t.form.attention {
		last = t.c.Heads + 2*t.c.KVHeads
	}
	if t.form.ends {
		read, last = t.few, min(last, t.c.Heads)
	}
	rest := read.rest
	if !t.c.Parallel {
		rest = read.mid
	}
	x = read.of(ExpandAxes(x, 0), rest, last, 1)
	if t.form.siblings {
		x = Sub(x, t.lacksSiblings())
	}
	if t.form.givenSiblings {
		x = Sub(x, lacking(t.givenMask, t.given, t.form.places))
	}
	return Squeeze(x, 0)
}

// lacksSiblings is what the MLP's input lacks of its own layer's heads.
func (t *cutTap) lacksSiblings() *Node {
	senders, m := t.senders, t.mask.Shape().Dimensions
	if n := m[len(m)-3]; n > 1 { // each variant has its own
		d := senders.Shape().Dimensions
		senders = TransposeAllAxes(Reshape(senders, d[0], n, d[1]/n, d[2], d[3]), 1, 0, 2, 3, 4)
	}
	return lacking(t.mask, senders, t.form.places)
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

// perVariant repeats the rows of x, which are on the given axis, for the variants of
// a batch.
func perVariant(x *Node, axis, batch int) *Node {
	d := x.Shape().Dimensions
	if d[axis] == batch {
		return x
	}
	wide := slices.Insert(slices.Clone(d), axis, batch/d[axis])
	all := slices.Clone(d)
	all[axis] = batch
	return Reshape(BroadcastToDims(ExpandAxes(x, axis), wide...), all...)
}

// lacking is what a mask cuts of senders [sender, row, pos, d_model], or of those of
// each variant [variant, sender, row, pos, d_model]: what each receiver lacks [receiver,
// batch, pos, d_model]. Where all rows and positions have one mask, it is one flat
// product, which serves all variants that share their senders.
func lacking(mask, senders *Node, places bool) *Node {
	s, m := senders.Shape().Dimensions, mask.Shape().Dimensions
	own := len(s) == 5
	s = s[len(s)-4:]
	rows, pos, d := s[1], s[2], s[3]
	variants, receivers := m[len(m)-3], m[len(m)-2]
	if !places {
		mask = ExpandAxes(mask, 1) // [row or 1, pos or 1, variant, receiver, sender]
	}
	parts := mask.Shape().Dimensions[1]
	var y *Node
	switch {
	case m[0]*parts == 1 && own:
		mask = Reshape(mask, variants, receivers, s[0])
		y = DotGeneral(mask, []int{2}, []int{0}, Reshape(senders, variants, s[0], rows*pos*d), []int{1}, []int{0})
		y = TransposeAllAxes(y, 1, 0, 2)
	case m[0]*parts == 1:
		mask = Reshape(TransposeAllAxes(mask, 0, 1, 3, 2, 4), receivers*variants, s[0])
		y = DotGeneral(mask, []int{1}, nil, Reshape(senders, s[0], rows*pos*d), []int{0}, nil)
	case own:
		mask = BroadcastToDims(mask, rows, parts, variants, receivers, s[0])
		senders = Reshape(senders, variants, s[0], rows, parts, pos*d/parts)
		y = DotGeneral(mask, []int{4}, []int{2, 0, 1}, senders, []int{1}, []int{0, 2, 3})
		y = TransposeAllAxes(y, 3, 0, 1, 2, 4)
	default:
		mask = Reshape(BroadcastToDims(mask, rows, parts, variants, receivers, s[0]), rows, parts, variants*receivers, s[0])
		senders = Reshape(senders, s[0], rows, parts, pos*d/parts)
		y = DotGeneral(mask, []int{3}, []int{0, 1}, senders, []int{0}, []int{1, 2})
		y = TransposeAllAxes(Reshape(y, rows, parts, variants, receivers, pos*d/parts), 3, 2, 0, 1, 4)
	}
	return Reshape(y, receivers, variants*rows, pos, d)
}

// reading takes senders, their masks and the rest off a graph's inputs.
func (f readForm) reading(next func() *Node, batch int, places bool) (s reading) {
	if f.shared {
		senders := next()
		s.lack = lacking(next(), senders, places)
	}
	if f.given {
		senders := next()
		s.lack = add(s.lack, lacking(next(), senders, places))
	}
	if f.own {
		senders := next()
		s.lack = add(s.lack, lacking(next(), senders, places))
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
		live = ExpandAxes(TransposeAllAxes(live, 1, 0), 2)
		s.live = Reshape(BroadcastToDims(live, r, v, batch/v), r, batch, 1, 1)
	}
	return s
}

func (f readForm) inputs() int {
	return count([]bool{f.shared, f.shared, f.given, f.given, f.own, f.own, f.rest, f.mid, f.rest || f.mid})
}

// inputs is how many inputs the graph has beside those of any block.
func (f cutForm) inputs() int {
	return f.readForm.inputs() + f.few.inputs() + count([]bool{f.siblings, f.given, f.givenSiblings, f.reference, f.part, f.part && f.heads > 0})
}

// around is which inputs any block has.
func (f cutForm) around() form { return form{attends: true, queries: f.ends} }

// graph is a block whose receivers lack what a mask cuts: resid_post, and what its
// senders wrote.
func (f cutForm) graph(e *Engine, t *taps) graphFn {
	return func(in []*Node) []*Node {
		plain := f.around()
		n := plain.inputs(e.Config)
		lead, w, slots, _ := inputs(in, n+f.inputs(), e.names.block, t)
		block, rest := lead[:n], lead[n:]
		next := func() *Node { x := rest[0]; rest = rest[1:]; return x }
		block[0] = repeated(block[0], f.variants)
		batch := block[0].Shape().Dimensions[0]
		c := &cutTap{taps: t.begin(slots), c: e.Config, w: w, form: f}
		c.reading = f.readForm.reading(next, batch, f.places)
		c.few = f.few.reading(next, batch, f.places)
		if f.siblings {
			c.mask = next()
		}
		if f.given {
			c.given = next()
		}
		if f.givenSiblings {
			c.givenMask = next()
		}
		if f.reference {
			c.ref = next()
		}
		around := plain.around(e.Config, block[1:])
		if f.part {
			c.leaveOut(next, block[0], &around)
		}
		out := []*Node{arch.Block(c.c, c.w, c, block[0], around)}
		if f.writes {
			out = append(out, c.senders)
		}
		if f.mixes {
			out = append(out, Concatenate(c.mixed(), -1))
		}
		if f.apart {
			out = append(out, c.apart()...)
		}
		if f.enters {
			out = append(out, c.entered)
		}
		return slices.Concat(out, c.outputs(), c.keeps())
	}
}

// final is the residual stream after the last block [batch, pos, d_model] without
// what a mask of one receiver cuts.
func (f cutForm) final() graphFn {
	return func(in []*Node) []*Node {
		x, rest := repeated(in[0], f.variants), in[1:]
		s := f.readForm.reading(func() *Node { y := rest[0]; rest = rest[1:]; return y }, x.Shape().Dimensions[0], f.places)
		return []*Node{Squeeze(s.of(ExpandAxes(x, 0), s.rest, 0, 1), 0)}
	}
}

// lessGraph is a sender [row, pos, d_model] less the reference's [1, row or 1, pos,
// d_model], if there is one, as a group.
func lessGraph(reference bool) graphFn {
	return func(in []*Node) []*Node {
		x := ExpandAxes(in[0], 0)
		if reference {
			x = Sub(x, perVariant(in[1], 1, x.Shape().Dimensions[1]))
		}
		return []*Node{x}
	}
}

// midGraph is the stream behind attention, from that behind the MLP and what the
// layer wrote.
func midGraph(in []*Node) []*Node {
	n := in[1].Shape().Dimensions[0]
	return []*Node{Sub(in[0], Squeeze(Slice(in[1], AxisRange(n-1, n)), 0))}
}

// meanGraph adds rows of x [(sender,) row, pos, d_model] to a mean, by weights
// [row, pos].
func meanGraph(in []*Node) []*Node {
	x := in[0]
	axis := x.Rank() - 3
	return []*Node{Add(in[2], ReduceAndKeep(Mul(x, ExpandLeftToRank(ExpandAxes(in[1], -1), x.Rank())), ReduceSum, axis))}
}

// pickGraph takes rows of x [(sender,) row, pos, d_model] by index.
func pickGraph(in []*Node) []*Node {
	x, index := in[1], ExpandAxes(in[0], -1)
	if x.Rank() == 3 {
		return []*Node{Gather(x, index)}
	}
	return []*Node{TransposeAllAxes(Gather(TransposeAllAxes(x, 1, 0, 2, 3), index), 1, 0, 2, 3)}
}

// firstGraph takes the first rows of a table [row, d_model] as [1, row, d_model].
func firstGraph(n int) graphFn {
	return func(in []*Node) []*Node { return []*Node{ExpandAxes(Slice(in[0], AxisRange(0, n)), 0)} }
}

// repeated repeats rows for the variants of a batch.
func repeated(x *Node, variants int) *Node {
	return perVariant(x, 0, x.Shape().Dimensions[0]*max(1, variants))
}

// repeatGraph repeats rows for the variants of a batch.
func repeatGraph(variants int) graphFn {
	return func(in []*Node) []*Node { return []*Node{repeated(in[0], variants)} }
}

var _ arch.HeadFirst = (*cutTap)(nil)
