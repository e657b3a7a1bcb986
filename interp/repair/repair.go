package repair

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/golens/golens/interp"
	"github.com/golens/golens/interp/ablate"
	"github.com/golens/golens/interp/lens"
	"github.com/golens/golens/interp/task"
	"github.com/golens/golens/model"
	"github.com/golens/golens/model/array"
	"github.com/golens/golens/model/hook"
)

// A Head of a model.
type Head struct{ Layer, Head int }

// String is the head as in 9.6.
func (h Head) String() string { return fmt.Sprintf("%d.%d", h.Layer, h.Head) }

// Movers are the n heads that say most for the metric directly, the strongest
// first.
func Movers(m *model.Model, t task.Paired, n int) ([]Head, error) {
	p, err := task.Of(t)
	if err != nil {
		return nil, fmt.Errorf("movers: %w", err)
	}
	a, err := lens.Attribution(m, p.Clean, p.Metric)
	if err != nil {
		return nil, fmt.Errorf("movers: %w", err)
	}
	c := m.Config()
	var all []Head
	for l := range c.Layers {
		for h := range c.Heads {
			all = append(all, Head{l, h})
		}
	}
	slices.SortStableFunc(all, func(x, y Head) int {
		return cmp.Compare(a.Heads.At(y.Layer, y.Head), a.Heads.At(x.Layer, x.Head))
	})
	if n < 1 || n > len(all) {
		return nil, fmt.Errorf("movers: %d heads; there are %d", n, len(all))
	}
	return all[:n], nil
}

// KnockOut says how heads are knocked out. The zero value takes means within the
// template, at all positions, as Wang et al. do.
type KnockOut struct {
	Ablation  ablate.Ablation
	Bootstrap interp.Bootstrap
}

// A Value is a mean over prompts and its interval.
type Value struct{ Mean, Lo, Hi float64 }

// Measured is what happened when heads were knocked out.
type Measured struct {
	*interp.Result // how much more each head says directly than before [layer, head]; Samples holds the prompts
	Out            []Head
	Metric         float64 // before
	Lost           Value   // what the heads said directly, and no longer do
	Fell           Value   // how far the metric fell
	// Share is how much of what was lost is made up for, 1 - Fell/Lost. ByHeads is
	// the share that other heads make up, by saying more or because the final norm's
	// scale shrank with what is missing; ByRest is that of embeddings, biases and MLPs.
	// Shares of a loss that may be none are NaN.
	Share, ByHeads, ByRest Value
}

// Measure knocks heads out and sees what the others do.
func (k KnockOut) Measure(m *model.Model, t task.Paired, heads ...Head) (*Measured, error) {
	fail := func(err error) (*Measured, error) { return nil, fmt.Errorf("self-repair: %w", err) }
	if len(heads) == 0 {
		return fail(fmt.Errorf("no head is named"))
	}
	p, err := task.Of(t)
	if err != nil {
		return fail(err)
	}
	var points []hook.Point
	for i, h := range heads {
		if slices.Contains(heads[:i], h) {
			return fail(fmt.Errorf("head %s is named twice", h))
		}
		points = append(points, hook.Z(h.Layer).Head(h.Head))
	}
	edits, err := k.Ablation.Edits(m, t, points...)
	if err != nil {
		return fail(err)
	}
	before, err := lens.Attribution(m, p.Clean, p.Metric)
	if err != nil {
		return fail(err)
	}
	after, err := lens.Attribution(m, p.Clean, p.Metric, edits...)
	if err != nil {
		return fail(err)
	}
	runs := make([][]float32, 2) // the metric of each prompt
	for i, e := range [][]hook.Edit{nil, edits} {
		run, err := m.Run(p.Clean.Metric(p.Metric).Edit(e...))
		if err != nil {
			return fail(err)
		}
		runs[i] = run.Metrics[0].Values()
	}
	return k.measured(m, heads, before, after, runs)
}

// measured puts what was seen together.
func (k KnockOut) measured(m *model.Model, heads []Head, before, after *lens.Attributed, metric [][]float32) (*Measured, error) {
	c := m.Config()
	n, size := len(metric[0]), c.Layers*c.Heads
	was, is := before.Heads.Samples.Values(), after.Heads.Samples.Values()
	change := make([]float32, len(was))
	for i := range was {
		change[i] = is[i] - was[i]
	}
	samples := array.Of(change, array.Dim("sample", n), array.Dim("layer", c.Layers), array.Dim("head", c.Heads))
	r := &Measured{Out: heads, Metric: before.Metric}
	r.Result = before.Heads.Of(samples.Mean("sample").Named("direct effect gained", "logits"))
	r.Samples, r.Method, r.Source = samples, fmt.Sprintf("direct effect of heads once %s are knocked out", names(heads)), "Rushing and Nanda 2024"
	lost, fell, others := make([]float64, n), make([]float64, n), make([]float64, n)
	for s := range n {
		fell[s] = float64(metric[0][s] - metric[1][s])
		for i, v := range change[s*size : (s+1)*size] {
			if slices.Contains(heads, Head{i / c.Heads, i % c.Heads}) {
				lost[s] -= float64(v)
			} else {
				others[s] += float64(v)
			}
		}
	}
	var err error
	value := func(statistic func(lost, fell, others float64) float64) (v Value) {
		of := func(draw []int) float64 {
			var a, b, c float64
			for _, s := range draw {
				a, b, c = a+lost[s], b+fell[s], c+others[s]
			}
			d := float64(len(draw))
			return statistic(a/d, b/d, c/d)
		}
		whole := make([]int, n)
		for i := range whole {
			whole[i] = i
		}
		v.Mean = of(whole)
		one := &interp.Result{Array: array.New(array.Dim("value", 1))}
		lo, hi, e := one.Resample(k.Bootstrap, n, func(draw []int, out []float64) { out[0] = of(draw) })
		if err = cmp.Or(err, e); e == nil {
			v.Lo, v.Hi = float64(lo.Values()[0]), float64(hi.Values()[0])
		}
		return v
	}
	r.Lost = value(func(lost, _, _ float64) float64 { return lost })
	r.Fell = value(func(_, fell, _ float64) float64 { return fell })
	if err == nil && r.Lost.Lo > 0 {
		r.Share = value(func(lost, fell, _ float64) float64 { return 1 - fell/lost })
		r.ByHeads = value(func(lost, _, others float64) float64 { return others / lost })
		r.ByRest = value(func(lost, fell, others float64) float64 { return 1 - (fell+others)/lost })
	} else {
		nan := math.NaN()
		r.Share = Value{nan, nan, nan}
		r.ByHeads, r.ByRest = r.Share, r.Share
	}
	if err != nil {
		return nil, fmt.Errorf("self-repair: %w", err)
	}
	return r, nil
}

func names(heads []Head) string {
	var all []string
	for _, h := range heads {
		all = append(all, h.String())
	}
	return strings.Join(all, " and ")
}

// Backups are the heads that say more than before by at least the share of what was
// lost, with intervals that leave out 0, the strongest first.
func (r *Measured) Backups(share float64) ([]Head, error) {
	lo, _, err := r.Interval(interp.Bootstrap{Resamples: 1000})
	if err != nil {
		return nil, err
	}
	var all []Head
	shape := r.Shape()
	for l := range shape[0] {
		for h := range shape[1] {
			if lo.At(l, h) > 0 && r.At(l, h) >= share*r.Lost.Mean && !slices.Contains(r.Out, Head{l, h}) {
				all = append(all, Head{l, h})
			}
		}
	}
	slices.SortStableFunc(all, func(x, y Head) int { return cmp.Compare(r.At(y.Layer, y.Head), r.At(x.Layer, x.Head)) })
	return all, nil
}

// String is a few lines.
func (r *Measured) String() string {
	return fmt.Sprintf("without %s: %.2f logits lost (%.2f to %.2f) of %.2f, the metric falls by %.2f (%.2f to %.2f)\n"+
		"repaired: %.0f%% (%.0f to %.0f): %.0f%% (%.0f to %.0f) by heads, %.0f%% (%.0f to %.0f) by the rest",
		names(r.Out), r.Lost.Mean, r.Lost.Lo, r.Lost.Hi, r.Metric, r.Fell.Mean, r.Fell.Lo, r.Fell.Hi,
		100*r.Share.Mean, 100*r.Share.Lo, 100*r.Share.Hi, 100*r.ByHeads.Mean, 100*r.ByHeads.Lo, 100*r.ByHeads.Hi, 100*r.ByRest.Mean, 100*r.ByRest.Lo, 100*r.ByRest.Hi)
}
