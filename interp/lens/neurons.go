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
	at, err := direction(m.Config(), metric)
	if err != nil {
		return nil, err
	}
	r := ofLogits(m.Config(), at)
	title := "direct attribution of " + metric.String() + " to neurons"
	return r.neurons(m, prompts, prompts.Metric(metric), func() ([][]float64, error) { return unembedded(m, prompts, metric) }, title, "logits")
}

// neurons are what neurons write along directions at a reading. The request is the run
// that they are of.
func (r reading) neurons(m *model.Model, prompts model.Prompts, request model.Request, directions func() ([][]float64, error), title, unit string) (*interp.Result, error) {
	if r.AttnOnly() || r.NormAt != config.NormBefore {
		return nil, fmt.Errorf("this model (%s) has no MLPs, or a norm behind them", r.Family)
	}
	if r.blocks == 0 {
		return nil, fmt.Errorf("no MLP has written where it is read")
	}
	var chains []model.Chain
	for l := range r.blocks {
		request = request.Capture(hook.MLPPost(l).In(r.at))
		chains = append(chains, model.Chain{model.WOut(l)})
	}
	if r.normed {
		request = request.Capture(hook.LNFinalScale().In(r.at))
	}
	run, err := m.Run(request)
	if err != nil {
		return nil, err
	}
	of, err := directions()
	if err != nil {
		return nil, err
	}
	d, err := newDirect(m, run, r, of)
	if err != nil {
		return nil, err
	}
	w, err := m.Products(chains...)
	if err != nil {
		return nil, err
	}
	samples := array.New(array.Dim("sample", len(prompts.IDs)), array.Dim("layer", r.blocks), array.Dim("neuron", r.DMLP))
	for l := range r.blocks {
		post := run.At(hook.MLPPost(l).In(r.at)).Values()
		for row, stream := range d.stream {
			for n := range r.DMLP {
				out := w[l].Values()[n*r.DModel:][:r.DModel]
				sum := 0.0
				for i, v := range out {
					sum += float64(v) * stream[i]
				}
				samples.Set(sum*float64(post[row*r.DMLP+n]), row, l, n)
			}
		}
	}
	return &interp.Result{
		Array: samples.Mean("sample").Named(title, unit), Samples: samples,
		Method: "direct attribution of neurons, scales of norms frozen", Source: "Elhage et al. 2021", Provenance: run.Provenance,
	}, samples.Err()
}
