package lens

import (
	"cmp"
	"fmt"
	"math"

	"github.com/golens/golens/interp"
	"github.com/golens/golens/model"
	"github.com/golens/golens/model/array"
	"github.com/golens/golens/model/hook"
)

// GradientTimesInput is how much each token's embedding contributes to a metric, to first
// order: embedding times gradient, summed over coordinates [batch, pos]. One pass forwards
// and backwards. Source: Shrikumar et al. 2016; Denil et al. 2014.
func GradientTimesInput(m *model.Model, prompts model.Prompts, metric model.Metric) (*interp.Result, error) {
	run, err := m.Run(prompts.Capture(hook.Embed()).Metric(metric).Grad(hook.Embed()))
	if err != nil {
		return nil, fmt.Errorf("gradient x input: %w", err)
	}
	return byToken(run, prompts, metric, run.Grad(hook.Embed()).Values(), "gradient x input", "Shrikumar et al. 2016")
}

// IntegratedGradients is how much each token's embedding contributes to a metric: its
// difference from nothing, times the mean gradient on the straight way from there
// [batch, pos]. Contributions add up to the metric less the metric without any token
// embedding, the better the more steps; 0 means 32. A pass forwards and backwards for
// each step. Source: Sundararajan et al. 2017, "Axiomatic Attribution for Deep Networks".
func IntegratedGradients(m *model.Model, prompts model.Prompts, metric model.Metric, steps int) (*interp.Result, error) {
	fail := func(err error) (*interp.Result, error) { return nil, fmt.Errorf("integrated gradients: %w", err) }
	if steps < 0 {
		return fail(fmt.Errorf("%d steps", steps))
	}
	steps = cmp.Or(steps, 32)
	run, err := m.Run(prompts.Capture(hook.Embed()).Metric(metric))
	if err != nil {
		return fail(err)
	}
	var sum []float32
	for k := range steps {
		share := (float32(k) + .5) / float32(steps)
		at, err := m.Run(prompts.Edit(hook.Embed().Scale(share)).Metric(metric).Grad(hook.Embed()))
		if err != nil {
			return fail(err)
		}
		g := at.Grad(hook.Embed())
		if err := g.Err(); err != nil {
			return fail(err)
		}
		if sum == nil {
			sum = make([]float32, len(g.Values()))
		}
		for i, v := range g.Values() {
			sum[i] += v / float32(steps)
		}
	}
	return byToken(run, prompts, metric, sum, fmt.Sprintf("integrated gradients, %d steps", steps), "Sundararajan et al. 2017")
}

// byToken is embedding times gradient at each token, NaN past a row's end.
func byToken(run *model.Result, prompts model.Prompts, metric model.Metric, grad []float32, method, source string) (*interp.Result, error) {
	x := run.At(hook.Embed())
	if err := x.Err(); err != nil {
		return nil, err
	}
	n, d := x.Dim(hook.Pos), x.Dim("d_model")
	axis := array.Dim(hook.Pos, n)
	if len(prompts.Labels) == 1 {
		axis = array.Labels(hook.Pos, prompts.Labels[0])
	}
	out := array.New(array.Dim(hook.Batch, len(prompts.IDs)), axis)
	for i, row := range prompts.IDs {
		for pos := range n {
			v := math.NaN()
			if pos < len(row) {
				v = 0
				for k := (i*n + pos) * d; k < (i*n+pos+1)*d; k++ {
					v += float64(x.Values()[k]) * float64(grad[k])
				}
			}
			out.Set(v, i, pos)
		}
	}
	title := "contribution of each token to " + metric.String()
	return &interp.Result{Array: out.Named(title, metric.Unit()), Method: method, Source: source, Provenance: run.Provenance}, out.Err()
}
