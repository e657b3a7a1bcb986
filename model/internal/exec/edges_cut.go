package exec

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/gomlx/gomlx/core/tensors"

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
	free  []*tensors.Tensor // inputs of the block at work
	side  [2]stack          // groups side by side: the base run's, and these variants' own
}

// A stack is groups of senders side by side in one tensor, for which a layer keeps
// what the one below put there.
type stack struct {
	t      *tensors.Tensor
	groups []*tensors.Tensor
}

// cut measures variants of a chunk of rows; the metrics' rows name a variant by
// its place in the list.
func (s *edges) cut(ctx context.Context, rows plan.Chunk, list []int, base *traced, metric func(k int, r plan.Row, value float64)) error {
	w := &cutting{edges: s, rows: rows, list: list, n: len(list), uses: s.Together(list), base: base,
		own: make([]*tensors.Tensor, s.Layers+1), start: s.Starts[list[0]]}
	if !s.Exact {
		w.n = s.Most
	}
	wide := plan.Chunk{Size: rows.Size * w.n}
	for v := range w.n {
		for i := range rows.Size { // the last row stands in where there is none
			r := rows.Rows[min(i, len(rows.Rows)-1)]
			r.Embeds, r.Blocks, r.Variant = false, r.Blocks[w.start:], v
			if i >= len(rows.Rows) {
				r.Variant = w.n
			}
			wide.Rows = append(wide.Rows, r)
		}
	}
	w.chunk = s.chunkOf(s.Batch, s.EdgeJob.Base.Tokens, wide, metric)
	defer w.chunk.close()
	defer func() {
		free(w.own...)
		w.scratch.back(w.side[0].t, w.side[1].t)
	}()
	x, err := s.one(fmt.Sprint("repeat ", w.n), repeatGraph(w.n), []any{base.resid[w.start]})
	defer func() { free(x) }()
	for l := w.start; l < s.Layers && err == nil; l++ {
		if err = ctx.Err(); err != nil {
			break
		}
		var y *tensors.Tensor
		y, err = w.layer(l, x)
		free(x)
		x = y
	}
	if err == nil && w.uses.Any(2*s.Layers) {
		var y *tensors.Tensor
		y, err = w.final(x)
		free(x)
		x = y
	}
	if err != nil {
		return err
	}
	_, err = w.chunk.unembed(stream{x, w.chunk.whole, func(...*tensors.Tensor) {}})
	return err
}

// layer runs one block with what its receivers read.
func (w *cutting) layer(l int, x *tensors.Tensor) (*tensors.Tensor, error) {
	u := w.uses
	f := cutForm{attention: u.Any(2 * l), mlp: u.Any(2*l + 1), siblings: u.At[2*l+1][l+1], writes: u.Later(l), places: w.places()}
	f.reference = f.writes && w.base.reference.writes()
	first, n := l*w.Graph.Reads(), w.Graph.Reads()
	if !f.attention {
		first, n = first+n-1, 1
	} else if !f.mlp && !w.AttnOnly() {
		n--
	}
	defer func() { w.scratch.back(w.free...); w.free = nil }()
	var more []any
	var err error
	if f.attention || f.mlp {
		more, err = w.reading(&f, []int{2 * l, 2*l + 1}, l, first, n)
	}
	if err == nil && f.siblings {
		var m *tensors.Tensor
		m, err = w.mask((l+1)*w.Graph.Reads()-1, 1, w.Group(l + 1)[:w.Heads], w.Heads)
		more = append(more, m)
	}
	if err != nil {
		return nil, err
	}
	if f.reference {
		more = append(more, w.base.reference.groups[l+1])
	}
	y, group, _, err := w.block(w.chunk, l, x, f, more)
	w.own[l+1] = group
	return y, err
}

// final is the last residual stream as it is read.
func (w *cutting) final(x *tensors.Tensor) (*tensors.Tensor, error) {
	f := cutForm{places: w.places()}
	more, err := w.reading(&f, []int{2 * w.Layers}, w.Layers, len(w.Graph.Receivers)-1, 1)
	defer func() { w.scratch.back(w.free...); w.free = nil }()
	if err != nil {
		return nil, err
	}
	return w.one("final "+f.name(), f.final(), append([]any{x}, more...))
}

// reading are the inputs by which receivers first..first+n-1 read what is left of
// the residual stream into a layer.
func (w *cutting) reading(f *cutForm, sections []int, layer, first, n int) (args []any, err error) {
	var senders [2][]int // shared and own
	var groups [2][]*tensors.Tensor
	for g := range layer + 1 {
		if !slices.ContainsFunc(sections, func(s int) bool { return w.uses.At[s][g] }) {
			continue
		}
		which, group := 0, w.base.groups[g]
		if g > w.start {
			which, group = 1, w.own[g]
		}
		senders[which], groups[which] = append(senders[which], w.Group(g)...), append(groups[which], group)
	}
	f.shared, f.own = senders[0] != nil, senders[1] != nil
	for i, list := range senders {
		if list == nil {
			continue
		}
		stack, err := w.stack(&w.side[i], groups[i], len(list))
		if err != nil {
			return nil, err
		}
		m, err := w.mask(first, n, list, stack.Shape().Dimensions[0])
		if args = append(args, stack, m); err != nil {
			return nil, err
		}
	}
	rest := slices.ContainsFunc(sections, func(s int) bool { return w.uses.Rest[s] })
	for _, s := range sections { // all that read or none, so that fewer graphs are compiled
		mid := s%2 == 1 && !w.Parallel
		f.rest = f.rest || rest && !mid && w.uses.Any(s)
		f.mid = f.mid || rest && mid && w.uses.Any(s)
	}
	if f.rest {
		args = append(args, w.base.reference.resid[layer])
	}
	if f.mid {
		args = append(args, w.base.reference.mid[layer])
	}
	if f.rest || f.mid {
		live, err := w.live(first, n)
		return append(args, live), err
	}
	return args, nil
}

// live is 1 for receivers that start from the run's own stream, 0 for those that
// start from the reference's [variant, receiver].
func (w *cutting) live(first, n int) (*tensors.Tensor, error) {
	t, err := reuse(w.scratch, func(x []float32) {
		for j := range w.n {
			for r := range n {
				if j >= len(w.list) || !w.Uses[w.list[j]].Inverse[first+r] {
					x[j*n+r] = 1
				}
			}
		}
	}, w.n, n)
	w.free = append(w.free, t)
	return t, err
}

// stack is groups of so many senders side by side, rounded up where graphs take
// long to compile.
func (w *cutting) stack(s *stack, groups []*tensors.Tensor, n int) (*tensors.Tensor, error) {
	size := n
	if quarter := (len(w.Graph.Senders) + 3) / 4; !w.Exact && n > 1 {
		size = min((n+quarter-1)/quarter*quarter, len(w.Graph.Senders))
	}
	if !w.scratch.keep || s.t == nil || s.t.Shape().Dimensions[0] != size || len(groups) < len(s.groups) || !slices.Equal(s.groups, groups[:len(s.groups)]) {
		w.scratch.back(s.t)
		*s = stack{}
	}
	t, err := w.sideBySide(*s, groups, size)
	*s = stack{t, groups}
	return t, err
}

// sideBySide is groups in one tensor of so many senders, zeros at its end; what a
// stack holds of them already is left there.
func (s *edges) sideBySide(has stack, groups []*tensors.Tensor, size int) (t *tensors.Tensor, err error) {
	shape := groups[0].Shape().Dimensions
	write := func(to []float32) {
		for i, g := range groups {
			err = cmp.Or(err, tensors.ConstFlatData(g, func(from []float32) {
				if i >= len(has.groups) {
					twoCopy(to, from)
				}
				to = to[len(from):]
			}))
		}
		if has.t == nil {
			clear(to)
		}
	}
	if t = has.t; t == nil {
		var bad error
		t, bad = over(s.scratch, write, size, shape[1], shape[2], shape[3])
		return t, cmp.Or(bad, err)
	}
	bad := tensors.MutableFlatData(t, write)
	return t, cmp.Or(bad, err)
}

// twoCopy is copy by two threads: memory is faster than one processor.
func twoCopy(to, from []float32) {
	half := len(from) / 2
	var wg sync.WaitGroup
	wg.Go(func() { copy(to, from[:half]) })
	copy(to[half:], from[half:])
	wg.Wait()
}

// places tells whether a variant's masks differ between positions.
func (w *cutting) places() bool {
	return slices.ContainsFunc(w.list, func(v int) bool { return w.Cuts[v].ByPosition() })
}

// mask is how much receivers first..first+n-1 lack of senders, of which there are
// width in all [row or 1, (pos,) variant, receiver, sender]; what those that start
// from the reference's stream keep counts negative.
func (w *cutting) mask(first, n int, senders []int, width int) (*tensors.Tensor, error) {
	dims := []int{1, w.n, n, width}
	rows, pos := 1, 1
	if w.places() {
		pos = w.Rows.Width
		dims = slices.Insert(dims, 1, pos)
	}
	if slices.ContainsFunc(w.list, func(v int) bool { return w.Cuts[v].ByRow() }) {
		rows, dims[0] = len(w.rows.Rows), w.rows.Size
	}
	t, err := reuse(w.scratch, func(x []float32) {
		for row := range rows {
			for p := range min(pos, w.Longest) {
				for j, v := range w.list {
					to := x[((row*pos+p)*w.n+j)*n*width:]
					for r := range n {
						w.fillMask(to[r*width:], v, w.rows.Rows[row].Index, p, first+r, senders)
					}
				}
			}
		}
		for j, v := range w.list {
			w.addPlaces(v, senders, first, n, func(row, p, receiver, sender int, value float32) {
				x[(((row*pos+p)*w.n+j)*n+receiver)*width+sender] = value
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
		if s < w.Graph.Before(receiver) {
			to[i] = w.Graph.At(c, row, pos, receiver, s) - less
		}
	}
}

// addPlaces sets the edges of receivers first..first+n-1 that a variant cuts at some
// positions, by the places of rows, receivers and senders in the mask.
func (w *cutting) addPlaces(variant int, senders []int, first, n int, set func(row, pos, receiver, sender int, value float32)) {
	for _, p := range w.Cuts[variant].Places {
		sender := slices.Index(senders, p.Sender)
		if sender < 0 {
			continue
		}
		for r := range n {
			if p.Sender >= w.Graph.Before(first+r) || p.Receivers != nil && !slices.Contains(p.Receivers, first+r) {
				continue
			}
			value := float32(1)
			if w.Uses[variant].Inverse[first+r] {
				value = 0
			}
			for row := range w.rows.Rows {
				for _, pos := range p.At[w.rows.Rows[row].Index] {
					set(row, pos, r, sender, value)
				}
			}
		}
	}
}
