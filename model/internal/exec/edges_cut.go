package exec

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/gomlx/gomlx/core/tensors"
)

// cutting is variants of a chunk of rows that share what lies below a layer. The
// batch is [row, variant].
type cutting struct {
	*edgeRun
	pass  *pass
	of    *frame // of the rows
	list  []int  // variants
	n     int    // variants of the batch, padding included
	start int    // first layer that lacks anything
	uses  *uses
	base  *traced
	ref   *traced
	own   []*tensors.Tensor // groups that these variants wrote, nil where nobody reads them
	free  []*tensors.Tensor
}

// cut measures variants of a chunk of rows.
func (s *edgeRun) cut(ctx context.Context, f *frame, list []int, base, reference *traced) error {
	n := len(list)
	if !s.Backend.Go() {
		n = s.most
	}
	w := &cutting{edgeRun: s, of: f, list: list, n: n, uses: s.usesOf(list), base: base, ref: reference, own: make([]*tensors.Tensor, s.Config.Layers+1)}
	w.start = s.starts[list[0]]
	lens := make([]int, f.rows*n)
	for i := range lens {
		lens[i] = f.lens[f.first+i/n]
	}
	wide := &frame{rows: f.rows * n, batch: f.batch * n, pos: f.pos, lens: lens, longest: f.longest}
	w.pass = &pass{Engine: s.Engine, frame: wide, job: Job{Metrics: w.metrics()}, out: s.outcome(len(lens))}
	defer w.pass.close()
	defer func() { free(w.own...) }()
	x, err := s.one(fmt.Sprint("repeat ", n), repeatGraph(n), []any{base.resid[w.start]})
	if err != nil {
		return err
	}
	for l := w.start; l < s.Config.Layers; l++ {
		if err := ctx.Err(); err != nil {
			free(x)
			return err
		}
		y, err := w.layer(l, x)
		free(x)
		if err != nil {
			return err
		}
		x = y
	}
	defer func() { free(x) }()
	if w.uses.any(2 * s.Config.Layers) {
		y, err := w.final(x)
		if err != nil {
			return err
		}
		free(x)
		x = y
	}
	if err := w.pass.logits(x); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for k, m := range w.pass.out.Metrics {
		for i := range f.rows {
			for j, v := range list {
				s.out.Metrics[k][v][f.first+i] = m[i*n+j]
			}
		}
	}
	s.done(len(list) * f.rows)
	return nil
}

// metrics are the job's, of rows that stand there once for every variant.
func (w *cutting) metrics() (all []Objective) {
	row := func(r int) int { return w.of.first + r/w.n }
	for _, m := range w.Base.Metrics {
		o := Objective{
			At: func(r int) []int { return m.At(row(r)) },
			Eval: func(r, i int, logits []float32, grad func(int, float64)) float64 {
				return m.Eval(row(r), i, logits, grad)
			},
		}
		if m.Tokens != nil {
			o.Tokens = func(r int) []int32 { return m.Tokens(row(r)) }
		}
		all = append(all, o)
	}
	return all
}

// layer runs one block with what its receivers lack.
func (w *cutting) layer(l int, x *tensors.Tensor) (*tensors.Tensor, error) {
	u := w.uses
	f := cutForm{attention: u.any(2 * l), siblings: u.at[2*l+1][l+1], writes: u.later(l)}
	f.mlp = u.any(2*l + 1)
	f.reference = f.writes && w.ref.writes()
	first, n := l*w.Graph.Reads(), w.Graph.Reads()
	if !f.attention {
		first, n = first+n-1, 1
	} else if !f.mlp && !w.Config.AttnOnly() {
		n--
	}
	f.places = w.places()
	var more []any
	var err error
	if f.attention || f.mlp {
		more, err = w.stream(&f, []int{2 * l, 2*l + 1}, l, first, n)
	}
	if err == nil && f.siblings {
		var m *tensors.Tensor
		m, err = w.mask((l+1)*w.Graph.Reads()-1, 1, heads(l, w.Graph.Writes(), w.Config.Heads), w.Config.Heads)
		more = append(more, m)
	}
	defer func() { w.scratch.back(w.free...); w.free = nil }()
	if err != nil {
		return nil, err
	}
	if f.reference {
		more = append(more, w.ref.groups[l+1])
	}
	y, group, err := w.block(w.pass, l, x, f, more)
	w.own[l+1] = group
	return y, err
}

// heads are the indices of a layer's heads among the senders.
func heads(l, writes, n int) []int { return from(upTo(1+l*writes+n), 1+l*writes) }

// final is the last residual stream without what is cut of it.
func (w *cutting) final(x *tensors.Tensor) (*tensors.Tensor, error) {
	f := cutForm{places: w.places()}
	more, err := w.stream(&f, []int{2 * w.Config.Layers}, w.Config.Layers, len(w.Graph.Receivers)-1, 1)
	defer func() { w.scratch.back(w.free...); w.free = nil }()
	if err != nil {
		return nil, err
	}
	return w.one("final "+f.name(), cutFinalGraph(f), append([]any{x}, more...))
}

// stream are the inputs by which receivers first..first+n-1 read what is left of
// the residual stream into a layer.
func (w *cutting) stream(f *cutForm, sections []int, layer, first, n int) (args []any, err error) {
	var senders [2][]int // shared and own
	var groups [2][]*tensors.Tensor
	for g := range layer + 1 {
		read := false
		for _, s := range sections {
			read = read || w.uses.at[s][g]
		}
		if !read {
			continue
		}
		all, which, group := []int{0}, 0, w.base.groups[g]
		if g > 0 {
			all = heads(g-1, w.Graph.Writes(), w.Graph.Writes())
		}
		if g > w.start {
			which, group = 1, w.own[g]
		}
		senders[which], groups[which] = append(senders[which], all...), append(groups[which], group)
	}
	f.shared, f.own = senders[0] != nil, senders[1] != nil
	for i, list := range senders {
		if list == nil {
			continue
		}
		stack, err := w.stack(groups[i], len(list))
		if err != nil {
			return nil, err
		}
		m, err := w.mask(first, n, list, stack.Shape().Dimensions[1])
		if args = append(args, stack, m); err != nil {
			return nil, err
		}
	}
	for _, s := range sections {
		switch {
		case !w.uses.rest[s]:
		case s%2 == 1 && !w.Config.Parallel:
			f.mid = true
		default:
			f.rest = true
		}
	}
	if f.rest {
		args = append(args, w.ref.resid[layer])
	}
	if f.mid {
		args = append(args, w.ref.mid[layer])
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
	t, err := fill(w.Engine, func(x []float32) {
		for j := range w.n {
			for r := range n {
				if j >= len(w.list) || !w.sections[w.list[j]].inverse[first+r] {
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
func (w *cutting) stack(groups []*tensors.Tensor, n int) (*tensors.Tensor, error) {
	size := n
	if quarter := (len(w.Graph.Senders) + 3) / 4; !w.Backend.Go() && n > 1 {
		size = min((n+quarter-1)/quarter*quarter, len(w.Graph.Senders))
	}
	shape := groups[0].Shape().Dimensions
	one := shape[2] * shape[3]
	var err error
	t, bad := reuse(w.scratch, func(to []float32) {
		at := 0
		for _, g := range groups {
			width := g.Shape().Dimensions[1] * one
			err = cmp.Or(err, tensors.ConstFlatData(g, func(from []float32) {
				var wg sync.WaitGroup
				for half := range 2 { // memory is faster than one processor
					wg.Go(func() {
						for row := half * shape[0] / 2; row < (half+1)*shape[0]/2; row++ {
							copy(to[row*size*one+at:], from[row*width:][:width])
						}
					})
				}
				wg.Wait()
			}))
			at += width
		}
	}, shape[0], size, shape[2], shape[3])
	w.free = append(w.free, t)
	return t, cmp.Or(bad, err)
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
		pos = w.of.pos
		dims = slices.Insert(dims, 1, pos)
	}
	if slices.ContainsFunc(w.list, func(v int) bool { return w.Cuts[v].ByRow() }) {
		rows, dims[0] = w.of.batch, w.of.batch
	}
	t, err := fill(w.Engine, func(x []float32) {
		for row := range min(rows, w.of.rows) {
			for p := range min(pos, w.of.longest) {
				for j, v := range w.list {
					to := x[((row*pos+p)*w.n+j)*n*width:]
					for r := range n {
						w.fillMask(to[r*width:], v, w.of.first+row, p, first+r, senders)
					}
				}
			}
		}
	}, dims...)
	w.free = append(w.free, t)
	return t, err
}

// fillMask is one receiver's part of a mask.
func (w *cutting) fillMask(to []float32, variant, row, pos, receiver int, senders []int) {
	less := float32(0)
	if w.sections[variant].inverse[receiver] {
		less = 1
	}
	for i, s := range senders {
		if s < w.Graph.Before(receiver) {
			to[i] = w.Graph.At(w.Cuts[variant], row, pos, receiver, s) - less
		}
	}
}
