package interp

import (
	"fmt"
	"math"

	"github.com/golens/golens/model"
	"github.com/golens/golens/model/array"
)

// A Result is the values of an analysis and how they came about.
type Result struct {
	*array.Array
	Method  string       // the analysis and its settings
	Source  string       // where it was published
	Samples *array.Array // the values of each sample [sample, ...], nil if there are none
	model.Provenance
}

// String is the values as a table, and a line on how they came about.
func (r *Result) String() string {
	return fmt.Sprintf("%s\n%s (%s)\n%s\n", r.Array, r.Method, r.Source, r.Provenance)
}

// Of is a result on the same footing with other values.
func (r *Result) Of(values *array.Array) *Result {
	s := *r
	s.Array, s.Samples = values, nil
	return &s
}

// Band is the values less and plus two standard errors of the mean over
// samples: where a repetition with other samples would mostly fall. Samples in
// which a value is NaN do not count for it; without at least two that do, both
// ends are NaN.
func (r *Result) Band() (lo, hi *array.Array) {
	lo, hi = array.New(r.Axes()...), array.New(r.Axes()...)
	size, n := len(r.Values()), 0
	if r.Samples != nil && size > 0 {
		n = len(r.Samples.Values()) / size
	}
	for i, mean := range r.Values() {
		sum, count := 0.0, 0
		for s := range n {
			if d := float64(r.Samples.Values()[s*size+i] - mean); d == d {
				sum, count = sum+d*d, count+1
			}
		}
		off := float32(math.NaN())
		if count > 1 {
			off = 2 * float32(math.Sqrt(sum/float64(count*(count-1))))
		}
		lo.Values()[i], hi.Values()[i] = mean-off, mean+off
	}
	return lo, hi
}

// Heads is an empty array [layer, head] for a model, to be filled.
func Heads(m *model.Model, title, unit string) *array.Array {
	c := m.Config()
	return array.New(array.Dim("layer", c.Layers), array.Dim("head", c.Heads)).Named(title, unit)
}
