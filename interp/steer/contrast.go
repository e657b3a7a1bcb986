package steer

import (
	"errors"
	"fmt"
	"strings"

	"github.com/golens/golens/interp"
	"github.com/golens/golens/model"
	"github.com/golens/golens/model/array"
	"github.com/golens/golens/model/hook"
)

// Contrast is contrastive activation addition: the mean, over pairs of prompts that
// differ in their answer, of the difference of the activations at the last token, from
// the one answer to the other. The rows of both are pairs. Source: Rimsky et al. 2023,
// "Steering Llama 2 via Contrastive Activation Addition".
func Contrast(m *model.Model, at hook.Point, from, to model.Prompts) (*Direction, error) {
	if len(from.IDs) != len(to.IDs) && errors.Join(from.Err(), to.Err()) == nil {
		return nil, fmt.Errorf("contrast: %d prompts and %d; they are pairs", len(from.IDs), len(to.IDs))
	}
	if at.Pos.All() {
		at = at.At(-1)
	}
	d, err := MeanDifference(m, at, from, to)
	if err != nil {
		return nil, fmt.Errorf("contrast: %w", err)
	}
	d.Method = fmt.Sprintf("contrast of %d pairs", len(from.IDs))
	return d, nil
}

// Strengths is a metric while a direction is added with each of some strengths, at every
// position [strength]. Samples are prompts. One run from the direction's layer on for
// each. A strength of 0 is the model as it is.
func (d *Direction) Strengths(m *model.Model, prompts model.Prompts, metric model.Metric, strengths ...float64) (*interp.Result, error) {
	fail := func(err error) (*interp.Result, error) { return nil, fmt.Errorf("steering: %w", err) }
	if len(strengths) == 0 {
		return fail(errors.New("no strengths"))
	}
	s := model.Sweep{Base: prompts.Metric(metric)}
	var names []string
	for _, by := range strengths {
		s.Variants = append(s.Variants, model.Variant{Edits: []hook.Edit{d.Add(by)}})
		names = append(names, fmt.Sprintf("%g", by))
	}
	got, err := m.Sweep(s)
	if err != nil {
		return fail(err)
	}
	samples := array.New(array.Dim("sample", len(prompts.IDs)), array.Labels("strength", names))
	for v := range names {
		for i := range prompts.IDs {
			samples.Set(got.Metrics[0].At(v, i), i, v)
		}
	}
	return &interp.Result{
		Array: samples.Mean("sample").Named(metric.String(), metric.Unit()), Samples: samples,
		Method: "steering along " + d.String(), Source: "Rimsky et al. 2023", Provenance: got.Provenance,
	}, samples.Err()
}

// Steered is what a model writes while a direction is added.
type Steered struct {
	Strengths []float64
	Texts     []string
}

// Write continues a prompt greedily, with each strength of the direction added at every
// position.
func (d *Direction) Write(m *model.Model, prompt model.Prompts, tokens int, strengths ...float64) (*Steered, error) {
	out := &Steered{Strengths: strengths}
	for _, by := range strengths {
		g, err := m.Complete(prompt.Complete(tokens).Edit(d.Add(by)))
		if err != nil {
			return nil, fmt.Errorf("steering by %g: %w", by, err)
		}
		out.Texts = append(out.Texts, g.Text[0])
	}
	return out, nil
}

// String is a line for each strength.
func (s *Steered) String() string {
	var b strings.Builder
	for i, text := range s.Texts {
		fmt.Fprintf(&b, "%6g  %q\n", s.Strengths[i], text)
	}
	return b.String()
}
