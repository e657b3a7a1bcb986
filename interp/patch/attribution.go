package patch

import (
	"fmt"
	"math"
	"slices"

	"github.com/golens/golens/interp/task"
	"github.com/golens/golens/model"
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
// that is asked for, three times. Source: Nanda 2022, "Attribution patching";
// Kramár et al. 2024, "AtP*" on both mends.
type Attribution struct {
	Parts               // what would be patched; the zero value is resid_pre, [layer, pos]
	Direction Direction // the zero value is denoising

	// QKFix recomputes the softmax with the queries or keys of the other run, and
	// is linear only from the attention pattern on. It concerns q, k, rot_q and
	// rot_k, and costs one pass more for each.
	QKFix bool

	// GradDrop takes the gradient once for every layer, with what that layer adds
	// to the residual stream held fixed, so that effects through it cannot cancel
	// others: the mean of the sizes of the estimates, over the layers that are not
	// the part's own. Values are then sizes of effects, not below 0, and means over
	// prompts are of sizes. A backward pass a layer.
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
func (a Attribution) Estimate(m *model.Model, t task.Paired) (*Effects, error) {
	out, err := a.estimate(m, t)
	if err != nil {
		return nil, fmt.Errorf("attribution patching: %w", err)
	}
	return out, nil
}

func (a Attribution) estimate(m *model.Model, t task.Paired) (*Effects, error) {
	p, err := task.Of(t)
	if err != nil {
		return nil, err
	}
	g, err := a.byPosition(hook.KindResidPre).grid(m.Config(), p.Clean, hook.KindResidPre)
	if err != nil {
		return nil, err
	}
	if a.Direction == Denoising {
		p = p.Swapped()
	}
	base, source, metric := p.Clean, p.Corrupted, p.Metric
	r, err := a.runs(m, g, base, source, metric)
	if err != nil {
		return nil, err
	}
	e := Effects{metric: metric, direction: a.Direction, runs: a.Direction.runs(), Base: perSample(r.base), Other: perSample(r.source)}
	e.Metric = g.empty(len(base.IDs))
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
	for _, c := range g.cells {
		g.put(e.Metric, c.at, func(row int) float32 {
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
	e.subject = a.Direction.subject(g.what) + ", estimated"
	provenance := r.base.Provenance
	provenance.Request = joined(r.base.Request, r.source.Request)
	return newEffects(e, fmt.Sprintf("%s of %s, %s", a, g.what, a.Direction), "Nanda 2022; Kramár et al. 2024", provenance, Change)
}

// ownLayer tells whether an activation is a part of its layer, so that nothing
// of it is left when the layer is held fixed; the residual stream is not.
func ownLayer(k hook.Kind) bool {
	return !k.Global() && k != hook.KindResidPre && k != hook.KindResidMid && k != hook.KindResidPost
}
