package heads

import (
	"fmt"
	"math"

	"github.com/golens/golens/interp"
	"github.com/golens/golens/model"
	"github.com/golens/golens/model/array"
)

// A Measure says how a head's pattern is compared with that of a target.
type Measure int

// The measures of [Detect].
const (
	// Mul is the share of all attention that falls on target keys.
	Mul Measure = iota
	// Abs is 1 minus the mean absolute difference of the two patterns, times
	// the number of queries.
	Abs
)

// String names the measure.
func (m Measure) String() string {
	if m == Abs {
		return "abs"
	}
	return "mul"
}

// Detect compares whole attention patterns with a target's, in which each
// target key has attention 1 [layer, head]. Unlike [Score], queries without a
// target count against the head, so that a perfect head scores below 1: this is
// how TransformerLens' detect_head counts. One pass.
func Detect(m *model.Model, prompts model.Prompts, target Target, measure Measure) (*interp.Result, error) {
	if target == nil {
		return nil, errNoTarget
	}
	run, patterns, err := attention(m, prompts)
	if err != nil {
		return nil, err
	}
	c := m.Config()
	samples := array.New(array.Dim("sample", len(prompts.IDs)), array.Dim("layer", c.Layers), array.Dim("head", c.Heads))
	for i, row := range prompts.IDs {
		ideal := targetsOf(row, target).matrix()
		for l, pattern := range patterns {
			for h := range c.Heads {
				on, all, off := 0.0, 0.0, 0.0
				for q := range row {
					for k := range row {
						a := pattern.At(i, h, q, k)
						on, all, off = on+a*ideal[q][k], all+a, off+math.Abs(a-ideal[q][k])
					}
				}
				value := on / all
				if measure == Abs {
					value = 1 - off/float64(len(row))
				}
				samples.Set(value, i, l, h)
			}
		}
	}
	return &interp.Result{
		Array:   samples.Mean("sample").Named("detection score", ""),
		Samples: samples, Method: fmt.Sprintf("detection, %s", measure), Source: "TransformerLens, head_detector", Provenance: run.Provenance,
	}, samples.Err()
}

// matrix is 1 at target keys, else 0 [query, key].
func (t targets) matrix() [][]float64 {
	m := make([][]float64, len(t))
	for q, keys := range t {
		m[q] = make([]float64, len(t))
		for _, k := range keys {
			m[q][k] = 1
		}
	}
	return m
}
