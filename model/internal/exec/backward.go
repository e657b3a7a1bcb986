package exec

import (
	"context"
	"fmt"

	"github.com/gomlx/gomlx/core/tensors"
)

// backward carries the gradient of the first metric, summed over rows, from
// where it is read down to the lowest point asked for. Points that the metric
// does not depend on keep the zeros that they were made with.
func (p *pass) backward(ctx context.Context) error {
	above, err := p.backFinal()
	if err != nil {
		return err
	}
	lowest := p.job.Until
	for _, g := range p.job.Grads {
		if !finals[g.Kind] {
			lowest = min(lowest, g.Layer)
		}
	}
	for l := p.job.Until - 1; l >= lowest; l-- {
		if err := ctx.Err(); err != nil {
			free(above)
			return err
		}
		if above, err = p.backBlock(l, above); err != nil {
			return err
		}
	}
	if above == nil {
		return nil
	}
	defer free(above)
	if lowest == 0 {
		return p.backEmbed(above)
	}
	return nil
}

// backEmbed is the gradient of the embeddings.
func (p *pass) backEmbed(above *tensors.Tensor) error {
	t := p.taps(p.job.Grads, embedIDs...)
	if len(t.grads) == 0 {
		return nil
	}
	ids, err := p.tensor(p.tokens(p.job), p.batch, p.pos)
	if err != nil {
		return err
	}
	defer free(ids)
	out, err := p.run("embed back", t, embedBackGraph(p.Engine, &t.taps), p.with([]any{ids, above}, p.embedNames()))
	if err != nil {
		return err
	}
	free(out[0])
	return p.takeGrads(0, t.grads, out[1:])
}

// backFinal is the gradient of the last resid_post, nil if the metric does not
// read the unembedding.
func (p *pass) backFinal() (*tensors.Tensor, error) {
	m := p.job.Metrics[0]
	if m.Linear != nil && !finals[m.Linear.Kind] {
		return nil, nil
	}
	t := p.taps(p.job.Grads, finalIDs...)
	args, own, err := p.finalArgs(p.saved[p.job.Until], true)
	defer func() { free(own...) }()
	if err != nil {
		return nil, err
	}
	out, err := p.run(p.final.name(true), t, finalGraph(p.Engine, &t.taps, p.final, true), args)
	if err != nil {
		return nil, err
	}
	return out[0], p.takeGrads(0, t.grads, out[1:])
}

// backBlock is the gradient of a block's resid_pre from that of its
// resid_post, which it frees.
func (p *pass) backBlock(l int, above *tensors.Tensor) (*tensors.Tensor, error) {
	t := p.taps(p.job.Grads, p.ids(l)...)
	if above == nil && len(t.cots) == 0 {
		return nil, nil
	}
	args, err := p.blockArgs(l, p.saved[l])
	if err != nil {
		return nil, err
	}
	name := "back"
	if above != nil {
		args, name = append(args, above), "back above"
	}
	out, err := p.run(name, t, backGraph(p.Engine, &t.taps, above != nil), p.with(args, p.layerNames(), l))
	free(above)
	if err != nil {
		return nil, fmt.Errorf("block %d, gradient: %w", l, err)
	}
	return out[0], p.takeGrads(l, t.grads, out[1:])
}
