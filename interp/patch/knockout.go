package patch

import (
	"fmt"
	"slices"

	"github.com/golens/golens/interp"
	"github.com/golens/golens/model"
	"github.com/golens/golens/model/array"
)

// KnockOut takes each head's output away, one head at a time, at all positions,
// and gives the change of the metric: with the head gone less with it there
// [layer, head]. One sample per prompt.
//
// It shows that a head matters for the metric on these prompts. A small change
// does not show that it does not: backups may stand in. Zero is far from what
// later layers have ever seen; the mean is nearer.
//
// 1 + layer*head passes, done as rows of one batch, and one pass over the
// reference for means. Source: Olsson et al. 2022, ablations; Wang et al. 2022,
// knock-outs (by means).
func KnockOut(m *model.Model, prompts model.Prompts, metric model.Metric, ablation Ablation) (*interp.Result, error) {
	fail := func(err error) (*interp.Result, error) { return nil, fmt.Errorf("knock-out: %w", err) }
	values, err := ablation.replacements(m, prompts)
	if err != nil {
		return fail(err)
	}
	c, n := m.Config(), len(prompts.IDs)
	heads := c.Layers * c.Heads
	request, err := tile(prompts.Metric(metric), 1+heads) // the first variant is the model as it is
	if err != nil {
		return fail(err)
	}
	for i := range heads {
		rows := make([]int, n)
		for r := range rows {
			rows[r] = (1+i)*n + r
		}
		request = request.Edit(edit(i/c.Heads, i%c.Heads, values[i/c.Heads], rows...))
	}
	run, err := m.Run(request)
	if err != nil {
		return fail(err)
	}
	with := run.PerRow(0).Values()
	samples := array.New(array.Dim("sample", n), array.Dim("layer", c.Layers), array.Dim("head", c.Heads))
	for i := range heads {
		for r := range n {
			samples.Set(float64(with[(1+i)*n+r]-with[r]), r, i/c.Heads, i%c.Heads)
		}
	}
	title := "change of " + metric.String() + " without the head"
	return &interp.Result{
		Array: samples.Mean("sample").Named(title, metric.Unit()), Samples: samples,
		Method: "knock-out of single heads, " + ablation.String(), Source: "Olsson et al. 2022; Wang et al. 2022", Provenance: run.Provenance,
	}, samples.Err()
}

// tile repeats a request's rows, and what its metric says of each row.
func tile(r model.Request, times int) (model.Request, error) {
	n := len(r.Rows)
	r.Rows = slices.Repeat(r.Rows, times)
	r.Metrics = slices.Clone(r.Metrics)
	for i, m := range r.Metrics {
		if m.Kind == model.KindLinear || m.Kind == model.KindKL {
			return r, fmt.Errorf("the metric %q is not supported yet; use one of the logits of a token", m.Kind)
		}
		repeat := func(c model.Choice) model.Choice {
			if len(c.Texts) == n && n > 1 {
				c.Texts = slices.Repeat(c.Texts, times)
			}
			if len(c.IDs) == n && n > 1 {
				c.IDs = slices.Repeat(c.IDs, times)
			}
			if len(c.Sets) == n && n > 1 {
				c.Sets = slices.Repeat(c.Sets, times)
			}
			return c
		}
		m.Answer, m.Wrong = repeat(m.Answer), repeat(m.Wrong)
		if len(m.At.Rows) == n && n > 1 {
			m.At.Rows = slices.Repeat(m.At.Rows, times)
		}
		r.Metrics[i] = m
	}
	return r, nil
}
