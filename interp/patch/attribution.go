package patch

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/golens/golens/model"
	"github.com/golens/golens/model/array"
	"github.com/golens/golens/model/hook"
)

// Attribution estimates what [Activations] would measure, for all parts at once,
// from gradients (AtP): the difference of a part between the two runs, times the
// gradient of the metric in the run that is changed.
//
// It is a first-order estimate. It goes wrong where the model bends between the
// two runs, most of all in the softmax of attention (see QKFix), and where
// effects by several ways cancel (see GradDrop). [Attribution.Check] holds it
// against the exact values.
//
// Two forward passes and one backward pass, and the memory of every activation
// that is asked for, three times. Source: Nanda 2023, "Attribution patching";
// Kramár et al. 2024, "AtP*" on both mends.
type Attribution struct {
	Over                // what would be patched; the zero value is resid_pre, [layer, pos]
	Direction Direction // the zero value is denoising

	// QKFix recomputes the softmax with the queries or keys of the other run, and
	// is linear only from the attention pattern on (AtP*, section 3.1.1). It
	// concerns q, k, rot_q and rot_k, and costs one pass more for each.
	QKFix bool

	// GradDrop takes the gradient once for every layer, with what that layer adds
	// to the residual stream held fixed, so that effects through it cannot cancel
	// others (AtP*, section 3.1.2): the mean of the sizes of the estimates, over
	// the layers that are not the part's own. Values are then sizes of effects,
	// not below 0, and means over prompts are of sizes. A backward pass a layer.
	GradDrop bool
}

// String names the method.
func (a Attribution) String() string {
	s := "attribution patching"
	if a.QKFix {
		s += ", softmax recomputed for queries and keys"
	}
	if a.GradDrop {
		s += ", one layer's gradient dropped at a time"
	}
	return s
}

// Estimate runs it. The effects are changes of the metric, as
// [Activations.Patch] gives with Scale Change.
func (a Attribution) Estimate(m *model.Model, clean, corrupted model.Prompts, metric model.Metric) (*Effects, error) {
	out, err := a.estimate(m, clean, corrupted, metric)
	if err != nil {
		return nil, fmt.Errorf("attribution patching: %w", err)
	}
	return out, nil
}

func (a Attribution) estimate(m *model.Model, clean, corrupted model.Prompts, metric model.Metric) (*Effects, error) {
	l, err := a.byPosition(hook.KindResidPre).lay(m.Config(), clean, hook.KindResidPre)
	if err != nil {
		return nil, err
	}
	base, source := corrupted, clean
	if a.Direction == Noising {
		base, source = source, base
	}
	r, err := a.runs(m, l, base, source, metric)
	if err != nil {
		return nil, err
	}
	e := Effects{metric: metric, direction: a.Direction, Base: perSample(r.base), Other: perSample(r.source)}
	e.Metric = l.empty(len(base.IDs))
	grads, err := whole(r.base.Grads)
	if err != nil {
		return nil, err
	}
	back, weight := []backward{{grads, -1}}, func(hook.Point) float64 { return 1 }
	size := func(x float64) float64 { return x }
	if a.GradDrop {
		if back, err = r.drop(m, metric); err != nil {
			return nil, err
		}
		weight, size = func(p hook.Point) float64 {
			if ownLayer(p.Kind) {
				return 1 / float64(len(back)-1)
			}
			return 1 / float64(len(back))
		}, math.Abs
	}
	for _, c := range l.cells {
		l.put(e.Metric, c, func(row int) float32 {
			if c.rows != nil && !slices.Contains(c.rows, row) {
				return nan
			}
			sum := 0.0
			for _, b := range back {
				one := 0.0
				for _, p := range c.set.Points {
					one += r.effect(b, p, row) * weight(p)
				}
				sum += size(one)
			}
			return e.Base.Values()[row] + float32(sum)
		})
	}
	e.subject = "clean " + l.what + " put back, estimated"
	if a.Direction == Noising {
		e.subject = "corrupted " + l.what + " put in, estimated"
	}
	p := r.base.Provenance
	p.Request = joined(r.base.Request, r.source.Request)
	return newEffects(e, fmt.Sprintf("%s of %s, %s", a, l.what, a.Direction), "Nanda 2023; Kramár et al. 2024", p, Change)
}

// ownLayer tells whether an activation is a part of its layer, so that nothing
// of it is left when the layer is held fixed; the residual stream is not.
func ownLayer(k hook.Kind) bool {
	return !k.Global() && k != hook.KindResidPre && k != hook.KindResidMid && k != hook.KindResidPost
}

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

func (a Attribution) runs(m *model.Model, l layout, base, source model.Prompts, metric model.Metric) (*runs, error) {
	r := &runs{prompts: base, softmax: map[hook.ID]*softmax{}}
	var values, scores []hook.Point
	add := func(list *[]hook.Point, p hook.Point) {
		if !slices.ContainsFunc(*list, func(q hook.Point) bool { return q.ID == p.ID }) {
			*list = append(*list, p)
		}
	}
	for _, c := range l.cells {
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
			request = request.Edit(p.Replace(array.Of(finite(was.Values()), was.Axes()...)))
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
	walk(was.Shape(), p, row, n, func(i int) {
		if d := (float64(other[i]) - float64(was.Values()[i])) * float64(g[i]); d == d {
			sum += d // masked scores are -Inf in both runs, and their difference NaN
		}
	})
	return sum
}

// walk calls f with the offset of every value of a row that a point selects.
func walk(shape []int, p hook.Point, row, n int, f func(i int)) {
	pick := make([][]int, len(shape)-1)
	for i := range pick {
		pick[i] = upTo(shape[i+1])
		switch {
		case i+1 == p.Kind.PositionAxis():
			pick[i] = positions(p, row, n)
		case i+1 == p.Kind.HeadAxis() && p.Heads != nil:
			pick[i] = p.Heads
		case i == len(pick)-1 && p.Coords != nil:
			pick[i] = p.Coords
		}
	}
	var visit func(axis, offset int)
	visit = func(axis, offset int) {
		if axis == len(pick) {
			f(offset)
			return
		}
		for _, at := range pick[axis] {
			visit(axis+1, offset*shape[axis+1]+at)
		}
	}
	visit(0, row)
}

// positions are those that a point selects in a row of n tokens.
func positions(p hook.Point, row, n int) []int {
	at := p.Pos.In(row)
	if at == nil {
		return upTo(n)
	}
	at = slices.Clone(at)
	for i, pos := range at {
		if pos < 0 {
			at[i] = pos + n
		}
	}
	return at
}
