package exec

import (
	"context"
	"fmt"
	"slices"

	"github.com/gomlx/gomlx/core/tensors"

	"github.com/golens/golens/model/hook"
	"github.com/golens/golens/model/internal/place"
	"github.com/golens/golens/model/internal/plan"
)

// chunk is rows that go through the blocks side by side. It is the one way
// through a model: rows of a run, of a sweep's variants and of a generation
// differ in where they start, which positions they compute and where what is read
// of them goes.
type chunk struct {
	*work
	group *plan.Group
	rows  []plan.Row // in use
	size  int        // rows of the tensors

	shared [2]sharedInputs   // by global and by local layers, made when needed
	own    []*tensors.Tensor // inputs of the block at work, to be given back
	final  *final
	growth *growth // of a generation

	far map[hook.ID]*farValue // what formulas of later blocks read

	keeps   bool                      // the way back follows
	insides int                       // the first layer of whose inside something is kept for it
	saved   []stream                  // into each block, and out of the last
	kept    map[int][]*tensors.Tensor // of the insides of blocks; see plan.Batch.Keeps

	// On the way back: gradients at what formulas of later blocks read, and, as in
	// Outcome.Weights, at tensors.
	pulls    map[hook.ID]gradients
	byTensor [][]float64
}

// stream is the residual stream at some positions of each row.
type stream struct {
	x    *tensors.Tensor             // [batch, pos, d_model]; nil before anything ran
	at   func(r plan.Row) []int      // positions, equally many in every row
	give func(ts ...*tensors.Tensor) // what to do with x afterwards
}

func (s stream) drop() {
	if s.x != nil {
		s.give(s.x)
	}
}

// newChunk is a chunk of a group.
func (w *work) newChunk(g *plan.Group, c plan.Chunk) *chunk {
	return &chunk{work: w, group: g, rows: c.Rows, size: c.Size, insides: w.Engine.Config.Layers}
}

// forward runs the rows through their blocks and measures what comes of them.
func (c *chunk) forward(ctx context.Context) (err error) {
	c.scratch.serve(c.group)
	c.far = nil
	var s stream
	defer func() {
		if c.keeps {
			c.saved = append(c.saved, s)
			return
		}
		s.drop()
	}()
	if c.rows[0].Embeds {
		if s, err = c.embed(); err != nil {
			return err
		}
	}
	for i, b := range c.rows[0].Blocks {
		if err := ctx.Err(); err != nil {
			return err
		}
		if s.x == nil {
			s, err = c.given(hook.ResidPre(b.Layer).ID, c.into(i), true)
		} else {
			s, err = c.move(s, c.into(i), b.Layer-1)
		}
		if err != nil {
			return err
		}
		next, err := c.block(i, s.x)
		if c.keeps {
			c.saved = append(c.saved, s)
		} else {
			s.drop()
		}
		s = next
		if err != nil {
			return err
		}
	}
	s, err = c.unembed(s)
	return err
}

// close gives back what the chunk holds.
func (c *chunk) close() {
	c.dropShared()
	for _, s := range c.saved {
		s.drop()
	}
	for _, g := range c.pulls {
		free(g...)
	}
	for _, k := range c.kept {
		free(k...)
	}
	c.saved, c.pulls, c.kept = nil, nil, nil
}

// into and out are the positions of the i-th block's input, and those of them that
// it computes. Where attention is computed they are as many in every row, past the
// row's end if need be.
func (c *chunk) into(i int) func(plan.Row) []int {
	return func(r plan.Row) []int {
		if b := r.Blocks[i]; !b.Attends {
			return b.In
		}
		return plan.Range(r.From, r.From+c.group.Width)
	}
}

func (c *chunk) out(i int) func(plan.Row) []int {
	into := c.into(i)
	return func(r plan.Row) []int {
		if b := r.Blocks[i]; !b.Attends || len(b.Out) != len(b.In) {
			return b.Out
		}
		return into(r)
	}
}

// whole are all positions that a row computes where it computes attention.
func (c *chunk) whole(r plan.Row) []int { return plan.Range(r.From, r.From+c.group.Width) }

// move takes the residual stream to other positions of each row; those that it
// does not have are the base run's, out of the given layer.
func (c *chunk) move(s stream, want func(plan.Row) []int, layer int) (stream, error) {
	same, fill := true, false
	n, pos := len(want(c.rows[0])), s.x.Shape().Dimensions[1]
	index, fresh := make([]int32, c.size*n), make([]bool, c.size*n)
	for i, r := range c.rows {
		a, b := s.at(r), want(r)
		if equal(a, b) && same {
			continue
		}
		if same { // until now
			same = false
			for k := range i * n {
				index[k], fresh[k] = int32(k), true
			}
		}
		at := place.List(a)
		for j, p := range b {
			k := at(p)
			if k < 0 {
				fill = fill || p < c.Lens[r.Index]
				continue
			}
			index[i*n+j], fresh[i*n+j] = int32(i*pos+k), true
		}
	}
	if same {
		return s, nil
	}
	defer s.drop()
	args, name := []any{s.x}, "move"
	ti, err := c.tensor(index, c.size, n)
	if err != nil {
		return stream{}, err
	}
	defer free(ti)
	args = append(args, ti)
	if fill {
		name = "move and fill"
		tf, err := c.tensor(fresh, c.size, n)
		if err != nil {
			return stream{}, err
		}
		defer free(tf)
		other, err := c.given(hook.ResidPost(layer).ID, want, false)
		if err != nil {
			return stream{}, err
		}
		defer other.drop()
		args = append(args, tf, other.x)
	}
	p, err := c.program(name, moveGraph(fill))
	if err != nil {
		return stream{}, err
	}
	out, err := call(name, p, args)
	if err != nil {
		return stream{}, err
	}
	return stream{out[0], want, free}, nil
}

// equal tells whether two lists are, at once if they are one.
func equal(a, b []int) bool {
	return len(a) == len(b) && (len(a) == 0 || &a[0] == &b[0] || slices.Equal(a, b))
}

// embed runs the embedding where the first block begins.
func (c *chunk) embed() (stream, error) {
	args, m, places, err := c.embedArgs()
	defer c.giveBack()
	if err != nil {
		return stream{}, err
	}
	t, fills := c.taps(plan.EmbedIDs, always, allByGraph)
	l := c.layout(places, places)
	out, err := c.call(m.name(), t, fills, m.graph(c.Engine, t), args, c.names.embed, -1, l)
	if err != nil {
		return stream{}, err
	}
	return stream{out[0], places, free}, c.take(out[1:], t.reads, 0, l)
}

// embedArgs are the tokens, and their positions if rows do not begin at 0.
func (c *chunk) embedArgs() (args []any, m embedding, places func(plan.Row) []int, err error) {
	places = c.whole
	if len(c.rows[0].Blocks) > 0 {
		places = c.into(0)
	}
	n := len(places(c.rows[0]))
	for _, r := range c.rows {
		at := places(r)
		m.placed = m.placed || at[0] != 0 || at[n-1] != n-1
	}
	err = c.add(&args)(reuse(c.scratch, func(ids []int32) {
		for i, r := range c.rows {
			tokens := c.tokens[r.Index]
			for j, pos := range places(r) {
				if pos < len(tokens) {
					ids[i*n+j] = tokens[pos]
				}
			}
		}
	}, c.size, n))
	if err == nil && m.placed {
		err = c.add(&args)(reuse(c.scratch, func(at []int32) {
			for i, r := range c.rows {
				for j, pos := range places(r) {
					at[i*n+j] = int32(min(pos, c.Config.Context-1)) // past the row's end
				}
			}
		}, c.size, n))
	}
	return args, m, places, err
}

// add appends a tensor that the chunk has made to the arguments of a call, after
// which it is given back.
func (c *chunk) add(args *[]any) func(*tensors.Tensor, error) error {
	return func(t *tensors.Tensor, err error) error {
		if t != nil {
			c.own, *args = append(c.own, t), append(*args, t)
		}
		return err
	}
}

// giveBack gives back the inputs of a call.
func (c *chunk) giveBack() {
	c.scratch.back(c.own...)
	c.own = nil
}

// form is which inputs the i-th block has.
func (c *chunk) form(i int) form {
	b := c.rows[0].Blocks[i]
	f := form{attends: b.Attends, past: b.Attends && c.group.Past > 0, z: b.GivenZ, attn: b.GivenAttn, mlp: b.GivenMLP}
	f.queries = b.Attends && len(b.Out) != len(b.In)
	if c.growth != nil {
		f.cache = newCache
		switch {
		case c.cached() && c.growth.step == 0:
			f.cache = longerCache
		case c.cached():
			f.cache = grownCache
		}
		f.window = c.growth.Window != nil
	}
	return f
}

// block runs the i-th block and takes what is read of it.
func (c *chunk) block(i int, x *tensors.Tensor) (stream, error) {
	b, f := c.rows[0].Blocks[i], c.form(i)
	args, err := c.around(i, f)
	defer c.giveBack()
	if err != nil {
		return stream{}, err
	}
	t, fills := c.blockTaps(i)
	f.ends = len(t.reads) > 0 && c.leadsNowhere(i)
	c.keepInsides(t, b.Layer)
	l := c.layout(c.out(i), c.into(i))
	out, err := c.call(f.name(), t, fills, f.graph(c.Engine, t), append([]any{x}, args...), c.names.block, b.Layer, l)
	if err != nil {
		return stream{}, fmt.Errorf("block %d: %w", b.Layer, err)
	}
	if f.ends {
		return stream{}, c.take(out, t.reads, b.Layer, l)
	}
	out = c.takeInsides(i, t, out)
	s := stream{out[0], c.out(i), free}
	out = out[1:]
	if f.cache != noCache {
		c.growth.keep(b.Layer, out[0], out[1])
		out = out[2:]
	}
	return s, c.take(out, t.reads, b.Layer, l)
}

// keepInsides makes a block's graph give what the way back is given.
func (c *chunk) keepInsides(t *taps, layer int) {
	if layer >= c.insides {
		t.keep = c.Keeps(c.size*c.group.Width, len(c.rows[0].Blocks))
	}
}

// takeInsides takes it.
func (c *chunk) takeInsides(i int, t *taps, out []*tensors.Tensor) []*tensors.Tensor {
	n := len(slices.Concat(t.keep...))
	if n == 0 {
		return out
	}
	if c.kept == nil {
		c.kept = map[int][]*tensors.Tensor{}
	}
	c.kept[i] = out[len(out)-n:]
	return out[:len(out)-n]
}

// leadsNowhere tells whether nothing reads what the i-th block makes of the residual stream. A
// graph of its own is worth compiling for a corpus alone.
func (c *chunk) leadsNowhere(i int) bool {
	reads := func(r plan.Row) bool { return len(r.Final) > 0 }
	return c.reduce != nil && i == len(c.rows[0].Blocks)-1 && !slices.ContainsFunc(c.rows, reads)
}

// blockTaps is what happens in the i-th block.
func (c *chunk) blockTaps(i int) (*taps, [][][]hook.Edit) {
	b := c.rows[0].Blocks[i]
	ids := make([]hook.ID, len(c.kinds))
	for k, kind := range c.kinds {
		ids[k] = hook.ID{Kind: kind, Layer: b.Layer}
	}
	start := i == 0 && !c.rows[0].Embeds
	t, fills := c.taps(ids, func(k hook.Kind) bool { return c.meets(k, b) }, func(k hook.Kind) making { return c.happens(k, b, start) })
	if named := func(l label) bool { return l.name != "" }; c.Job.Base.Common && !c.Exact && !slices.ContainsFunc(t.reads, named) {
		var kinds []hook.Kind
		for _, l := range t.reads {
			kinds = append(kinds, l.kind)
		}
		t.reads = nil
		for _, k := range plan.CommonReads(c.Config, kinds) {
			t.reads = append(t.reads, label{kind: k})
		}
	}
	return t, fills
}

// making is which edits of an activation are made in the graph.
type making int

const (
	byHost  making = iota // none: it is not computed, or was given with its edits made
	ownOnly               // those of variants: it was given with the base's made
	byGraph               // all
)

// taps are the slots and reads at some activations, and the edits of each row
// that fill each slot [slot][row].
func (c *chunk) taps(ids []hook.ID, meets func(hook.Kind) bool, happens func(hook.Kind) making) (*taps, [][][]hook.Edit) {
	t := &taps{}
	var fills [][][]hook.Edit
	for _, id := range ids {
		if meets(id.Kind) && c.isRead(id) {
			t.reads = append(t.reads, label{kind: id.Kind})
		}
		made := happens(id.Kind)
		if made == byHost {
			continue
		}
		editsOf := func(r plan.Row) []hook.Edit {
			if made == ownOnly {
				return c.Variants[r.Variant].Edits[id]
			}
			return c.EditsOf(r.Variant, id)
		}
		slots, edits := plan.Slots(editsOf(c.rows[0]))
		if len(slots) == 0 {
			continue
		}
		fill := make([][][]hook.Edit, len(slots))
		for _, r := range c.rows {
			_, own := plan.Slots(editsOf(r))
			for k := range slots {
				fill[k] = append(fill[k], own[k])
			}
		}
		for k, s := range slots {
			var f *calc
			if s.Op == hook.OpCompute {
				if !c.acts(fill[k]) {
					continue
				}
				f = newCalc(edits[k][0], meets)
				t.reads = append(t.reads, c.labelsRead(f.edit)...)
			}
			t.slots, t.calcs, fills = append(t.slots, s), append(t.calcs, f), append(fills, fill[k])
		}
	}
	return t, fills
}

// acts tells whether edits of the rows select any of them.
func (c *chunk) acts(fill [][]hook.Edit) bool {
	for i, edits := range fill {
		for _, e := range edits {
			if _, ok := e.Selects(c.rows[i].Index); ok {
				return true
			}
		}
	}
	return false
}

// isRead tells whether an activation is captured, measured or read by a formula of
// another block.
func (c *chunk) isRead(id hook.ID) bool {
	is := func(p hook.Point) bool {
		later := c.growth != nil && c.growth.ahead && plan.EachStep(p)
		return p.ID == id && p.Value == "" && !later
	}
	return slices.ContainsFunc(c.captures, is) || c.isFar(id) ||
		slices.ContainsFunc(c.Job.Base.Metrics, func(m plan.Objective) bool { return m.Linear != nil && is(m.Linear.Point) })
}

// labelsRead are the values that an edit labels and that are captured or measured.
func (c *chunk) labelsRead(e hook.Edit) (all []label) {
	add := func(p hook.Point) {
		if p.ID == e.ID && p.Value != "" && plan.Labels(e, p.Value) && !slices.Contains(all, labelOf(p)) {
			all = append(all, labelOf(p))
		}
	}
	for _, p := range c.captures {
		add(p)
	}
	for _, m := range c.Job.Base.Metrics {
		if m.Linear != nil {
			add(m.Linear.Point)
		}
	}
	return all
}

func always(hook.Kind) bool { return true }

func allByGraph(hook.Kind) making { return byGraph }

// meets tells whether the graph of a block comes by an activation. What it does
// not come by is as in the base run.
func (c *chunk) meets(k hook.Kind, b plan.Block) bool {
	switch part := plan.PartOf(c.Config, k); {
	case part > plan.PartIn && part <= plan.PartBoth:
		return b.Attends
	case part == plan.PartZ:
		return b.Attends || b.GivenZ
	case part == plan.PartMLP:
		return !b.GivenMLP
	}
	return true
}

// normsForMLP tells whether a norm of attention's is computed for the MLP alone.
func (c *chunk) normsForMLP(k hook.Kind, b plan.Block) bool {
	return c.Config.Parallel && c.Config.SharedNorm && (k == hook.KindLN1 || k == hook.KindLN1Norm) && !b.GivenMLP
}

// happens tells which edits of an activation are made in the graph. What is given
// has its edits made by the host, unless there are formulas among the variants' own.
func (c *chunk) happens(k hook.Kind, b plan.Block, start bool) making {
	given, computed := false, true
	switch part := plan.PartOf(c.Config, k); {
	case part == plan.PartIn:
		given = start
	case part <= plan.PartBoth:
		computed = b.Attends || c.normsForMLP(k, b)
	case k == hook.KindZ:
		given, computed = b.GivenZ, b.Attends
	case part == plan.PartZ:
		computed = b.Attends || b.GivenZ
	case part == plan.PartAttnOut:
		given = b.GivenAttn
	case part == plan.PartMLP:
		computed = !b.GivenMLP
	case part == plan.PartMLPOut:
		given = b.GivenMLP
	}
	switch {
	case given && c.InGraph(c.rows[0].Variant, hook.ID{Kind: k, Layer: b.Layer}):
		return ownOnly
	case given || !computed:
		return byHost
	}
	return byGraph
}

// call calls a graph with its weights, and its slots filled.
func (c *chunk) call(name string, t *taps, fills [][][]hook.Edit, g graphFn, args []any, weights []string, layer int, l layout) ([]*tensors.Tensor, error) {
	if layer >= 0 {
		block, release, err := c.useBlock(layer, weights)
		defer release()
		if err != nil {
			return nil, err
		}
		args = append(args, block...)
	} else {
		for _, n := range weights {
			args = append(args, c.weights[n])
		}
	}
	for i, s := range t.slots {
		var err error
		if f := t.calcs[i]; f != nil {
			err = c.fillCalc(&args, f, fills[i], l)
		} else {
			err = c.fillSlot(&args, s, fills[i], l)
		}
		if err != nil {
			return nil, err
		}
	}
	for _, n := range t.linears {
		if n.given {
			args = append(args, c.pulls[hook.ID{Kind: n.at.kind, Layer: max(layer, 0)}][n.metric])
			continue
		}
		edit := *c.Job.Base.Metrics[c.Job.Base.GradOf[n.metric]].Linear
		var own layout
		edit.Point, own = c.layoutOf(edit.Point, l)
		fill := make([][]hook.Edit, len(c.rows))
		for i := range fill {
			fill[i] = []hook.Edit{edit}
		}
		if err := c.fillSlot(&args, plan.Slot{Kind: edit.Kind, Op: hook.OpAdd}, fill, own); err != nil {
			return nil, err
		}
	}
	name += " " + t.name()
	p, err := c.program(name, g)
	if err != nil {
		return nil, err
	}
	return call(name, p, args)
}
