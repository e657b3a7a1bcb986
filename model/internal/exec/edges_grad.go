package exec

import (
	"context"
	"fmt"
	"slices"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"

	"github.com/golens/golens/model/edge"
	"github.com/golens/golens/model/internal/plan"
)

// A masking is one cut of a chunk of rows, run so that the metric's gradient by the
// share of each edge that is cut can be found. All senders are these rows' own.
type masking struct {
	*edges
	chunk  *chunk
	rows   plan.Chunk
	cut    edge.Cut
	places bool    // the gradient is wanted at each position
	run    *traced // resid_pre of each layer, and what senders wrote
	used   []*tensors.Tensor
	grad   func(row, pos, receiver, sender int, value float32)
}

// byShares runs a cut and adds the gradient of the first metric by each share.
// reference may be nil; places tells whether positions are kept apart, else pos is 0.
func (s *edges) byShares(ctx context.Context, rows plan.Chunk, cut edge.Cut, reference *traced, places bool,
	metric func(k int, r plan.Row, value float64), grad func(row, pos, receiver, sender int, value float32)) error {
	m := &masking{edges: s, rows: rows, cut: cut, places: places || cut.ByPosition(), run: &traced{reference: reference, shared: true},
		chunk: s.chunkOf(s.Batch, s.EdgeJob.Base.Tokens, rows, metric), grad: grad}
	if m.places && !places {
		m.grad = func(row, _, receiver, sender int, value float32) { grad(row, 0, receiver, sender, value) }
	}
	m.run.chunk = m.chunk
	defer m.run.free()
	read, err := m.forward(ctx)
	defer free(read)
	if err != nil {
		return err
	}
	return m.back(ctx, read)
}

// form is which inputs a layer's graph has.
func (m *masking) form() cutForm {
	return cutForm{attention: true, mlp: !m.AttnOnly(), readForm: readForm{own: true}, siblings: !m.AttnOnly() && !m.Parallel, places: m.places,
		writes: true, reference: m.run.reference.writes()}
}

// forward runs all blocks and measures: the last residual stream as it is read.
func (m *masking) forward(ctx context.Context) (read *tensors.Tensor, err error) {
	x, first, err := m.embed(m.run)
	m.run.resid, m.run.groups = append(m.run.resid, x), append(m.run.groups, first)
	if err != nil {
		return nil, err
	}
	if m.wholeEmbedding() {
		free(first)
		if m.run.groups[0], err = m.first(m.run, x); err != nil {
			return nil, err
		}
	}
	for l := range m.Layers {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		more, err := m.inputs(l)
		if err == nil {
			var y *tensors.Tensor
			var groups []*tensors.Tensor
			y, groups, _, err = m.block(m.chunk, l, m.run.resid[l], m.form(), more)
			m.run.resid, m.run.groups = append(m.run.resid, y), append(m.run.groups, groups...)
		}
		m.giveBack()
		if err != nil {
			return nil, err
		}
	}
	more, err := m.inputs(m.Layers)
	defer m.giveBack()
	if err != nil {
		return nil, err
	}
	f := m.finalForm()
	if read, err = m.one("final "+f.name(), f.final(), append([]any{m.run.resid[m.Layers]}, more...)); err != nil {
		return nil, err
	}
	_, err = m.chunk.unembed(stream{read, m.chunk.whole, func(...*tensors.Tensor) {}})
	return read, err
}

func (m *masking) finalForm() cutForm {
	return cutForm{readForm: readForm{own: true}, places: m.places}
}

func (m *masking) giveBack() { m.scratch.back(m.used...); m.used = nil }

// receivers are those of a layer, or, behind the last one, of the final stream.
func (m *masking) receivers(layer int) (first, n int) {
	if layer == m.Layers {
		return len(m.Graph.Receivers) - 1, 1
	}
	return layer * m.Graph.Reads(), m.Graph.Reads()
}

// inputs are what a layer's graph has beside a block's: senders and masks.
func (m *masking) inputs(layer int) ([]any, error) {
	stack, err := m.stack(layer)
	if err != nil {
		return nil, err
	}
	first, n := m.receivers(layer)
	args := []any{stack}
	add := func(first, n, from, width, real int) error {
		t, err := m.mask(first, n, from, width, real)
		args, m.used = append(args, t), append(m.used, t)
		return err
	}
	if err := add(first, n, 0, stack.Shape().Dimensions[0], m.before(layer)); err != nil || layer == m.Layers {
		return args, err
	}
	if f := m.form(); f.siblings {
		if err := add(first+n-1, 1, m.before(layer), m.Heads, m.Heads); err != nil {
			return args, err
		}
	}
	if m.run.reference.writes() {
		args = append(args, m.run.reference.groups[layer+1])
	}
	return args, nil
}

// mask is how much receivers lack of senders from.. in each row [row, (pos,) 1,
// receiver, sender], so that each row has a gradient of its own. The first real of
// the width senders are some.
func (m *masking) mask(first, n, from, width, real int) (*tensors.Tensor, error) {
	pos := 1
	dims := []int{m.rows.Size, 1, n, width}
	if m.places {
		pos = m.Rows.Width
		dims = []int{m.rows.Size, pos, 1, n, width}
	}
	return reuse(m.scratch, func(x []float32) {
		for i, r := range m.rows.Rows {
			for p := range min(pos, m.Longest) {
				for v := range n {
					to := x[((i*pos+p)*n+v)*width:][:width]
					for u := range min(real, m.Graph.Before(first+v)-from) {
						to[u] = m.Graph.At(m.cut, r.Index, p, first+v, from+u)
					}
				}
			}
		}
	}, dims...)
}

// back goes from the metric down to the first block.
func (m *masking) back(ctx context.Context, read *tensors.Tensor) error {
	c := m.chunk
	c.saved = []stream{{read, c.whole, func(...*tensors.Tensor) {}}}
	above, err := c.backFinal(make([][]backTo, 1))
	c.saved = nil
	if err != nil || above[0] == nil {
		free(above...)
		return err
	}
	y := above[0]
	defer func() { free(y) }()
	more, err := m.inputs(m.Layers)
	if err != nil {
		m.giveBack()
		return err
	}
	f := m.finalForm()
	out, err := m.several("final back "+f.name(), finalBack(f), append(append([]any{m.run.resid[m.Layers]}, more...), y))
	m.giveBack()
	if err != nil {
		return err
	}
	free(y)
	y = out[0]
	senders := out[1] // the gradient by all that was written so far
	defer func() { free(senders) }()
	if err := m.take(out[2], m.Layers, false); err != nil {
		return err
	}
	free(out[2])
	for l := m.Layers - 1; l >= 0; l-- {
		if err := ctx.Err(); err != nil {
			return err
		}
		out, err := m.backLayer(l, y, senders)
		if err != nil {
			return fmt.Errorf("block %d, gradient by shares: %w", l, err)
		}
		free(y)
		y = out[0]
		sum, err := m.one(fmt.Sprint("written before ", m.before(l)), sumFirst(m.before(l)), []any{out[1], senders})
		free(senders)
		if senders = sum; err == nil {
			err = m.take(out[2], l, false)
		}
		if err == nil && len(out) > 3 {
			err = m.take(out[3], l, true)
		}
		free(out[1:]...)
		if err != nil {
			return err
		}
	}
	return nil
}

// backLayer is the gradients at a block's input, at what was written before it, and
// by its masks.
func (m *masking) backLayer(l int, y, senders *tensors.Tensor) ([]*tensors.Tensor, error) {
	c, f := m.chunk, m.form()
	args, err := c.around(l, form{attends: true})
	defer c.giveBack()
	if err != nil {
		return nil, err
	}
	more, err := m.inputs(l)
	defer m.giveBack()
	if err != nil {
		return nil, err
	}
	before := m.before(l)
	own, err := m.one(fmt.Sprint("written ", before), sliceOf(before, before+m.Width(l+1)), []any{senders})
	if err != nil {
		return nil, err
	}
	defer free(own)
	t, fills := c.blockTaps(l)
	args = append(append(append([]any{m.run.resid[l]}, args...), more...), y, own)
	return c.call(f.name()+" back", t, fills, f.back(m.Engine, t), args, c.names.block, l, c.layout(c.whole, c.whole))
}

// take gives the gradient by a mask away.
func (m *masking) take(t *tensors.Tensor, layer int, siblings bool) error {
	first, n := m.receivers(layer)
	from := 0
	if siblings {
		first, n = first+n-1, 1
		from = m.Graph.Before(first) - m.Heads
	}
	pos := 1
	if m.places {
		pos = m.Rows.Width
	}
	width := t.Shape().Dimensions[t.Rank()-1]
	return tensors.ConstFlatData(t, func(x []float32) {
		for i, r := range m.rows.Rows {
			here := 1
			if m.places {
				here = m.Lens[r.Index]
			}
			for p := range here {
				for v := range n {
					g := x[((i*pos+p)*n+v)*width:][:width]
					before := m.Graph.Before(first+v) - from
					for u := range min(width, before) {
						m.grad(r.Index, p, first+v, from+u, g[u])
					}
				}
			}
		}
	})
}

// several calls a graph with several outputs.
func (s *edges) several(name string, g graphFn, args []any) ([]*tensors.Tensor, error) {
	p, err := s.program(name, g)
	if err != nil {
		return nil, err
	}
	return call(name, p, args)
}

// stack is what senders wrote before a layer's end of reading, side by side; where
// graphs take long to compile as wide as all senders, so that one graph serves all
// layers.
func (m *masking) stack(layer int) (*tensors.Tensor, error) {
	width := m.before(layer)
	if !m.Exact {
		width = len(m.Graph.Senders)
	}
	t, err := m.sideBySide(stack{}, m.run.groups[:layer+1], width, 1)
	m.used = append(m.used, t)
	return t, err
}

// before is how many senders wrote before a layer.
func (m *masking) before(layer int) (n int) {
	for g := range layer + 1 {
		n += m.Width(g)
	}
	return n
}

// back is the way back through [cutForm.graph], whose inputs end with the gradients
// at resid_post and at what the block's senders wrote: those at resid_pre, at what
// was written before, and by the masks.
func (f cutForm) back(e *Engine, t *taps) graphFn {
	return func(in []*Node) []*Node {
		n := form{attends: true}.inputs(e.Config)
		end := n + f.inputs()
		out := f.graph(e, t)(slices.Concat(in[:end], in[end+2:]))
		loss := Add(ReduceAllSum(Mul(out[0], in[end])), ReduceAllSum(Mul(out[1], in[end+1])))
		by := []*Node{in[0], in[n], in[n+1]}
		if f.siblings {
			by = append(by, in[n+2])
		}
		return Gradient(loss, by...)
	}
}

// sliceOf is senders first..end-1.
func sliceOf(first, end int) graphFn {
	return func(in []*Node) []*Node { return []*Node{Slice(in[0], AxisRange(first, end))} }
}

// sumFirst is the sum of the first n senders.
func sumFirst(n int) graphFn {
	first := sliceOf(0, n)
	return func(in []*Node) []*Node { return []*Node{Add(first(in[:1])[0], first(in[1:])[0])} }
}

// finalBack is the same through [cutForm.final].
func finalBack(f cutForm) graphFn {
	return func(in []*Node) []*Node {
		last := len(in) - 1
		out := f.final()(in[:last])
		return Gradient(ReduceAllSum(Mul(out[0], in[last])), in[:last]...)
	}
}
