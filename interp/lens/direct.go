package lens

import (
	"fmt"
	"math"

	"github.com/golens/golens/model"
	"github.com/golens/golens/model/array"
	"github.com/golens/golens/model/config"
	"github.com/golens/golens/model/hook"
)

// direct is the linear way from what components write to a reading of the stream, in
// each row, while the scales of all norms on it stay what they were.
type direct struct {
	reading
	run    *model.Result
	stream [][]float64 // the direction in the residual stream that is read, by row
	post   [][]float32 // weight of the norm on each layer's attention, nil where there is none
}

// A reading is where the residual stream is read.
type reading struct {
	config.Config
	at     hook.Positions // one of each row
	blocks int            // behind so many
	mid    bool           // and behind the attention of the next
	normed bool           // behind the final norm
}

// attentions are how many layers' attention has written before it.
func (r reading) attentions() int {
	if r.mid {
		return r.blocks + 1
	}
	return r.blocks
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

func newDirect(m *model.Model, run *model.Result, r reading, directions [][]float64) (*direct, error) {
	d := &direct{reading: r, run: run}
	var chains []model.Chain
	if r.normed {
		chains = append(chains, model.Chain{model.LNFinal()})
	}
	for l := range d.attentions() {
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
	var gain []float32
	if r.normed {
		gain, weights = weights[0].Values(), weights[1:]
	}
	for _, w := range weights {
		d.post = append(d.post, w.Values())
	}
	for row, direction := range directions {
		if r.normed {
			direction = d.through(direction, gain, hook.LNFinalScale(), row)
		}
		d.stream = append(d.stream, direction)
	}
	return d, nil
}

// unembedded are a metric's directions behind the final norm, by row.
func unembedded(m *model.Model, prompts model.Prompts, metric model.Metric) ([][]float64, error) {
	n, width := len(prompts.IDs), m.Config().DModel
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
	w, err := m.Products(model.Chain{model.WU().Of(ids...).T()})
	if err != nil {
		return nil, err
	}
	columns, all := w[0].Values(), make([][]float64, n)
	for row := range all {
		all[row] = make([]float64, width)
		for i := range all[row] {
			all[row][i] = float64(columns[row*width+i])
			if metric.Kind == model.KindLogitDiff {
				all[row][i] -= float64(columns[(n+row)*width+i])
			}
		}
	}
	return all, nil
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
	for l := range d.attentions() {
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
		if !d.AttnOnly() && l < d.blocks {
			all = append(all, dot(hook.MLPOut(l), 0, stream))
		}
	}
	return all
}

// nothing is the run of a residual stream that holds nothing into the final norm, under
// the scale that this has.
func (d *direct) nothing(prompts model.Prompts) model.Request {
	longest := 0
	for _, row := range prompts.IDs {
		longest = max(longest, len(row))
	}
	stream := array.New(array.Dim(hook.Batch, len(prompts.IDs)), array.Dim(hook.Pos, longest), array.Dim("d_model", d.DModel))
	request := prompts.Start(d.Layers, stream)
	if d.normed {
		scale := hook.LNFinalScale().In(d.at)
		request = request.Edit(scale.Replace(d.run.At(scale)))
	}
	return request
}

// bias is the metric, before the cap, of a residual stream that holds nothing: what the
// biases behind it say.
func (d *direct) bias(m *model.Model, prompts model.Prompts, metric model.Metric) (float64, error) {
	request := d.nothing(prompts).Metric(model.Logit(metric.Answer).In(d.at))
	if metric.Kind == model.KindLogitDiff {
		request = request.Metric(model.Logit(metric.Wrong).In(d.at))
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
func (d reading) uncapped(logit float64) float64 {
	if d.LogitCap == 0 {
		return logit
	}
	return d.LogitCap * math.Atanh(logit/d.LogitCap)
}
