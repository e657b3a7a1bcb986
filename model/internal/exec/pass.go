package exec

import (
	"context"
	"fmt"
	"slices"

	"github.com/gomlx/gomlx/core/tensors"

	"github.com/golens/golens/model/hook"
	"github.com/golens/golens/model/internal/arch"
	"github.com/golens/golens/model/internal/plan"
)

// pass is the work on one chunk.
type pass struct {
	*Engine
	*frame
	job  plan.Job
	held *held
	out  *Outcome

	sights [2]*sight                   // of global and of local layers, made when needed
	saved  []*tensors.Tensor           // resid_pre of each layer and the last resid_post, for the way back
	far    map[hook.ID]*tensors.Tensor // what formulas of later blocks read
	pulls  map[hook.ID]above           // gradients there, of those formulas

	byTensor [][]float64 // gradients as in Outcome, of the chunk
	final    finalCall
}

func (e *Engine) pass(ctx context.Context, job plan.Job, h *held, f *frame, out *Outcome) (weights [][]float64, err error) {
	if job.Grads == nil {
		job.Grads = []hook.Point{} // nil means the way forwards
	}
	p := &pass{Engine: e, frame: f, job: job, held: h, out: out, far: map[hook.ID]*tensors.Tensor{}, pulls: map[hook.ID]above{}}
	defer func() {
		free(p.saved...)
		for _, x := range p.far {
			free(x)
		}
		for _, a := range p.pulls {
			free(a...)
		}
		for _, s := range p.sights {
			if s != nil {
				free(s.mask, s.cos, s.sin)
			}
		}
	}()
	if err := p.takeBelow(); err != nil {
		return nil, err
	}
	if err := p.forward(ctx); err != nil {
		return nil, err
	}
	if len(job.GradOf) > 0 {
		err = p.backward(ctx)
	}
	return p.byTensor, err
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
	at   []hook.ID // of taps.cots
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
		if grads == nil {
			for _, l := range p.reads(id) {
				t.reads, t.ids = append(t.reads, l), append(t.ids, id)
			}
			continue
		}
		for _, g := range grads {
			if g.ID == id && !slices.Contains(t.grads, labelOf(g)) {
				t.grads = append(t.grads, labelOf(g))
			}
		}
		for g, k := range p.job.GradOf {
			if m := p.job.Metrics[k]; m.Linear != nil && m.Linear.ID == id {
				t.cots, t.at = append(t.cots, cot{metric: g, at: labelOf(m.Linear.Point)}), append(t.at, id)
			}
			if a := p.pulls[id]; a != nil && a[g] != nil {
				t.cots, t.at = append(t.cots, cot{metric: g, at: label{kind: id.Kind}, later: true}), append(t.at, id)
			}
		}
	}
	if grads != nil {
		t.weigh = p.weighed(t.slots)
	}
	return t
}

// reads are the activation, if it is captured, measured or read by a formula of a
// later block, and the values labelled there that are.
func (p *pass) reads(id hook.ID) (all []label) {
	points := slices.Clone(p.job.Captures)
	for _, m := range p.job.Metrics {
		if m.Linear != nil {
			points = append(points, m.Linear.Point)
		}
	}
	if p.isFar(id) {
		points = append(points, hook.Point{ID: id})
	}
	for _, c := range points {
		if c.ID == id && !slices.Contains(all, labelOf(c)) {
			all = append(all, labelOf(c))
		}
	}
	return all
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
		shape, dims := p.shape(s.kind), p.Config.Dims(s.kind, p.pos)
		if s.calc != nil {
			if args, err = p.calcArgs(s.calc, t.fill[i], shape, dims, args, &own); err != nil {
				return nil, err
			}
			continue
		}
		values := s.values(p.frame, t.fill[i], shape, dims)
		for k, shape := range s.shapes(shape) {
			if err := add(values[k], shape...); err != nil {
				return nil, err
			}
		}
	}
	for i, c := range t.cots {
		if c.later {
			args = append(args, p.pulls[t.at[i]][c.metric])
			continue
		}
		linear := *p.job.Metrics[p.job.GradOf[c.metric]].Linear
		like, dims := p.lies(linear.Point)
		linear.Point = like
		shape := p.shapeOf(like.Kind, dims)
		values := slot{kind: like.Kind, op: hook.OpAdd}.values(p.frame, []hook.Edit{linear}, shape, dims)
		if err := add(values[0], shape...); err != nil {
			return nil, err
		}
	}
	return call(name, prog, args)
}

// shape is that of an activation's tensor in this chunk.
func (p *pass) shape(k hook.Kind) []int {
	return p.shapeOf(k, p.Config.Dims(k, p.pos))
}

func (p *pass) shapeOf(k hook.Kind, dims []int) []int {
	if finals[k] {
		return []int{p.final.rows, dims[1]}
	}
	return append([]int{p.batch}, dims...)
}

// lies are the axes after batch of what a point reads, and the point on an
// activation that has them: for a labelled value another than its own.
func (p *pass) lies(point hook.Point) (hook.Point, []int) {
	return lies(p.Config, p.job.Edits, point, p.pos)
}

// take copies captures to the answer, adds up linear metrics, and frees.
func (p *pass) take(t *site, out []*tensors.Tensor) error {
	defer free(out...)
	for i, id := range t.ids {
		is := func(q hook.Point) bool { return q.ID == id && labelOf(q) == t.reads[i] }
		for k, c := range p.job.Captures {
			if is(c) {
				like, dims := p.lies(c)
				if err := p.collect(like, dims, out[i], p.out.Captures[k]); err != nil {
					return err
				}
			}
		}
		for k, m := range p.job.Metrics {
			if m.Linear != nil && is(m.Linear.Point) {
				if err := p.linear(*m.Linear, out[i], p.out.Metrics[k]); err != nil {
					return err
				}
			}
		}
		if is(hook.Point{ID: id}) && p.isFar(id) {
			p.far[id], out[i] = out[i], nil
		}
	}
	return nil
}

// linear adds up values times coefficients, row by row.
func (p *pass) linear(e hook.Edit, t *tensors.Tensor, metric []float64) error {
	var dims []int
	e.Point, dims = p.lies(e.Point)
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
