package exec

import (
	"cmp"
	"context"
	"slices"

	"github.com/gomlx/gomlx/core/tensors"

	"github.com/golens/golens/model/hook"
	"github.com/golens/golens/model/internal/crew"
	"github.com/golens/golens/model/internal/plan"
)

// cutting is variants of a chunk of rows that share what lies below a layer. The
// batch is [variant, row].
type cutting struct {
	*edges
	chunk *chunk
	rows  plan.Chunk // without variants
	list  []int      // variants
	n     int        // variants of the batch, padding included
	start int        // first layer that lacks anything
	uses  *plan.Uses
	base  *traced
	own   []*tensors.Tensor // groups that these variants wrote, nil where nothing reads them
	wrote [][]int           // the senders of these groups
	free  []*tensors.Tensor // inputs of the block at work
	side  stack             // their groups side by side

	given  []bool          // key-value heads of the first layer that write the same in all variants; nil for none
	beside *tensors.Tensor // what they write [head, row, pos, d_model]
}

// A stack is groups of senders side by side in one tensor, for which a layer keeps
// what the one below put there.
type stack struct {
	t      *tensors.Tensor
	groups []*tensors.Tensor
	size   int // senders that have room
}

// cutting prepares variants of a chunk of rows, of which a batch has n.
func (s *edges) cutting(rows plan.Chunk, list []int, n int, base *traced, metric func(k int, r plan.Row, value float64)) *cutting {
	w := &cutting{edges: s, rows: rows, list: list, n: n, uses: s.Together(list), base: base,
		own: make([]*tensors.Tensor, s.Layers+1), wrote: make([][]int, s.Layers+1), start: s.Starts[list[0]]}
	wide := plan.Chunk{Size: rows.Size * w.n}
	for v := range w.n {
		for i := range rows.Size { // the last row stands in where there is none
			r := rows.Rows[min(i, len(rows.Rows)-1)]
			r.Embeds, r.Blocks, r.Variant = false, s.blocks(r, w.start), v
			if i >= len(rows.Rows) {
				r.Variant = w.n
			}
			wide.Rows = append(wide.Rows, r)
		}
	}
	w.chunk = s.chunkOf(s.Batch, s.EdgeJob.Base.Tokens, wide, metric)
	return w
}

func (w *cutting) close() {
	w.chunk.close()
	free(w.own...)
	w.giveBack()
	w.scratch.back(w.side.t, w.beside)
}

// cut measures variants of a chunk of rows; the metrics' rows name a variant by
// its place in the list.
func (s *edges) cut(ctx context.Context, rows plan.Chunk, list []int, base *traced, metric func(k int, r plan.Row, value float64)) (err error) {
	n := len(list)
	if !s.Exact {
		n = s.Most
	}
	w := s.cutting(rows, list, n, base, metric)
	defer w.close()
	if err := w.give(ctx); err != nil {
		return err
	}
	var x *tensors.Tensor // the stream, nil as long as it is the base run's
	defer func() { free(x) }()
	next := func(do func(x *tensors.Tensor) (*tensors.Tensor, error)) {
		if err != nil {
			return
		}
		if err = ctx.Err(); err != nil {
			return
		}
		var y *tensors.Tensor
		y, err = do(x)
		free(x)
		x = y
	}
	for l := w.start; l < s.Layers; l++ {
		next(func(x *tensors.Tensor) (*tensors.Tensor, error) { return w.layer(l, x) })
	}
	if w.uses.Any(2 * s.Layers) {
		next(w.final)
	}
	if err != nil {
		return err
	}
	at := w.chunk.whole
	if w.Ends != nil {
		at = func(r plan.Row) []int { return w.Ends[r.Index] }
	}
	_, err = w.chunk.unembed(stream{x, at, func(...*tensors.Tensor) {}})
	return err
}

// blocks are those that a row of a variant runs.
func (s *edges) blocks(r plan.Row, start int) []plan.Block {
	blocks := slices.Clone(r.Blocks[start:])
	if n := len(blocks); n > 0 && s.Ends != nil {
		blocks[n-1].In, blocks[n-1].Out = plan.Range(r.From, r.From+s.Rows.Width), s.Ends[r.Index]
	}
	return blocks
}

// stream is x, or the base run's stream into the first layer that lacks anything; variants
// is how often a graph repeats its rows.
func (w *cutting) stream(x *tensors.Tensor) (_ *tensors.Tensor, variants int, err error) {
	if x != nil {
		return x, 1, nil
	}
	if x = w.base.resid[w.start]; w.start == w.Layers && w.Ends != nil {
		x, err = w.atEnds(x)
	}
	return x, w.n, err
}

// atEnd tells whether a layer computes the positions that are read at the end alone.
func (w *cutting) atEnd(layer int) bool { return layer == w.Layers-1 && w.Ends != nil }

// giveBack gives back the inputs of a call.
func (w *cutting) giveBack() { w.scratch.back(w.free...); w.free = nil }

// layer runs one block with what its receivers read. Of heads, and of the MLP, that
// nothing comes of, the stream has what they write in the reference.
func (w *cutting) layer(l int, x *tensors.Tensor) (*tensors.Tensor, error) {
	u, given := w.uses, []bool(nil)
	if l == w.start {
		given = w.given
	}
	heads, mlp := w.Computed(u, l, given)
	some := len(heads) > 0
	f := cutForm{attention: some && u.Any(2*l), mlp: mlp && u.Any(2*l+1), siblings: some && mlp && u.At[2*l+1][l+1],
		given: given != nil, writes: (some || mlp) && u.Later(l), places: w.places(), ends: w.atEnd(l)}
	if f.part = len(heads) < w.KVHeads || mlp == w.AttnOnly(); f.part {
		f.heads, f.without = len(heads), !mlp
	}
	f.reference = (f.writes || f.part) && w.base.reference.writes()
	f.givenSiblings = f.given && mlp && u.At[2*l+1][l+1]
	defer w.giveBack()
	x, variants, err := w.stream(x)
	if err != nil {
		return nil, err
	}
	f.variants = variants
	more, err := w.inputs(&f, l, heads, mlp)
	if err != nil {
		return nil, err
	}
	y, groups, _, err := w.block(w.chunk, l, x, f, more)
	if len(groups) > 0 {
		w.own[l+1] = groups[0]
	}
	return y, err
}

// inputs are what a layer's graph has beside a block's, of the key-value heads that it
// computes, and whether of the MLP.
func (w *cutting) inputs(f *cutForm, l int, heads []int, hasMLP bool) (args []any, err error) {
	var queries, keys, values, wrote []int
	first, group, each := l*w.Graph.Reads(), w.Group(l+1), w.Heads/w.KVHeads
	for _, h := range heads {
		keys, values = append(keys, first+w.Heads+h), append(values, first+w.Heads+w.KVHeads+h)
		for q := h * each; q < (h+1)*each; q++ {
			queries, wrote = append(queries, first+q), append(wrote, group[q])
		}
	}
	siblings := slices.Clone(wrote)
	if hasMLP {
		wrote = append(wrote, group[w.Heads])
	}
	w.wrote[l+1] = wrote
	mlp := readers{[]int{first + w.Graph.Reads() - 1}, f.ends}
	sections := []int{2 * l, 2*l + 1}
	all, few := readers{}, readers{ends: true}
	late, of := &all, sections // what queries and the MLP are among
	if f.ends {
		late, of = &few, sections[:1]
	}
	if f.attention {
		late.list = queries
		all.list = slices.Concat(all.list, keys, values)
	}
	if f.mlp {
		late.list = slices.Concat(late.list, mlp.list)
	}
	args, err = w.reading(&f.readForm, of, l, all)
	add := func(more []any, bad error) { args, err = append(args, more...), cmp.Or(err, bad) }
	add(w.reading(&f.few, sections, l, few))
	if f.siblings {
		m, bad := w.mask(mlp, siblings, len(siblings))
		add([]any{m}, bad)
	}
	if f.given {
		add([]any{w.beside}, nil)
	}
	if f.givenSiblings {
		m, bad := w.mask(mlp, w.givenSenders(), w.Heads)
		add([]any{m}, bad)
	}
	if f.reference {
		ref, bad := w.base.reference.groups[l+1], error(nil)
		if f.ends {
			ref, bad = w.atEnds(ref)
		}
		add([]any{ref}, bad)
	}
	if f.part {
		add(w.part(heads))
	}
	return args, err
}

// part says which key-value heads a block computes, if any, and of each head whether it is
// left out.
func (w *cutting) part(heads []int) (args []any, err error) {
	if len(heads) > 0 {
		t, err := reuse(w.scratch, func(x []int32) {
			for i, h := range heads {
				x[i] = int32(h)
			}
		}, len(heads))
		if args, w.free = append(args, t), append(w.free, t); err != nil {
			return args, err
		}
	}
	t, err := reuse(w.scratch, func(x []float32) {
		for h := range x {
			if !slices.Contains(heads, h*w.KVHeads/w.Heads) {
				x[h] = 1
			}
		}
	}, w.Heads)
	w.free = append(w.free, t)
	return append(args, t), err
}

// final is the last residual stream as it is read.
func (w *cutting) final(x *tensors.Tensor) (*tensors.Tensor, error) {
	f := cutForm{places: w.places()}
	defer w.giveBack()
	x, variants, err := w.stream(x)
	if err != nil {
		return nil, err
	}
	f.variants = variants
	more, err := w.reading(&f.readForm, []int{2 * w.Layers}, w.Layers, readers{[]int{len(w.Graph.Receivers) - 1}, w.Ends != nil})
	if err != nil {
		return nil, err
	}
	return w.one("final "+f.name(), f.final(), append([]any{x}, more...))
}

// readers are receivers of a layer, by their numbers, that read at the same positions:
// all, or those that are read at the end.
type readers struct {
	list []int
	ends bool
}

// reading are the inputs by which receivers read what is left of the residual stream
// into a layer.
func (w *cutting) reading(f *readForm, sections []int, layer int, who readers) (args []any, err error) {
	if len(who.list) == 0 {
		return nil, nil
	}
	reads := func(group int) bool {
		return slices.ContainsFunc(sections, func(s int) bool { return w.uses.At[s][group] })
	}
	beside := func(stack *tensors.Tensor, senders []int) error {
		m, bad := w.mask(who, senders, stack.Shape().Dimensions[stack.Rank()-4])
		args = append(args, stack, m)
		return bad
	}
	if f.shared = slices.ContainsFunc(hook.UpTo(min(w.start, layer)+1), reads); f.shared {
		senders := hook.UpTo(1 + min(w.start, layer)*w.Graph.Writes())
		stack, err := w.shared(len(senders), who.ends)
		if err = cmp.Or(err, beside(stack, senders)); err != nil {
			return nil, err
		}
	}
	if f.given = w.given != nil && layer > w.start && reads(w.start+1); f.given {
		stack := w.beside
		if who.ends && !w.atEnd(w.start) {
			if stack, err = w.atEnds(stack); err != nil {
				return nil, err
			}
		}
		if err := beside(stack, w.givenSenders()); err != nil {
			return nil, err
		}
	}
	var senders []int
	var groups []*tensors.Tensor
	for g := w.start + 1; g <= layer; g++ {
		if reads(g) && len(w.wrote[g]) > 0 {
			senders, groups = append(senders, w.wrote[g]...), append(groups, w.own[g])
		}
	}
	if f.own = senders != nil; f.own {
		var stack *tensors.Tensor
		if who.ends {
			stack, err = w.stackAtEnds(groups, len(senders), w.n)
		} else {
			stack, err = w.stack(&w.side, groups, len(senders), w.n)
		}
		if err = cmp.Or(err, beside(stack, senders)); err != nil {
			return nil, err
		}
	}
	rest := slices.ContainsFunc(sections, func(s int) bool { return w.uses.Rest[s] })
	for _, s := range sections { // all that read or none, so that fewer graphs are compiled
		mid := s%2 == 1 && !w.Parallel
		f.rest = f.rest || rest && !mid && w.uses.Any(s)
		f.mid = f.mid || rest && mid && w.uses.Any(s)
	}
	add := func(t *tensors.Tensor, bad error) { args, err = append(args, t), cmp.Or(err, bad) }
	stream := func(t *tensors.Tensor) {
		if who.ends {
			add(w.atEnds(t))
		} else {
			add(t, nil)
		}
	}
	if f.rest {
		stream(w.base.reference.resid[layer])
	}
	if f.mid {
		stream(w.base.reference.mid[layer])
	}
	if f.rest || f.mid {
		add(w.live(who.list))
	}
	return args, err
}

// live is 1 for receivers that start from the run's own stream, 0 for those that
// start from the reference's [variant, receiver].
func (w *cutting) live(receivers []int) (*tensors.Tensor, error) {
	n := len(receivers)
	t, err := reuse(w.scratch, func(x []float32) {
		for j := range w.n {
			for i, r := range receivers {
				if j >= len(w.list) || !w.Uses[w.list[j]].Inverse[r] {
					x[j*n+i] = 1
				}
			}
		}
	}, w.n, n)
	w.free = append(w.free, t)
	return t, err
}

// atEnds is [cutting.ended] until the block at work has run.
func (w *cutting) atEnds(x *tensors.Tensor) (*tensors.Tensor, error) {
	t, err := w.ended(x)
	w.free = append(w.free, t)
	return t, err
}

// ended is x [(sender,) row or 1 or batch, pos, d_model] where rows are read at the end.
func (w *cutting) ended(x *tensors.Tensor) (*tensors.Tensor, error) {
	d := slices.Clone(x.Shape().Dimensions)
	n := len(d)
	q, from, pos := len(w.Ends[0]), d[n-3], d[n-2]
	d[n-3], d[n-2] = max(from, w.rows.Size), q
	senders := 1
	if n == 4 {
		senders = d[0]
	}
	var bad error
	t, err := over(w.scratch, func(to []float32) {
		bad = tensors.ConstFlatData(x, func(all []float32) {
			if pos == q { // they are all that there is
				copy(to, all)
				return
			}
			for s := range senders {
				for i := range d[n-3] {
					row := w.rows.Rows[min(i%w.rows.Size, len(w.rows.Rows)-1)].Index
					for j, p := range w.Ends[row] {
						at := (s*from+min(i, from-1))*pos + p
						copy(to[((s*d[n-3]+i)*q+j)*w.DModel:][:w.DModel], all[at*w.DModel:])
					}
				}
			}
		})
	}, d...)
	return t, cmp.Or(err, bad)
}

// stackAtEnds is groups side by side where rows are read at the end.
func (w *cutting) stackAtEnds(groups []*tensors.Tensor, n, variants int) (*tensors.Tensor, error) {
	some := make([]*tensors.Tensor, len(groups))
	for i, g := range groups {
		var err error
		if some[i], err = w.atEnds(g); err != nil {
			return nil, err
		}
	}
	t, err := w.sideBySide(stack{}, some, w.StackSize(n), variants)
	w.free = append(w.free, t)
	return t, err
}

// stack is groups of so many senders side by side.
func (w *cutting) stack(s *stack, groups []*tensors.Tensor, n, variants int) (*tensors.Tensor, error) {
	size := w.StackSize(n)
	if !w.scratch.keep || s.t == nil || s.size != size || len(groups) < len(s.groups) || !slices.Equal(s.groups, groups[:len(s.groups)]) {
		w.scratch.back(s.t)
		*s = stack{}
	}
	t, err := w.sideBySide(*s, groups, size, variants)
	*s = stack{t, groups, size}
	return t, err
}

// sideBySide is groups [sender, batch, pos, d_model] in one tensor of so many senders,
// zeros at its end, [sender, batch, pos, d_model] or, of several variants, [variant,
// sender, row, pos, d_model]; what a stack holds of them already is left there.
func (s *edges) sideBySide(has stack, groups []*tensors.Tensor, size, variants int) (t *tensors.Tensor, err error) {
	d := groups[0].Shape().Dimensions
	dims := []int{size, d[1] / variants, d[2], d[3]}
	n := dims[1] * dims[2] * dims[3]
	if variants > 1 {
		dims = append([]int{variants}, dims...)
	}
	write := func(to []float32) {
		at := 0
		for i, g := range groups {
			senders := g.Shape().Dimensions[0]
			if i >= len(has.groups) {
				err = cmp.Or(err, tensors.ConstFlatData(g, func(from []float32) {
					inHalves(senders*variants, func(k int) { copy(to[(k%variants*size+at+k/variants)*n:][:n], from[k*n:]) })
				}))
			}
			at += senders
		}
		for v := range variants {
			if has.t == nil {
				clear(to[(v*size+at)*n : (v+1)*size*n])
			}
		}
	}
	if t = has.t; t == nil {
		var bad error
		t, bad = over(s.scratch, write, dims...)
		return t, cmp.Or(bad, err)
	}
	bad := tensors.MutableFlatData(t, write)
	return t, cmp.Or(bad, err)
}

// inHalves copies by two threads: memory is faster than one processor.
func inHalves(n int, do func(k int)) {
	var wg crew.Group
	wg.Go(func() {
		for k := range n / 2 {
			do(k)
		}
	})
	for k := n / 2; k < n; k++ {
		do(k)
	}
	wg.Wait()
}

// places tells whether a variant's masks differ between positions.
func (w *cutting) places() bool {
	return slices.ContainsFunc(w.list, func(v int) bool { return w.Cuts[v].ByPosition() })
}

// mask is how much receivers lack of senders, of which there are width in all [row or
// 1, (pos,) variant, receiver, sender]; what those that start from the reference's
// stream keep counts negative.
func (w *cutting) mask(who readers, senders []int, width int) (*tensors.Tensor, error) {
	n := len(who.list)
	dims := []int{1, w.n, n, width}
	rows, places := 1, func(int) []int { return []int{0} }
	if w.places() {
		places = func(int) []int { return hook.UpTo(w.Rows.Width) }
		if who.ends {
			places = func(row int) []int { return w.Ends[row] }
		}
		dims = slices.Insert(dims, 1, len(places(0)))
	}
	pos := len(places(0))
	if who.ends && w.places() || slices.ContainsFunc(w.list, func(v int) bool { return w.Cuts[v].ByRow() }) {
		rows, dims[0] = len(w.rows.Rows), w.rows.Size
	}
	t, err := reuse(w.scratch, func(x []float32) {
		for row := range rows {
			index := w.rows.Rows[row].Index
			for i, p := range places(index) {
				if p >= w.Longest {
					break
				}
				for j, v := range w.list {
					to := x[((row*pos+i)*w.n+j)*n*width:]
					for k, r := range who.list {
						w.fillMask(to[k*width:], v, index, p, r, senders)
					}
				}
			}
		}
		for j, v := range w.list {
			w.addPlaces(v, senders, who.list, func(row, p, receiver, sender int, value float32) {
				if i := slices.Index(places(w.rows.Rows[row].Index), p); i >= 0 {
					x[(((row*pos+i)*w.n+j)*n+receiver)*width+sender] = value
				}
			})
		}
	}, dims...)
	w.free = append(w.free, t)
	return t, err
}

// fillMask is one receiver's part of a mask.
func (w *cutting) fillMask(to []float32, variant, row, pos, receiver int, senders []int) {
	less := float32(0)
	if w.Uses[variant].Inverse[receiver] {
		less = 1
	}
	c := w.Cuts[variant]
	c.Places = nil // see addPlaces
	for i, s := range senders {
		if s >= 0 && s < w.Graph.Before(receiver) {
			to[i] = w.Graph.At(c, row, pos, receiver, s) - less
		}
	}
}

// addPlaces sets the edges of receivers that a variant cuts at some positions, by the
// places of rows, receivers and senders in the mask.
func (w *cutting) addPlaces(variant int, senders, receivers []int, set func(row, pos, receiver, sender int, value float32)) {
	for _, p := range w.Cuts[variant].Places {
		sender := slices.Index(senders, p.Sender)
		if sender < 0 {
			continue
		}
		for i, r := range receivers {
			if p.Sender >= w.Graph.Before(r) || p.Receivers != nil && !slices.Contains(p.Receivers, r) {
				continue
			}
			value := float32(1)
			if w.Uses[variant].Inverse[r] {
				value = 0
			}
			for row := range w.rows.Rows {
				for _, pos := range p.At[w.rows.Rows[row].Index] {
					set(row, pos, i, sender, value)
				}
			}
		}
	}
}
