package interp

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/golens/golens/model"
	"github.com/golens/golens/model/array"
)

// Checkpoints measures a model at every checkpoint of its training that can be
// opened and puts the results in a row: [step, ...]. What it costs is the
// measure at each of them.
func Checkpoints(m *model.Model, measure func(*model.Model) (*Result, error)) (*Result, error) {
	steps := m.Checkpoints()
	if len(steps) == 0 {
		return nil, fmt.Errorf("model %s has no checkpoints", m.Info().Name)
	}
	var all []*Result
	labels := make([]string, len(steps))
	for i, step := range steps {
		labels[i] = strconv.Itoa(step)
		at, err := m.Checkpoint(step)
		if err != nil {
			return nil, err
		}
		r, err := measure(at)
		if err != nil {
			return nil, fmt.Errorf("step %d: %w", step, err)
		}
		all = append(all, r)
	}
	return stack("step", labels, all)
}

// stack puts results of equal shape along a new leading axis.
func stack(axis string, labels []string, all []*Result) (*Result, error) {
	var values, samples []float32
	sampled := 0
	for i, r := range all {
		if err := r.Err(); err != nil {
			return nil, err
		}
		if !slices.Equal(r.Shape(), all[0].Shape()) {
			return nil, fmt.Errorf("%s %s: shape %v; %s %s has %v", axis, labels[i], r.Shape(), axis, labels[0], all[0].Shape())
		}
		values = append(values, r.Values()...)
		if r.Samples != nil {
			samples, sampled = append(samples, r.Samples.Values()...), sampled+1
		}
	}
	first := *all[0]
	axes := append([]array.Axis{array.Labels(axis, labels)}, first.Axes()...)
	out := first.Of(array.Of(values, axes...).Named(first.Title(), first.Unit()))
	if n := len(labels); sampled == n {
		count := len(samples) / len(values)
		axes := append([]array.Axis{array.Labels(axis, labels), array.Dim("sample", count)}, first.Axes()...)
		names := []string{"sample", axis}
		for _, ax := range first.Axes() {
			names = append(names, ax.Name)
		}
		out.Samples = array.Of(samples, axes...).Transpose(names...)
	}
	return out, nil
}
