package lens

import (
	"fmt"
	"strings"

	"github.com/golens/golens/interp"
	"github.com/golens/golens/model"
	"github.com/golens/golens/model/array"
	"github.com/golens/golens/model/hook"
)

// Logit is the logit lens: a metric read as if the model ended at each layer,
// by the final norm and the unembedding [layer], where the first entry is the
// embedding and the last one the model itself, exactly.
//
// Early layers need not speak the unembedding's language: a low value does not
// show that the information is absent. One pass, and one unembedding per layer.
// Source: nostalgebraist 2020, "interpreting GPT: the logit lens".
func Logit(m *model.Model, prompts model.Prompts, metric model.Metric) (*interp.Result, error) {
	fail := func(err error) (*interp.Result, error) { return nil, fmt.Errorf("logit lens: %w", err) }
	run, stream, err := residuals(m, prompts)
	if err != nil {
		return fail(err)
	}
	samples := array.New(array.Dim("sample", len(prompts.IDs)), array.Labels("layer", layers(m)))
	for l, resid := range stream {
		at, err := m.Run(prompts.Start(m.Config().Layers, resid).Metric(metric))
		if err != nil {
			return fail(err)
		}
		for i, v := range at.PerRow(0).Values() {
			samples.Set(float64(v), i, l)
		}
	}
	return &interp.Result{
		Array: samples.Mean("sample").Named(metric.String(), metric.Unit()), Samples: samples,
		Method: "logit lens", Source: "nostalgebraist 2020", Provenance: run.Provenance,
	}, nil
}

// TopTokens are, for each layer and position of one prompt, the token that the
// logit lens predicts; the values are its probability [layer, pos], and Tokens
// the tokens. One pass, and one unembedding of every position per layer.
// Source: as [Logit].
func TopTokens(m *model.Model, prompt model.Prompts) (*Top, error) {
	fail := func(err error) (*Top, error) { return nil, fmt.Errorf("logit lens: %w", err) }
	if len(prompt.IDs) != 1 && prompt.Err() == nil {
		return fail(fmt.Errorf("%d prompts; give one", len(prompt.IDs)))
	}
	run, stream, err := residuals(m, prompt)
	if err != nil {
		return fail(err)
	}
	top := &Top{}
	values := array.New(array.Labels("layer", layers(m)), array.Labels("pos", prompt.Labels[0]))
	for l, resid := range stream {
		at, err := m.Run(prompt.Start(m.Config().Layers, resid).Capture(hook.Logits()))
		if err != nil {
			return fail(err)
		}
		var ids []int32
		for pos := range prompt.IDs[0] {
			id, p := likeliest(at.At(hook.Logits()).Values()[pos*m.Config().Vocab:][:m.Config().Vocab])
			values.Set(p, l, pos)
			ids = append(ids, id)
		}
		words := m.Rows([][]int32{ids})
		if err := words.Err(); err != nil {
			return fail(err)
		}
		top.Tokens = append(top.Tokens, words.Labels[0])
	}
	top.Result = &interp.Result{
		Array:  values.Named("likeliest token by the logit lens", "probability"),
		Method: "logit lens", Source: "nostalgebraist 2020", Provenance: run.Provenance,
	}
	return top, values.Err()
}

// Top is what [TopTokens] found.
type Top struct {
	*interp.Result            // probability of the token [layer, pos]
	Tokens         [][]string // the token [layer][pos]
}

// CellTexts are the tokens, which figures write into the cells.
func (t *Top) CellTexts() [][]string { return t.Tokens }

// String is a table of the tokens.
func (t *Top) String() string {
	var b strings.Builder
	_, rows := t.Axis(0)
	for l, words := range t.Tokens {
		fmt.Fprintf(&b, "%-8s", rows[l])
		for pos, w := range words {
			fmt.Fprintf(&b, " %12s", fmt.Sprintf("%q %.0f%%", w, 100*t.At(l, pos)))
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// residuals are the residual stream before each layer and after the last
// [batch, pos, d_model].
func residuals(m *model.Model, prompts model.Prompts) (*model.Result, []*array.Array, error) {
	var points []hook.Point
	for l := range m.Config().Layers {
		points = append(points, hook.ResidPre(l))
	}
	points = append(points, hook.ResidPost(m.Config().Layers-1))
	run, err := m.Run(prompts.Capture(points...))
	if err != nil {
		return nil, nil, err
	}
	var stream []*array.Array
	for _, p := range points {
		stream = append(stream, run.At(p))
	}
	return run, stream, nil
}

// layers name the lens' axis.
func layers(m *model.Model) []string {
	names := []string{"embed"}
	for l := range m.Config().Layers {
		names = append(names, fmt.Sprint(l))
	}
	return names
}
