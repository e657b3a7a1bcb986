package exec

import (
	"context"
	"fmt"
	"slices"

	"github.com/gomlx/gomlx/core/tensors"

	"github.com/golens/golens/model/hook"
	"github.com/golens/golens/model/internal/arch"
)

// pass is the work on one chunk.
type pass struct {
	*Engine
	*frame
	job Job
	out *Outcome

	sights [2]*sight         // of global and of local layers, made when needed
	saved  []*tensors.Tensor // resid_pre of each layer and the last resid_post, for the way back
	final  finalCall
}

func (e *Engine) pass(ctx context.Context, job Job, f *frame, out *Outcome) error {
	p := &pass{Engine: e, frame: f, job: job, out: out}
	defer p.close()
	if err := p.forward(ctx); err != nil {
		return err
	}
	if len(job.GradOf) > 0 {
		return p.backward(ctx)
	}
	return nil
}

// close frees what the pass made for itself.
func (p *pass) close() {
	free(p.saved...)
	for _, s := range p.sights {
		if s != nil {
			free(s.mask, s.cos, s.sin)
		}
	}
}

// forward runs the blocks from job.From up to job.Until and, if somebody reads
// them, the logits.
func (p *pass) forward(ctx context.Context) error {
	x, err := p.start()
	if err != nil {
		return err
	}
	keep := len(p.job.GradOf) > 0
	if keep {
		p.saved = make([]*tensors.Tensor, p.Config.Layers+1)
	}
	for l := p.job.From; l < p.job.Until; l++ {
		if err := ctx.Err(); err != nil {
			return err
		}
		y, err := p.block(l, x)
		if keep {
			p.saved[l] = x
		} else {
			free(x)
		}
		if err != nil {
			return err
		}
		x = y
	}
	if keep {
		p.saved[p.job.Until] = x
	} else {
		defer free(x)
	}
	return p.logits(x)
}

// start is the residual stream into the first block that runs.
func (p *pass) start() (*tensors.Tensor, error) {
	if p.job.From > 0 {
		x, err := p.residual(p.job.Resid)
		if err != nil {
			return nil, err
		}
		return p.tensor(x, p.batch, p.pos, p.Config.DModel)
	}
	ids, err := p.tensor(p.tokens(p.job), p.batch, p.pos)
	if err != nil {
		return nil, err
	}
	defer free(ids)
	t := p.taps(nil, embedIDs...)
	out, err := p.run("embed", t, embedGraph(p.Engine, &t.taps), p.with([]any{ids}, p.embedNames()))
	if err != nil {
		return nil, err
	}
	return out[0], p.take(t, out[1:])
}

var embedIDs = []hook.ID{{Kind: hook.KindEmbed}, {Kind: hook.KindPosEmbed}}

// block runs one block and takes what was asked of it.
func (p *pass) block(l int, x *tensors.Tensor) (*tensors.Tensor, error) {
	t := p.taps(nil, p.ids(l)...)
	args, err := p.blockArgs(l, x)
	if err != nil {
		return nil, err
	}
	out, err := p.run("block", t, blockGraph(p.Engine, &t.taps), p.with(args, p.layerNames(), l))
	if err != nil {
		return nil, fmt.Errorf("block %d: %w", l, err)
	}
	return out[0], p.take(t, out[1:])
}

// blockArgs are the inputs that lead a block's graph.
func (p *pass) blockArgs(l int, x *tensors.Tensor) ([]any, error) {
	s, err := p.sight(l)
	if err != nil {
		return nil, err
	}
	if s.cos == nil {
		return []any{x, s.mask}, nil
	}
	return []any{x, s.mask, s.cos, s.sin}, nil
}

// with appends the named weights, of a layer if one is given.
func (p *pass) with(args []any, names []string, layer ...int) []any {
	for _, name := range names {
		if layer != nil {
			name = arch.LayerName(layer[0], name)
		}
		args = append(args, p.weights[name])
	}
	return args
}

// layerNames are the local names of a block's weights, sorted; every block has
// the same.
func (e *Engine) layerNames() []string {
	var names []string
	prefix := arch.LayerName(0, "")
	for name := range e.weights {
		if len(name) > len(prefix) && name[:len(prefix)] == prefix {
			names = append(names, name[len(prefix):])
		}
	}
	slices.Sort(names)
	return names
}

// ids are the hook points of a block.
func (p *pass) ids(l int) []hook.ID {
	var ids []hook.ID
	for _, k := range p.kinds {
		ids = append(ids, hook.ID{Kind: k, Layer: l})
	}
	return ids
}

// site is the taps of one graph call and what goes with them.
type site struct {
	taps
	ids  []hook.ID // of taps.reads
	fill [][]hook.Edit
}

// taps finds what the job wants at the given points: captures, edits, linear
// metrics. If grads is not nil the graph is that of the way back, which gives
// gradients and no captures.
func (p *pass) taps(grads []hook.Point, ids ...hook.ID) *site {
	t := &site{}
	t.forGrd = grads != nil
	for _, id := range ids {
		slots, fill := slotsOf(p.job.Edits, id)
		t.slots, t.fill = append(t.slots, slots...), append(t.fill, fill...)
		if grads != nil {
			if slices.ContainsFunc(grads, func(g hook.Point) bool { return g.ID == id }) {
				t.grads = append(t.grads, id.Kind)
			}
			for g, k := range p.job.GradOf {
				if m := p.job.Metrics[k]; m.Linear != nil && m.Linear.ID == id {
					t.cots = append(t.cots, cot{g, id.Kind})
				}
			}
		} else if p.reads(id) {
			t.reads = append(t.reads, id.Kind)
			t.ids = append(t.ids, id)
		}
	}
	return t
}

// reads tells whether the activation is captured or measured.
func (p *pass) reads(id hook.ID) bool {
	return slices.ContainsFunc(p.job.Captures, func(c hook.Point) bool { return c.ID == id }) ||
		slices.ContainsFunc(p.job.Metrics, func(m Objective) bool { return m.Linear != nil && m.Linear.ID == id })
}

// run calls a graph with its slots filled.
func (p *pass) run(name string, t *site, g graphFn, args []any) ([]*tensors.Tensor, error) {
	name += " " + t.name()
	prog, err := p.program(name, g)
	if err != nil {
		return nil, err
	}
	var own []*tensors.Tensor
	defer func() { free(own...) }()
	add := func(values any, shape ...int) error {
		x, err := p.tensor(values, shape...)
		own, args = append(own, x), append(args, x)
		return err
	}
	for i, s := range t.slots {
		shape, dims := p.shape(s.kind), arch.Dims(p.Config, s.kind, p.pos)
		values := s.values(p.frame, t.fill[i], shape, dims)
		for k, shape := range s.shapes(shape) {
			if err := add(values[k], shape...); err != nil {
				return nil, err
			}
		}
	}
	for _, c := range t.cots {
		shape, dims := p.shape(c.kind), arch.Dims(p.Config, c.kind, p.pos)
		linear := p.job.Metrics[p.job.GradOf[c.metric]].Linear
		values := slot{c.kind, hook.OpAdd}.values(p.frame, []hook.Edit{*linear}, shape, dims)
		if err := add(values[0], shape...); err != nil {
			return nil, err
		}
	}
	return call(name, prog, args)
}

// shape is that of an activation's tensor in this chunk.
func (p *pass) shape(k hook.Kind) []int {
	dims := arch.Dims(p.Config, k, p.pos)
	if finals[k] {
		return []int{p.final.rows, dims[1]}
	}
	return append([]int{p.batch}, dims...)
}

// take copies captures to the answer, adds up linear metrics, and frees.
func (p *pass) take(t *site, out []*tensors.Tensor) error {
	defer free(out...)
	for i, id := range t.ids {
		for k, c := range p.job.Captures {
			if c.ID == id {
				if err := p.collect(p.Config, c, out[i], p.out.Captures[k]); err != nil {
					return err
				}
			}
		}
		for k, m := range p.job.Metrics {
			if m.Linear != nil && m.Linear.ID == id {
				if err := p.linear(*m.Linear, out[i], p.out.Metrics[k]); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// linear adds up values times coefficients, row by row.
func (p *pass) linear(e hook.Edit, t *tensors.Tensor, metric []float64) error {
	dims := arch.Dims(p.Config, e.Kind, p.pos)
	rowLen := product(dims)
	return tensors.ConstFlatData(t, func(x []float32) {
		p.spread([]hook.Edit{e}, dims, func(at int, v float32, _ hook.Edit) {
			row := at / rowLen
			if finals[e.Kind] {
				row = p.flat[at/dims[1]] / p.pos
			}
			metric[p.first+row] += float64(x[at]) * float64(v)
		})
	})
}
