package lens

import (
	"fmt"

	"github.com/golens/golens/interp"
	"github.com/golens/golens/model"
	"github.com/golens/golens/model/array"
	"github.com/golens/golens/model/config"
	"github.com/golens/golens/model/hook"
)

// Neurons splits what MLPs write directly to a metric into neurons: activation times its
// row of W_out along the metric's direction, with the final norm's scale frozen
// [layer, neuron]. With the biases b_out they add up to what [Attribution] says of the
// MLPs. Samples are prompts. The metric is as there. One pass, and W_out of every layer.
//
// Models with a norm behind the MLP are refused.
func Neurons(m *model.Model, prompts model.Prompts, metric model.Metric) (*interp.Result, error) {
	r, err := neurons(m, prompts, metric)
	if err != nil {
		return nil, fmt.Errorf("neuron attribution: %w", err)
	}
	return r, nil
}

func neurons(m *model.Model, prompts model.Prompts, metric model.Metric) (*interp.Result, error) {
	c := m.Config()
	if c.AttnOnly() || c.NormAt != config.NormBefore {
		return nil, fmt.Errorf("this model (%s) has no MLPs, or a norm behind them", c.Family)
	}
	at, err := direction(c, metric)
	if err != nil {
		return nil, err
	}
	request := prompts.Metric(metric).Capture(hook.AttnOut(0).In(at))
	var chains []model.Chain
	for l := range c.Layers {
		request = request.Capture(hook.MLPPost(l).In(at))
		chains = append(chains, model.Chain{model.WOut(l)})
	}
	if finalNorm(c) {
		request = request.Capture(hook.LNFinalScale().In(at))
	}
	run, err := m.Run(request)
	if err != nil {
		return nil, err
	}
	d, err := newDirect(m, run, prompts, metric, at)
	if err != nil {
		return nil, err
	}
	w, err := m.Products(chains...)
	if err != nil {
		return nil, err
	}
	samples := array.New(array.Dim("sample", len(prompts.IDs)), array.Dim("layer", c.Layers), array.Dim("neuron", c.DMLP))
	for l := range c.Layers {
		post := run.At(hook.MLPPost(l).In(at)).Values()
		for row, stream := range d.stream {
			for n := range c.DMLP {
				out := w[l].Values()[n*c.DModel:][:c.DModel]
				sum := 0.0
				for i, v := range out {
					sum += float64(v) * stream[i]
				}
				samples.Set(sum*float64(post[row*c.DMLP+n]), row, l, n)
			}
		}
	}
	return &interp.Result{
		Array: samples.Mean("sample").Named("direct attribution of "+metric.String()+" to neurons", "logits"), Samples: samples,
		Method: "direct logit attribution of neurons, scales of norms frozen", Source: "Elhage et al. 2021", Provenance: run.Provenance,
	}, samples.Err()
}
