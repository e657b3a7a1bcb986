package lens

import (
	"fmt"
	"math"

	"github.com/golens/golens/model"
	"github.com/golens/golens/model/array"
	"github.com/golens/golens/model/config"
	"github.com/golens/golens/model/hook"
)

// direct is the linear way from what components write to a metric, in each row,
// while the scales of all norms on it stay what they were.
type direct struct {
	config.Config
	run    *model.Result
	at     hook.Positions
	stream [][]float64 // the metric's direction in the final residual stream, by row
	post   [][]float32 // weight of the norm on each layer's attention, nil where there is none
}

// finalNorm tells whether a norm stands before the unembedding.
func finalNorm(c config.Config) bool { return c.Norm != config.NormNone && !c.NoFinal }

// postScale is the scale of the norm on what attention gives, if there is one.
func postScale(c config.Config, layer int) (hook.Point, bool) {
	switch {
	case c.Norm == config.NormNone:
	case c.NormAt == config.NormAfter:
		return hook.LN1Scale(layer), true
	case c.NormAt == config.NormSandwich:
		return hook.LN1PostScale(layer), true
	}
	return hook.Point{}, false
}

func newDirect(m *model.Model, run *model.Result, prompts model.Prompts, metric model.Metric, at hook.Positions) (*direct, error) {
	d := &direct{Config: m.Config(), run: run, at: at}
	n := len(prompts.IDs)
	ids, err := tokensOf(m, metric.Answer, n)
	if err != nil {
		return nil, err
	}
	if metric.Kind == model.KindLogitDiff {
		wrong, err := tokensOf(m, metric.Wrong, n)
		if err != nil {
			return nil, err
		}
		ids = append(ids, wrong...)
	}
	chains := []model.Chain{{model.WU().Of(ids...).T()}}
	if finalNorm(d.Config) {
		chains = append(chains, model.Chain{model.LNFinal()})
	}
	for l := range d.Layers {
		switch {
		case d.Norm == config.NormNone:
		case d.NormAt == config.NormAfter:
			chains = append(chains, model.Chain{model.LN1(l)})
		case d.NormAt == config.NormSandwich:
			chains = append(chains, model.Chain{model.LN1Post(l)})
		}
	}
	weights, err := m.Products(chains...)
	if err != nil {
		return nil, err
	}
	columns, weights := weights[0].Values(), weights[1:]
	var gain []float32
	if finalNorm(d.Config) {
		gain, weights = weights[0].Values(), weights[1:]
	}
	for _, w := range weights {
		d.post = append(d.post, w.Values())
	}
	for row := range n {
		direction := make([]float64, d.DModel)
		for i := range direction {
			direction[i] = float64(columns[row*d.DModel+i])
			if metric.Kind == model.KindLogitDiff {
				direction[i] -= float64(columns[(n+row)*d.DModel+i])
			}
		}
		if finalNorm(d.Config) {
			direction = d.through(direction, gain, hook.LNFinalScale(), row)
		}
		d.stream = append(d.stream, direction)
	}
	return d, run.At(hook.AttnOut(0).In(at)).Err()
}

// tokensOf are the ids of a metric's tokens, one a row. The run has checked them.
func tokensOf(m *model.Model, c model.Choice, rows int) ([]int32, error) {
	ids := c.IDs
	for _, text := range c.Texts {
		p := m.Continue(text)
		if err := p.Err(); err != nil {
			return nil, err
		}
		ids = append(ids[:len(ids):len(ids)], p.IDs[0]...)
	}
	if len(ids) != 1 && len(ids) != rows {
		return nil, fmt.Errorf("%d tokens for %d rows", len(ids), rows)
	}
	all := make([]int32, rows)
	for i := range all {
		all[i] = ids[min(i, len(ids)-1)]
	}
	return all, nil
}

// through is a direction behind a norm as one before it: times the weight, over
// the scale, and in a LayerNorm without its mean.
func (d *direct) through(behind []float64, weight []float32, scale hook.Point, row int) []float64 {
	divisor := float64(d.run.At(scale.In(d.at)).Values()[row])
	before, mean := make([]float64, len(behind)), 0.0
	for i, v := range behind {
		before[i] = v * float64(weight[i]) / divisor
		mean += before[i] / float64(len(behind))
	}
	if d.Norm == config.NormLayer {
		for i := range before {
			before[i] -= mean
		}
	}
	return before
}

// contributions are what the components of a row write along the direction, in
// the order of components.
func (d *direct) contributions(row int) []float64 {
	dot := func(p hook.Point, part int, direction []float64) float64 { // part is a head, 0 for points without heads
		values := d.run.At(p.In(d.at)).Values()
		perRow := len(values) / len(d.run.Labels)
		sum := 0.0
		for i, v := range direction {
			sum += v * float64(values[row*perRow+part*len(direction)+i])
		}
		return sum
	}
	stream := d.stream[row]
	all := []float64{dot(hook.Embed(), 0, stream)}
	if d.Position == config.PosLearned {
		all = append(all, dot(hook.PosEmbed(), 0, stream))
	}
	for l := range d.Layers {
		inside := stream // the direction in what heads write
		if scale, ok := postScale(d.Config, l); ok {
			inside = d.through(stream, d.post[l], scale, row)
		}
		rest := dot(hook.AttnOut(l), 0, stream)
		for h := range d.Heads {
			v := dot(hook.HeadResult(l), h, inside)
			all, rest = append(all, v), rest-v
		}
		all = append(all, rest)
		if !d.AttnOnly() {
			all = append(all, dot(hook.MLPOut(l), 0, stream))
		}
	}
	return all
}

// bias is the metric, before the cap, of a residual stream that holds nothing,
// under the same scale: what the biases behind it say.
func (d *direct) bias(m *model.Model, prompts model.Prompts, metric model.Metric) (float64, error) {
	longest := 0
	for _, row := range prompts.IDs {
		longest = max(longest, len(row))
	}
	nothing := array.New(array.Dim(hook.Batch, len(prompts.IDs)), array.Dim(hook.Pos, longest), array.Dim("d_model", d.DModel))
	request := prompts.Start(d.Layers, nothing).Metric(model.Logit(metric.Answer).In(d.at))
	if metric.Kind == model.KindLogitDiff {
		request = request.Metric(model.Logit(metric.Wrong).In(d.at))
	}
	if finalNorm(d.Config) {
		scale := hook.LNFinalScale().In(d.at)
		request = request.Edit(scale.Replace(d.run.At(scale)))
	}
	run, err := m.Run(request)
	if err != nil {
		return 0, err
	}
	sum := 0.0
	for row := range prompts.IDs {
		sum += d.uncapped(run.PerRow(0).At(row))
		if metric.Kind == model.KindLogitDiff {
			sum -= d.uncapped(run.PerRow(1).At(row))
		}
	}
	return sum / float64(len(prompts.IDs)), nil
}

// uncapped is a logit before the cap.
func (d *direct) uncapped(logit float64) float64 {
	if d.LogitCap == 0 {
		return logit
	}
	return d.LogitCap * math.Atanh(logit/d.LogitCap)
}
