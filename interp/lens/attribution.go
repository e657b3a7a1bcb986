package lens

import (
	"fmt"
	"slices"

	"github.com/golens/golens/interp"
	"github.com/golens/golens/model"
	"github.com/golens/golens/model/array"
	"github.com/golens/golens/model/config"
	"github.com/golens/golens/model/hook"
)

// An Attributed is a direct logit attribution.
type Attributed struct {
	*interp.Result                // contribution of each component [component], mean over rows; Samples holds the rows
	Heads          *interp.Result // those of the heads [layer, head]
	Bias           float64        // what no component writes: biases of the final norm and the unembedding
	Metric         float64        // the metric, as the model gives it
	Raw            float64        // the metric before the soft cap on logits: the sum of all contributions and Bias
}

// Attribution splits a metric that is linear in the logits into what each
// component of the model writes to it directly: the embeddings, every head, the
// attention biases, every MLP. The scales of the final norm and of norms behind
// attention layers are frozen at what they were, so that contributions add up:
// their sum and Bias, which is found by itself, are the metric, to float
// accuracy. Where logits are soft capped (Gemma 2) they are the metric before the
// cap, which is not linear.
//
// Contributions are relative: a head that raises all logits alike contributes to
// model.Logit and nothing to model.LogitDiff. It shows who says the answer at the
// end, not who worked it out: a head that lets another one find the answer
// contributes nothing here.
//
// Models whose residual stream is normed after each sum (BERT, OPT-350m) are
// refused: there what a component wrote is divided again in every later block.
//
// The metric is model.Logit or model.LogitDiff, at one position per row. One
// pass, and two of the unembedding; memory of every head's output at that
// position. Source: Elhage et al. 2021; Wang et al. 2022, section 3.1;
// TransformerLens, logit_attrs.
//
// With edits it is that of the edited run: what a head says once others are gone.
func Attribution(m *model.Model, prompts model.Prompts, metric model.Metric, edits ...hook.Edit) (*Attributed, error) {
	a, err := attribution(m, prompts, metric, edits)
	if err != nil {
		return nil, fmt.Errorf("logit attribution: %w", err)
	}
	return a, nil
}

func attribution(m *model.Model, prompts model.Prompts, metric model.Metric, edits []hook.Edit) (*Attributed, error) {
	c := m.Config()
	at, err := direction(c, metric)
	if err != nil {
		return nil, err
	}
	request := prompts.Metric(metric).Edit(edits...)
	for _, p := range writers(c) {
		request = request.Capture(p.In(at))
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
	names := components(c)
	samples := array.New(array.Dim("sample", len(prompts.IDs)), array.Labels("component", names))
	for i := range prompts.IDs {
		for k, v := range d.contributions(i) {
			samples.Set(v, i, k)
		}
	}
	if err := samples.Err(); err != nil {
		return nil, err
	}
	bias, err := d.bias(m, prompts, metric)
	if err != nil {
		return nil, err
	}
	title, method := "direct attribution of "+metric.String(), "direct logit attribution, scales of norms frozen"
	if c.LogitCap != 0 {
		method += fmt.Sprintf(", before the soft cap of %g on logits", c.LogitCap)
	}
	result := &interp.Result{
		Array: samples.Mean("sample").Named(title, "logits"), Samples: samples,
		Method: method, Source: "Elhage et al. 2021", Provenance: run.Provenance,
	}
	raw := bias
	for _, v := range result.Values() {
		raw += float64(v)
	}
	return &Attributed{Result: result, Heads: headsOf(m, result, title), Bias: bias, Metric: run.Metric(), Raw: raw}, nil
}

// direction checks that a metric is one of the final residual stream, at one position
// of each row, and gives that.
func direction(c config.Config, metric model.Metric) (hook.Positions, error) {
	at := metric.At
	switch {
	case metric.Kind != model.KindLogit && metric.Kind != model.KindLogitDiff:
		return at, fmt.Errorf("%s is not linear in the logits; use model.Logit or model.LogitDiff", metric.Kind)
	case c.NormAt == config.NormOnSum || c.EmbedNorm || c.Encoder:
		return at, fmt.Errorf("this model (%s) norms its residual stream after each sum, so that no component's output reaches the logits as it was written; change the output instead (package patch)", c.Family)
	case at.All():
		at = hook.Positions{Rows: [][]int{{-1}}}
	case slices.ContainsFunc(at.Rows, func(row []int) bool { return len(row) != 1 }):
		return at, fmt.Errorf("the metric must be read at one position per row")
	}
	return at, nil
}

// writers are the points whose values add up to the final residual stream, and
// the scales on the way.
func writers(c config.Config) []hook.Point {
	points := []hook.Point{hook.Embed()}
	if c.Position == config.PosLearned {
		points = append(points, hook.PosEmbed())
	}
	for l := range c.Layers {
		points = append(points, hook.HeadResult(l), hook.AttnOut(l))
		if scale, ok := postScale(c, l); ok {
			points = append(points, scale)
		}
		if !c.AttnOnly() {
			points = append(points, hook.MLPOut(l))
		}
	}
	return points
}

// components are their names: each head by itself, and per layer what the
// attention writes beside its heads.
func components(c config.Config) []string {
	names := []string{"embed"}
	if c.Position == config.PosLearned {
		names = append(names, "pos_embed")
	}
	for l := range c.Layers {
		for h := range c.Heads {
			names = append(names, fmt.Sprintf("%d.%d", l, h))
		}
		names = append(names, fmt.Sprintf("%d b_O", l))
		if !c.AttnOnly() {
			names = append(names, fmt.Sprintf("%d mlp", l))
		}
	}
	return names
}

// headsOf picks the heads out of all components.
func headsOf(m *model.Model, r *interp.Result, title string) *interp.Result {
	c := m.Config()
	grid := interp.Heads(m, title, "logits")
	_, names := r.Axis(0)
	n := len(r.Samples.Values()) / len(names)
	samples := array.New(array.Dim("sample", n), array.Dim("layer", c.Layers), array.Dim("head", c.Heads))
	for l := range c.Layers {
		for h := range c.Heads {
			i := slices.Index(names, fmt.Sprintf("%d.%d", l, h))
			grid.Set(r.At(i), l, h)
			for s := range n {
				samples.Set(r.Samples.At(s, i), s, l, h)
			}
		}
	}
	out := r.Of(grid)
	out.Samples = samples
	return out
}
