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
	r := ofLogits(c, at)
	run, err := m.Run(r.captures(prompts.Metric(metric).Edit(edits...)))
	if err != nil {
		return nil, err
	}
	of, err := unembedded(m, prompts, metric)
	if err != nil {
		return nil, err
	}
	d, err := newDirect(m, run, r, of)
	if err != nil {
		return nil, err
	}
	bias, err := d.bias(m, prompts, metric)
	if err != nil {
		return nil, err
	}
	method := "direct logit attribution, scales of norms frozen"
	if c.LogitCap != 0 {
		method += fmt.Sprintf(", before the soft cap of %g on logits", c.LogitCap)
	}
	a, err := d.attributed(m, "direct attribution of "+metric.String(), "logits", method)
	if err != nil {
		return nil, err
	}
	a.Bias, a.Metric, a.Raw = bias, run.Metric(), a.Raw+bias
	return a, nil
}

// ofLogits is the reading that logits are of.
func ofLogits(c config.Config, at hook.Positions) reading {
	return reading{Config: c, at: at, blocks: c.Layers, normed: finalNorm(c)}
}

// captures adds what an attribution needs of a run.
func (r reading) captures(request model.Request) model.Request {
	for _, p := range r.writers() {
		request = request.Capture(p.In(r.at))
	}
	if r.normed {
		request = request.Capture(hook.LNFinalScale().In(r.at))
	}
	return request
}

// attributed are the contributions of all components, with their sum.
func (d *direct) attributed(m *model.Model, title, unit, method string) (*Attributed, error) {
	samples := array.New(array.Dim("sample", len(d.stream)), array.Labels("component", d.components()))
	for i := range d.stream {
		for k, v := range d.contributions(i) {
			samples.Set(v, i, k)
		}
	}
	if err := samples.Err(); err != nil {
		return nil, err
	}
	result := &interp.Result{
		Array: samples.Mean("sample").Named(title, unit), Samples: samples,
		Method: method, Source: "Elhage et al. 2021", Provenance: d.run.Provenance,
	}
	a := &Attributed{Result: result, Heads: headsOf(m, result, title, unit)}
	for _, v := range result.Values() {
		a.Raw += float64(v)
	}
	return a, nil
}

// direction checks that a metric is one of the final residual stream, at one position
// of each row, and gives that.
func direction(c config.Config, metric model.Metric) (hook.Positions, error) {
	if metric.Kind != model.KindLogit && metric.Kind != model.KindLogitDiff {
		return metric.At, fmt.Errorf("%s is not linear in the logits; use model.Logit or model.LogitDiff", metric.Kind)
	}
	return onePerRow(c, metric.At)
}

// onePerRow checks that components write to the stream as it is read, and gives the one
// position of each row.
func onePerRow(c config.Config, at hook.Positions) (hook.Positions, error) {
	switch {
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
func (r reading) writers() []hook.Point {
	points := []hook.Point{hook.Embed()}
	if r.Position == config.PosLearned {
		points = append(points, hook.PosEmbed())
	}
	for l := range r.attentions() {
		points = append(points, hook.HeadResult(l), hook.AttnOut(l))
		if scale, ok := postScale(r.Config, l); ok {
			points = append(points, scale)
		}
		if !r.AttnOnly() && l < r.blocks {
			points = append(points, hook.MLPOut(l))
		}
	}
	return points
}

// components are their names: each head by itself, and per layer what the
// attention writes beside its heads.
func (r reading) components() []string {
	names := []string{"embed"}
	if r.Position == config.PosLearned {
		names = append(names, "pos_embed")
	}
	for l := range r.attentions() {
		for h := range r.Heads {
			names = append(names, fmt.Sprintf("%d.%d", l, h))
		}
		names = append(names, fmt.Sprintf("%d b_O", l))
		if !r.AttnOnly() && l < r.blocks {
			names = append(names, fmt.Sprintf("%d mlp", l))
		}
	}
	return names
}

// headsOf picks the heads out of all components; those behind have written nothing.
func headsOf(m *model.Model, r *interp.Result, title, unit string) *interp.Result {
	c := m.Config()
	grid := interp.Heads(m, title, unit)
	_, names := r.Axis(0)
	n := len(r.Samples.Values()) / len(names)
	samples := array.New(array.Dim("sample", n), array.Dim("layer", c.Layers), array.Dim("head", c.Heads))
	for l := range c.Layers {
		for h := range c.Heads {
			i := slices.Index(names, fmt.Sprintf("%d.%d", l, h))
			if i < 0 { // it comes behind
				continue
			}
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
