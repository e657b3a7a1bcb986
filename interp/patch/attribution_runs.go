package patch

import (
	"errors"
	"fmt"
	"slices"

	"github.com/golens/golens/interp"
	"github.com/golens/golens/model"
	"github.com/golens/golens/model/array"
	"github.com/golens/golens/model/hook"
)

// runs are what an estimate is made of.
type runs struct {
	prompts      model.Prompts // of the base
	base, source *model.Result
	was, other   activations
	points       []hook.Point // that are differentiated
	softmax      map[hook.ID]*softmax
}

// activations are whole ones, by what they are.
type activations map[hook.ID]*array.Array

func whole(captured []model.Captured) (activations, error) {
	all := activations{}
	for _, c := range captured {
		if err := c.Array.Err(); err != nil {
			return nil, err
		}
		all[c.Point.ID] = c.Array
	}
	return all, nil
}

// A backward is the gradients with what a layer adds held fixed, or -1.
type backward struct {
	grads   activations
	dropped int
}

func (a Attribution) runs(m *model.Model, g grid, base, source model.Prompts, metric model.Metric) (*runs, error) {
	r := &runs{prompts: base, softmax: map[hook.ID]*softmax{}}
	var values, scores []hook.Point
	add := func(list *[]hook.Point, p hook.Point) {
		if !slices.ContainsFunc(*list, func(q hook.Point) bool { return q.ID == p.ID }) {
			*list = append(*list, p)
		}
	}
	for _, c := range g.cells {
		for _, p := range c.set.Points {
			if p.Batch != nil {
				return nil, fmt.Errorf("%s selects rows; all prompts are patched", p)
			}
			if !a.QKFix || !inSoftmax(p.Kind) {
				add(&values, p.Whole())
				add(&r.points, p.Whole())
				continue
			}
			if p.Coords != nil {
				return nil, fmt.Errorf("%s selects coordinates; the softmax is recomputed for whole queries and keys", p)
			}
			add(&scores, p.Whole())
			add(&r.points, hook.Pattern(p.Layer))
		}
	}
	request := base.Metric(metric).Capture(values...).Grad(r.points...)
	if a.GradDrop {
		for l := range m.Config().Layers {
			for _, p := range written(m, l) {
				if p.Find(request.Captures) < 0 {
					request = request.Capture(p)
				}
			}
		}
	}
	var err error
	if r.base, err = m.Run(request); err != nil {
		return nil, err
	}
	if r.source, err = m.Run(source.Metric(metric).Capture(values...)); err != nil {
		return nil, err
	}
	if r.was, err = whole(r.base.Captures); err != nil {
		return nil, err
	}
	if r.other, err = whole(r.source.Captures); err != nil {
		return nil, err
	}
	return r, r.recompute(m, base, source, scores)
}

// written are what a layer adds to the residual stream.
func written(m *model.Model, layer int) []hook.Point {
	if m.Config().AttnOnly() {
		return []hook.Point{hook.AttnOut(layer)}
	}
	return []hook.Point{hook.AttnOut(layer), hook.MLPOut(layer)}
}

// drop runs one backward pass per layer, in which the layer adds to the residual
// stream what it did, whatever is before it.
func (r *runs) drop(m *model.Model, metric model.Metric) ([]backward, error) {
	if m.Config().Layers < 2 {
		return nil, errors.New("GradDrop needs a model of at least two layers")
	}
	var all []backward
	for l := range m.Config().Layers {
		request := r.prompts.Metric(metric).Grad(r.points...)
		for _, p := range written(m, l) {
			was := r.was[p.ID]
			request = request.Edit(p.Replace(array.Of(interp.Finite(was.Values()), was.Axes()...)))
		}
		run, err := m.Run(request)
		if err != nil {
			return nil, err
		}
		grads, err := whole(run.Grads)
		if err != nil {
			return nil, err
		}
		all = append(all, backward{grads, l})
	}
	return all, nil
}

// effect is the estimate for one point and row.
func (r *runs) effect(b backward, p hook.Point, row int) float64 {
	if b.dropped == p.Layer && ownLayer(p.Kind) {
		return 0
	}
	n := len(r.prompts.IDs[row])
	if s := r.softmax[p.ID]; s != nil {
		return s.effect(b.grads[hook.Pattern(p.Layer).ID].Values(), p, row, n)
	}
	was, other, g := r.was[p.ID], r.other[p.ID].Values(), b.grads[p.ID].Values()
	sum := 0.0
	dims := was.Shape()[1:]
	begin := row * len(was.Values()) / was.Shape()[0]
	p.Offsets(dims, row, n, func(i int) {
		i += begin
		if d := (float64(other[i]) - float64(was.Values()[i])) * float64(g[i]); d == d {
			sum += d // masked scores are -Inf in both runs, and their difference NaN
		}
	})
	return sum
}
