package patch

import (
	"fmt"

	"github.com/golens/golens/interp/ablate"
	"github.com/golens/golens/interp/task"
	"github.com/golens/golens/model"
	"github.com/golens/golens/model/hook"
)

// Ablations take parts away, one after the other or sets of them at once, and
// measure by how much the metric changes.
//
// It shows that a part matters for the metric on these prompts. A small change
// does not show that it does not: backups may stand in. Zero is far from what
// later layers have ever seen; a mean is nearer.
//
// One pass per part, from its layer on, one over the reference and one with
// everything replaced. Source: Olsson et al. 2022, ablations; Wang et al. 2022,
// knock-outs (by means).
type Ablations struct {
	Parts    // what is taken away; the zero value is each head's z at all positions
	Ablation ablate.Ablation
}

// KnockOut takes each head's output away, one head at a time, at all positions,
// and gives the change of the metric: with the head gone less with it there
// [layer, head]. See [Ablations] for other parts.
func KnockOut(m *model.Model, t task.Paired, a ablate.Ablation) (*Effects, error) {
	return Ablations{Ablation: a}.Patch(m, t)
}

// Patch runs it, on the clean prompts.
func (a Ablations) Patch(m *model.Model, t task.Paired) (*Effects, error) {
	fail := func(err error) (*Effects, error) { return nil, fmt.Errorf("knock-out: %w", err) }
	s, g, v, err := a.sweep(m, t)
	if err != nil {
		return fail(err)
	}
	run, err := m.Sweep(s)
	if err != nil {
		return fail(err)
	}
	e := g.effects(run, s.Base.Metrics[0], Noising)
	e.subject = "without " + g.what
	if a.Kinds == nil && a.Sets == nil {
		e.subject = "without the head"
	}
	out, err := newEffects(e, fmt.Sprintf("knock-out of %s: %s", g.what, v), "Olsson et al. 2022; Wang et al. 2022", run.Provenance, Change)
	if err != nil {
		return fail(err)
	}
	return out, nil
}

// Sweep is the request behind [Ablations.Patch]. The values that are put in are
// taken from the reference now.
func (a Ablations) Sweep(m *model.Model, t task.Paired) (model.Sweep, error) {
	s, _, _, err := a.sweep(m, t)
	return s, err
}

// Explain is how the knock-out would be run and what it would cost, beside the
// pass over the reference.
func (a Ablations) Explain(m *model.Model, t task.Paired) (*model.Plan, error) {
	s, err := a.Sweep(m, t)
	if err != nil {
		return nil, err
	}
	return m.Explain(s)
}

func (a Ablations) sweep(m *model.Model, t task.Paired) (s model.Sweep, g grid, v *ablate.Values, err error) {
	p, err := task.Of(t)
	if err != nil {
		return s, g, nil, err
	}
	if g, err = a.grid(m.Config(), p.Clean, hook.KindZ); err != nil {
		return s, g, nil, err
	}
	if v, err = a.Ablation.Values(m, p, g.points()...); err != nil {
		return s, g, nil, err
	}
	s = model.Sweep{Base: p.Clean.Metric(p.Metric), Variants: g.variants(v.Take)}
	s.Source, err = v.Source()
	return s, g, v, err
}
