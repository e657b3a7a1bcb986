package lens

import (
	"fmt"
	"math"
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
	Metric         float64        // the metric itself, which is the sum of all contributions and Bias
}

// Attribution splits a metric that is linear in the logits into what each
// component of the model writes to it directly: the embeddings, every head, the
// attention biases, every MLP. The final norm's scale is frozen at what it was,
// so that contributions add up: their sum and the bias terms are the metric, to
// float accuracy.
//
// It shows who says the answer at the end, not who worked it out: a head that
// lets another one find the answer contributes nothing here.
//
// The metric is model.Logit or model.LogitDiff, at one position per row.
// Two passes, one of them with gradients of the unembedding alone; memory of
// every head's output at that position. Source: Elhage et al. 2021; Wang et al.
// 2022, section 3.1; TransformerLens, logit_attrs.
func Attribution(m *model.Model, prompts model.Prompts, metric model.Metric) (*Attributed, error) {
	fail := func(err error) (*Attributed, error) { return nil, fmt.Errorf("logit attribution: %w", err) }
	if metric.Kind != model.KindLogit && metric.Kind != model.KindLogitDiff {
		return fail(fmt.Errorf("%s is not linear in the logits; use model.Logit or model.LogitDiff", metric.Kind))
	}
	at := metric.At
	if at.All() {
		at = hook.Positions{Rows: [][]int{{-1}}}
	}
	if slices.ContainsFunc(at.Rows, func(row []int) bool { return len(row) != 1 }) {
		return fail(fmt.Errorf("the metric must be read at one position per row"))
	}
	c := m.Config()
	request := prompts.Metric(metric)
	for _, p := range writers(c) {
		request = request.Capture(p.In(at))
	}
	if c.Norm != config.NormNone {
		request = request.Capture(hook.LNFinalScale().In(at))
	}
	run, err := m.Run(request)
	if err != nil {
		return fail(err)
	}
	directions, err := frozen(m, run, prompts, metric, at)
	if err != nil {
		return fail(err)
	}

	names := components(c)
	samples := array.New(array.Dim("sample", len(prompts.IDs)), array.Labels("component", names))
	for i := range prompts.IDs {
		direction := directions.Values()[i*c.DModel : (i+1)*c.DModel]
		for k, v := range contributions(c, run, at, i, direction) {
			samples.Set(v, i, k)
		}
	}
	if err := samples.Err(); err != nil {
		return fail(err)
	}
	title := "direct attribution of " + metric.String()
	result := &interp.Result{
		Array: samples.Mean("sample").Named(title, "logits"), Samples: samples,
		Method: "direct logit attribution, final norm's scale frozen", Source: "Elhage et al. 2021", Provenance: run.Provenance,
	}
	sum := 0.0
	for _, v := range result.Values() {
		sum += float64(v)
	}
	return &Attributed{Result: result, Heads: headsOf(m, result, title), Bias: run.Metric() - sum, Metric: run.Metric()}, nil
}

// writers are the points whose values add up to the final residual stream.
func writers(c config.Config) []hook.Point {
	points := []hook.Point{hook.Embed()}
	if c.Position == config.PosLearned {
		points = append(points, hook.PosEmbed())
	}
	for l := range c.Layers {
		points = append(points, hook.HeadResult(l), hook.AttnOut(l))
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

// frozen is, per row, the direction in the final residual stream that the
// metric grows along while the norm's scale stays [batch, 1, d_model]: its
// gradient, with the scale replaced by itself.
func frozen(m *model.Model, run *model.Result, prompts model.Prompts, metric model.Metric, at hook.Positions) (*array.Array, error) {
	last := hook.ResidPost(m.Config().Layers - 1).In(at)
	request := prompts.Metric(metric).Grad(last)
	if m.Config().Norm != config.NormNone {
		scale := hook.LNFinalScale().In(at)
		request = request.Edit(scale.Replace(run.At(scale)))
	}
	back, err := m.Run(request)
	if err != nil {
		return nil, err
	}
	g := back.Grad(last)
	return g, g.Err()
}

// contributions are the dot products of one row's components with a direction.
func contributions(c config.Config, run *model.Result, at hook.Positions, row int, direction []float32) []float64 {
	dot := func(p hook.Point, part int) float64 { // part is a head, 0 for points without heads
		values := run.At(p.In(at)).Values()
		perRow := len(values) / len(run.Labels)
		sum := 0.0
		for i, d := range direction {
			sum += float64(d) * float64(values[row*perRow+part*len(direction)+i])
		}
		return sum
	}
	all := []float64{dot(hook.Embed(), 0)}
	if c.Position == config.PosLearned {
		all = append(all, dot(hook.PosEmbed(), 0))
	}
	for l := range c.Layers {
		rest := dot(hook.AttnOut(l), 0)
		for h := range c.Heads {
			v := dot(hook.HeadResult(l), h)
			all, rest = append(all, v), rest-v
		}
		all = append(all, rest)
		if !c.AttnOnly() {
			all = append(all, dot(hook.MLPOut(l), 0))
		}
	}
	return all
}

// headsOf picks the heads out of all components.
func headsOf(m *model.Model, r *interp.Result, title string) *interp.Result {
	c := m.Config()
	grid := interp.Heads(m, title, "logits")
	_, names := r.Axis(0)
	for l := range c.Layers {
		for h := range c.Heads {
			value := math.NaN()
			if i := slices.Index(names, fmt.Sprintf("%d.%d", l, h)); i >= 0 {
				value = r.At(i)
			}
			grid.Set(value, l, h)
		}
	}
	return r.Of(grid)
}
