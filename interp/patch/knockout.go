package patch

import (
	"fmt"

	"github.com/golens/golens/model"
	"github.com/golens/golens/model/hook"
)

// KnockOut takes each head's output away, one head at a time, at all positions,
// and gives the change of the metric: with the head gone less with it there
// [layer, head]. See [Ablation.KnockOut] for other parts.
//
// It shows that a head matters for the metric on these prompts. A small change
// does not show that it does not: backups may stand in. Zero is far from what
// later layers have ever seen; the mean is nearer.
//
// One pass per head, from its layer on, and one over the reference. Source:
// Olsson et al. 2022, ablations; Wang et al. 2022, knock-outs (by means).
func KnockOut(m *model.Model, prompts model.Prompts, metric model.Metric, ablation Ablation) (*Effects, error) {
	return ablation.KnockOut(m, prompts, metric, Over{})
}

// KnockOut takes parts away, one after the other or sets of them at once, and
// gives the change of the metric. The zero Over is each head's z at all
// positions. What the package's KnockOut shows and does not show holds here too.
func (a Ablation) KnockOut(m *model.Model, prompts model.Prompts, metric model.Metric, parts Over) (*Effects, error) {
	fail := func(err error) (*Effects, error) { return nil, fmt.Errorf("knock-out: %w", err) }
	s, l, err := a.sweep(m, prompts, metric, parts)
	if err != nil {
		return fail(err)
	}
	run, err := m.Sweep(s)
	if err != nil {
		return fail(err)
	}
	e := l.effects(run, metric, Noising)
	e.subject = "without " + l.what
	if parts.Kinds == nil && parts.Sets == nil {
		e.subject = "without the head"
	}
	out, err := newEffects(e, fmt.Sprintf("knock-out of %s, %s", l.what, a), "Olsson et al. 2022; Wang et al. 2022", run.Provenance, Change)
	if err != nil {
		return fail(err)
	}
	return out, nil
}

// Sweep is the request behind [Ablation.KnockOut]. The values that are put in
// are taken from the reference now.
func (a Ablation) Sweep(m *model.Model, prompts model.Prompts, metric model.Metric, parts Over) (model.Sweep, error) {
	s, _, err := a.sweep(m, prompts, metric, parts)
	return s, err
}

// Explain is how the knock-out would be run and what it would cost, beside the
// pass over the reference.
func (a Ablation) Explain(m *model.Model, prompts model.Prompts, metric model.Metric, parts Over) (*model.Plan, error) {
	s, err := a.Sweep(m, prompts, metric, parts)
	if err != nil {
		return nil, err
	}
	return m.Explain(s)
}

func (a Ablation) sweep(m *model.Model, prompts model.Prompts, metric model.Metric, parts Over) (model.Sweep, layout, error) {
	l, err := parts.lay(m.Config(), prompts, hook.KindZ)
	if err != nil {
		return model.Sweep{}, l, err
	}
	var points []hook.Point
	for _, c := range l.cells {
		points = append(points, c.set.Points...)
	}
	d, err := a.donor(m, prompts, points)
	if err != nil {
		return model.Sweep{}, l, err
	}
	s := model.Sweep{Base: prompts.Metric(metric)}
	s.Variants, err = l.variants(d.edit)
	return s, l, err
}
