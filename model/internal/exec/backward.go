package exec

import (
	"context"
	"fmt"

	"github.com/gomlx/gomlx/core/tensors"

	"github.com/golens/golens/model/hook"
)

// above are the gradients of each metric of Job.GradOf, summed over rows, with
// respect to the residual stream at one place; nil for a metric that does not
// depend on it.
type above []*tensors.Tensor

func (a above) flags() []bool {
	flags := make([]bool, len(a))
	for m, t := range a {
		flags[m] = t != nil
	}
	return flags
}

// backward carries the gradients from where the metrics are read down to the
// lowest point asked for. Points that a metric does not depend on keep the
// zeros that they were made with.
func (p *pass) backward(ctx context.Context) error {
	a, err := p.backFinal()
	defer func() { free(a...) }()
	if err != nil {
		return err
	}
	lowest := min(p.job.Until, p.lowestWeighed())
	for _, g := range p.job.Grads {
		if !finals[g.Kind] {
			lowest = min(lowest, g.Layer)
		}
	}
	for l := p.job.Until - 1; l >= lowest; l-- {
		if err := ctx.Err(); err != nil {
			return err
		}
		b, err := p.backBlock(l, a)
		free(a...)
		if a = b; err != nil {
			return err
		}
	}
	if lowest == 0 && count(a.flags()) > 0 {
		return p.backEmbed(a)
	}
	return nil
}

// backEmbed is the gradient of the embeddings.
func (p *pass) backEmbed(a above) error {
	t := p.taps(p.job.Grads, embedIDs...)
	if len(t.grads) == 0 {
		return nil
	}
	ids, err := p.tensor(p.tokens(p.job), p.batch, p.pos)
	if err != nil {
		return err
	}
	defer free(ids)
	flags := a.flags()
	out, err := p.run(fmt.Sprint("embed back ", flags), t, embedBackGraph(p.Engine, &t.taps, flags), p.with(a.after(ids), p.embedNames()))
	if err != nil {
		return err
	}
	a, err = p.takeGrads(t, flags, 0, out)
	free(a...)
	return err
}

// after appends the gradients that there are to a graph's inputs.
func (a above) after(args ...any) []any {
	for _, t := range a {
		if t != nil {
			args = append(args, t)
		}
	}
	return args
}

// backFinal is the gradients at the last resid_post.
func (p *pass) backFinal() (above, error) {
	t := p.taps(p.job.Grads, finalIDs...)
	if count(p.final.back) == 0 && len(t.cots) == 0 {
		return make(above, len(p.job.GradOf)), nil
	}
	args, own, err := p.finalArgs(p.saved[p.job.Until], true)
	defer func() { free(own...) }()
	if err != nil {
		return nil, err
	}
	out, err := p.run(p.final.name(true), t, finalGraph(p.Engine, &t.taps, p.final, true), args)
	if err != nil {
		return nil, err
	}
	return p.takeGrads(t, p.final.back, 0, out)
}

// backBlock is the gradients at a block's resid_pre from those at its
// resid_post.
func (p *pass) backBlock(l int, a above) (above, error) {
	t := p.taps(p.job.Grads, p.ids(l)...)
	flags := a.flags()
	if count(flags) == 0 && len(t.cots) == 0 {
		return make(above, len(a)), nil
	}
	args, err := p.blockArgs(l, p.saved[l])
	if err != nil {
		return nil, err
	}
	out, err := p.run(fmt.Sprint("back ", flags), t, backGraph(p.Engine, &t.taps, flags), p.with(a.after(args...), p.layerNames(), l))
	if err != nil {
		return nil, fmt.Errorf("block %d, gradient: %w", l, err)
	}
	return p.takeGrads(t, flags, l, out)
}

// takeGrads copies what a way back gave to the answer, but for the gradients of
// the residual stream: these it gives.
func (p *pass) takeGrads(t *site, flags []bool, layer int, out []*tensors.Tensor) (a above, err error) {
	active := append([]bool(nil), flags...)
	for _, c := range t.cots {
		active[c.metric] = true
	}
	a = make(above, len(active))
	defer func() {
		if err != nil {
			free(out...)
		}
	}()
	next := func() *tensors.Tensor {
		x := out[0]
		out = out[1:]
		return x
	}
	for m, is := range active {
		if !is {
			continue
		}
		a[m] = next()
		for _, at := range t.grads {
			if err = p.takeGrad(m, at, layer, next()); err != nil {
				return a, err
			}
		}
		for _, id := range t.farRead() {
			if err = p.pull(id, m, next()); err != nil {
				return a, err
			}
		}
		for _, name := range t.weigh {
			if err = p.takeWeight(m, name, next()); err != nil {
				return a, err
			}
		}
	}
	return a, nil
}

func (p *pass) takeGrad(metric int, at label, layer int, t *tensors.Tensor) error {
	defer free(t)
	for k, g := range p.job.Grads {
		if g.ID == (hook.ID{Kind: at.kind, Layer: layer}) && labelOf(g) == at {
			like, dims := p.lies(g)
			if err := p.collect(like, dims, t, p.out.Grads[metric*len(p.job.Grads)+k]); err != nil {
				return err
			}
		}
	}
	return nil
}
