package model

import (
	"fmt"
	"strings"

	"github.com/golens/golens/model/array"
	"github.com/golens/golens/model/hook"
)

// A SweepResult is what a sweep gave.
type SweepResult struct {
	Base   *Result // of the base run: its metrics per row, its captures and gradients
	Source *Result // of the source run, nil if there is none

	// Metrics are in the order of the base request, each [variant, batch]. Rows
	// that a variant leaves out are NaN.
	Metrics []*array.Array
	// Captures are in the order of the sweep's, each [variant, batch, ...].
	Captures []Captured

	Plan Plan // how it was run
	Provenance
}

// Metric is the mean over rows of the i-th metric of every variant [variant].
func (r *SweepResult) Metric(i int) *array.Array { return r.PerRow(i).Mean(hook.Batch) }

// PerRow is the i-th metric of every variant and row [variant, batch].
func (r *SweepResult) PerRow(i int) *array.Array {
	if i < 0 || i >= len(r.Metrics) {
		return array.Failed(fmt.Errorf("sweep result: metric %d of %d", i, len(r.Metrics)))
	}
	return r.Metrics[i]
}

// At is the activation of every variant captured at a point
// [variant, batch, ...]. If more was captured, the part that the point selects
// is cut out; positions must then be the same in every row and counted from
// the start.
func (r *SweepResult) At(p hook.Point) *array.Array { return find(r.Captures, p, "capture") }

// Stack is what was captured of every variant at several points of one shape, such
// as one hook of all layers [layer, variant, batch, ...].
func (r *SweepResult) Stack(points ...hook.Point) *array.Array { return stack(r.At, points) }

// String lists what there is and how it was run.
func (r *SweepResult) String() string {
	var b strings.Builder
	for i, m := range r.Metrics {
		fmt.Fprintf(&b, "%s of %d variants of %d rows; base %.4g\n", m.Title(), m.Dim(hook.Variant), m.Dim(hook.Batch),
			r.Base.PerRow(i).Mean(hook.Batch).Scalar())
	}
	for _, c := range r.Captures {
		fmt.Fprintf(&b, "capture %s %v\n", c.Point, c.Array.Shape())
	}
	fmt.Fprintf(&b, "%s\n%s", r.Plan, r.Provenance)
	return b.String()
}
