package exec

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/gomlx/gomlx/core/tensors"

	"github.com/golens/golens/model/hook"
	"github.com/golens/golens/model/internal/place"
	"github.com/golens/golens/model/internal/plan"
)

// gradients are those of each metric of Job.GradOf, summed over rows, with respect
// to the residual stream at one place; nil for a metric that does not depend on
// it.
type gradients []*tensors.Tensor

func (g gradients) flags() []bool {
	flags := make([]bool, len(g))
	for m, t := range g {
		flags[m] = t != nil
	}
	return flags
}

// after appends the gradients that there are to a graph's inputs.
func (g gradients) after(args []any) []any {
	for _, t := range g {
		if t != nil {
			args = append(args, t)
		}
	}
	return args
}

// backward carries the gradients from where the metrics are read down to the
// lowest point asked for, into the arrays [metric of GradOf * point of Grads].
// Points that a metric does not depend on keep the zeros that they were made with.
func (c *chunk) backward(ctx context.Context, to [][]backTo) error {
	g, err := c.backFinal(to)
	defer func() { free(g...) }()
	if err != nil {
		return err
	}
	lowest := c.lowest()
	for i := len(c.rows[0].Blocks) - 1; i >= 0 && c.rows[0].Blocks[i].Layer >= lowest; i-- {
		if err := ctx.Err(); err != nil {
			return err
		}
		below, err := c.backBlock(i, g, to)
		free(g...)
		if g = below; err != nil {
			return err
		}
	}
	if lowest == 0 && count(g.flags()) > 0 {
		return c.backEmbed(g, to)
	}
	return nil
}

// lowest is the lowest layer that the way back runs.
func (c *chunk) lowest() int {
	job := c.Job.Base
	lowest := lowestWeighed(c.Edits(), job.Weigh, job.Until)
	for _, p := range job.Grads {
		if !plan.Final(p.Kind) {
			lowest = min(lowest, p.Layer)
		}
	}
	return lowest
}

// backTo is where gradients at a point go: an array and its shape.
type backTo struct {
	values []float32
	shape  []int
}

// backTaps are the taps of a way back.
func (c *chunk) backTaps(t *taps, layer int, kinds []hook.Kind) {
	t.back, t.reads = true, nil
	job := c.Job.Base
	t.weigh = t.weighed(job.Weigh)
	for _, k := range kinds {
		id := hook.ID{Kind: k, Layer: layer}
		for _, p := range job.Grads {
			if at := labelOf(p); p.ID == id && t.has(p) && !slices.Contains(t.grads, at) {
				t.grads = append(t.grads, at)
			}
		}
		for g, m := range job.GradOf {
			if e := job.Metrics[m].Linear; e != nil && e.ID == id && t.has(e.Point) {
				t.linears = append(t.linears, linear{metric: g, at: labelOf(e.Point)})
			}
			if pull := c.pulls[id]; pull != nil && pull[g] != nil {
				t.linears = append(t.linears, linear{metric: g, at: label{kind: k}, given: true})
			}
		}
	}
}

// has tells whether there is what a point reads: a label only where an edit of these
// rows labels it.
func (t *taps) has(p hook.Point) bool {
	return p.Value == "" || slices.ContainsFunc(t.calcs, func(c *calc) bool { return c != nil && c.edit.ID == p.ID && plan.Labels(c.edit, p.Value) })
}

func kindsOf(ids []hook.ID) (kinds []hook.Kind) {
	for _, id := range ids {
		kinds = append(kinds, id.Kind)
	}
	return kinds
}

// backFinal is the gradients at the last resid_post.
func (c *chunk) backFinal(to [][]backTo) (gradients, error) {
	t, fills := c.taps(c.finalIDs(), atEnd, allByGraph)
	c.backTaps(t, 0, kindsOf(plan.FinalIDs))
	f := c.final
	if count(f.measured) == 0 && len(t.linears) == 0 {
		return make(gradients, len(c.Job.Base.GradOf)), nil
	}
	defer c.giveBack()
	args, err := c.finalArgs(c.saved[len(c.saved)-1])
	if err != nil {
		return nil, err
	}
	for _, d := range f.derivatives {
		if d != nil {
			if err := c.add(&args)(c.tensor(d, f.rows, len(d)/f.rows)); err != nil {
				return nil, err
			}
		}
	}
	if err := c.softArgs(&args); err != nil {
		return nil, err
	}
	l := c.finalLayout()
	out, err := c.call(fmt.Sprint(f.name(), f.softName(), " back ", f.measured), t, fills, f.back(c.Engine, t), args, c.names.final, -1, l)
	if err != nil {
		return nil, err
	}
	if err := c.measureSoft(out[:len(f.soft)]); err != nil {
		return nil, err
	}
	return c.takeGradients(t, f.measured, 0, out[len(f.soft):], l, to)
}

// backBlock is the gradients at a block's resid_pre from those at its resid_post.
func (c *chunk) backBlock(i int, g gradients, to [][]backTo) (gradients, error) {
	b, form := c.rows[0].Blocks[i], c.form(i)
	t, fills := c.blockTaps(i)
	c.backTaps(t, b.Layer, c.kinds)
	flags := g.flags()
	if count(flags) == 0 && len(t.linears) == 0 {
		return make(gradients, len(g)), nil
	}
	args, err := c.around(i, form)
	defer c.giveBack()
	if err != nil {
		return nil, err
	}
	l := c.layout(c.out(i), c.into(i))
	args = g.after(append([]any{c.saved[i].x}, args...))
	args = c.withInsides(args, t, c.kept[i])
	out, err := c.call(fmt.Sprint(form.name(), " back ", flags), t, fills, form.back(c.Engine, t, flags), args, c.names.block, b.Layer, l)
	if err != nil {
		return nil, fmt.Errorf("block %d, gradient: %w", b.Layer, err)
	}
	return c.takeGradients(t, flags, b.Layer, out, l, to)
}

// withInsides gives the way back through a block what was kept of it, after its other
// inputs.
func (c *chunk) withInsides(args []any, t *taps, kept []*tensors.Tensor) []any {
	if kept != nil {
		t.keep = c.Keeps(c.size*c.group.Width, len(c.rows[0].Blocks))
	}
	for _, x := range kept {
		args = append(args, x)
	}
	return args
}

// backEmbed is the gradient of the embeddings.
func (c *chunk) backEmbed(g gradients, to [][]backTo) error {
	t, fills := c.taps(plan.EmbedIDs, always, allByGraph)
	c.backTaps(t, 0, kindsOf(plan.EmbedIDs))
	if len(t.grads) == 0 {
		return nil
	}
	args, m, places, err := c.embedArgs()
	defer c.giveBack()
	if err != nil {
		return err
	}
	flags := g.flags()
	l := c.layout(places, places)
	out, err := c.call(fmt.Sprint(m.name(), " back ", flags), t, fills, m.back(c.Engine, t, flags), g.after(args), c.names.embed, -1, l)
	if err != nil {
		return err
	}
	g, err = c.takeGradients(t, flags, 0, out, l, to)
	free(g...)
	return err
}

// takeGradients copies what a way back gave to the answer, but for the gradients
// of the residual stream: these it gives.
func (c *chunk) takeGradients(t *taps, flags []bool, layer int, out []*tensors.Tensor, l layout, to [][]backTo) (gradients, error) {
	active := slices.Clone(flags)
	for _, n := range t.linears {
		active[n.metric] = true
	}
	g := make(gradients, len(active))
	var failed error
	next := func() *tensors.Tensor {
		x := out[0]
		out = out[1:]
		return x
	}
	for m, is := range active {
		if !is {
			continue
		}
		g[m] = next()
		for _, at := range t.grads {
			x := next()
			if failed == nil {
				failed = c.takeGradient(hook.Point{ID: hook.ID{Kind: at.kind, Layer: layer}, Value: at.name}, x, l, to[m])
			}
			free(x)
		}
		for _, id := range t.farRead() {
			failed = cmp.Or(failed, c.pull(id, m, next()))
		}
		for _, name := range t.weigh {
			x := next()
			failed = cmp.Or(failed, c.addWeights(m, name, x))
			free(x)
		}
	}
	return g, failed
}

func (c *chunk) takeGradient(at hook.Point, t *tensors.Tensor, l layout, to []backTo) error {
	like, l := c.layoutOf(at, l)
	_, whole := c.Lies(at, c.Longest)
	return tensors.ConstFlatData(t, func(x []float32) {
		for i, r := range c.rows {
			start, dims, view := l.row(like.Kind, i)
			for k, p := range c.Job.Base.Grads {
				if p.ID != at.ID || p.Value != at.Value {
					continue
				}
				p.Kind = like.Kind
				row := place.Row{Index: r.Index, Len: c.Lens[r.Index]}
				if sel, ok := place.Select(p, row, dims, whole, view); ok {
					sel.Gather(x[start:][:place.Size(dims)], to[k].values, to[k].shape)
				}
			}
		}
	})
}

// pull adds to the gradient at an activation that a formula of a later block reads.
func (c *chunk) pull(id hook.ID, metric int, t *tensors.Tensor) error {
	if c.pulls == nil {
		c.pulls = map[hook.ID]gradients{}
	}
	g := c.pulls[id]
	if g == nil {
		g = make(gradients, len(c.Job.Base.GradOf))
		c.pulls[id] = g
	}
	if g[metric] == nil {
		g[metric] = t
		return nil
	}
	p, err := c.program("add", addGraph)
	if err != nil {
		return err
	}
	out, err := call("add", p, []any{g[metric], t})
	free(g[metric], t)
	g[metric] = nil
	if err == nil {
		g[metric] = out[0]
	}
	return err
}

// addWeights adds to the gradient of a tensor.
func (c *chunk) addWeights(metric int, name string, t *tensors.Tensor) error {
	job := c.Job.Base
	return tensors.ConstFlatData(t, func(x []float32) {
		if c.byTensor == nil {
			c.byTensor = make([][]float64, len(job.GradOf)*len(job.Weigh))
		}
		at := metric*len(job.Weigh) + slices.Index(job.Weigh, name)
		if c.byTensor[at] == nil {
			c.byTensor[at] = make([]float64, len(x))
		}
		for i, v := range x {
			c.byTensor[at][i] += float64(v)
		}
	})
}
