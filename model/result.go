package model

import (
	"errors"
	"fmt"
	"math"
	"strings"

	"github.com/golens/golens/model/array"
	"github.com/golens/golens/model/hook"
)

// A Result is what a request gave.
type Result struct {
	Captures []Captured
	Grads    []Captured
	Weighed  []Weighed      // gradients at tensors of formulas
	Metrics  []*array.Array // in the order of the request, each [batch]
	Labels   [][]string     // tokens of each row
	Provenance
}

// A Captured is an activation or a gradient and where it was taken.
type Captured struct {
	Point  hook.Point
	Array  *array.Array
	Metric int `json:",omitempty"` // that the gradient is of
}

// A Weighed is the gradient of a metric, summed over rows, at a tensor.
type Weighed struct {
	Tensor string
	Array  *array.Array
	Metric int `json:",omitempty"`
}

// GradTensor is the gradient of the first metric at a tensor of the edits'
// formulas.
func (r *Result) GradTensor(name string) *array.Array {
	var names []string
	for _, w := range r.Weighed {
		if w.Tensor == name && w.Metric == r.Weighed[0].Metric {
			return w.Array
		}
		names = append(names, w.Tensor)
	}
	return array.Failed(fmt.Errorf("result: no gradient at tensor %q; there are %q", name, names))
}

// At is the activation captured at a point. If more was captured, the part
// that the point selects is cut out; positions must then be the same in every
// row and counted from the start.
func (r *Result) At(p hook.Point) *array.Array { return find(r.Captures, p, "capture") }

// Stack is what was captured at several points of one shape, such as one hook of
// all layers ([hook.Layers]) [layer, batch, ...].
func (r *Result) Stack(points ...hook.Point) *array.Array { return stack(r.At, points) }

// Grad is the gradient of the first metric at a point, likewise.
func (r *Result) Grad(p hook.Point) *array.Array { return r.GradOf(0, p) }

// GradOf is the gradient of the i-th metric at a point, likewise.
func (r *Result) GradOf(i int, p hook.Point) *array.Array {
	var own []Captured
	for _, c := range r.Grads {
		if c.Metric == i {
			own = append(own, c)
		}
	}
	return find(own, p, fmt.Sprintf("gradient of metric %d", i))
}

// Metric is the mean over rows of the first metric, NaN if there is none.
func (r *Result) Metric() float64 {
	if len(r.Metrics) == 0 {
		return math.NaN()
	}
	return r.Metrics[0].Mean("batch").Scalar()
}

// PerRow is the i-th metric of every row [batch].
func (r *Result) PerRow(i int) *array.Array {
	if i < 0 || i >= len(r.Metrics) {
		return array.Failed(fmt.Errorf("result: metric %d of %d", i, len(r.Metrics)))
	}
	return r.Metrics[i]
}

// Row is the part of one row, cut to its length and labelled with its tokens.
func (r *Result) Row(i int) *Result {
	if i < 0 || i >= len(r.Labels) {
		failed := []Captured{{Array: array.Failed(fmt.Errorf("result: row %d of %d", i, len(r.Labels)))}}
		return &Result{Captures: failed, Grads: failed}
	}
	one := &Result{Labels: r.Labels[i : i+1], Provenance: r.Provenance}
	cut := func(from []Captured) (to []Captured) {
		for _, c := range from {
			if c.Point.Batch == nil { // else the rows were chosen already
				a := trim(c.Array.Select(hook.Batch, i), c.Point, len(r.Labels[i]))
				to = append(to, Captured{c.Point, label(a, c.Point, r.Labels[i]), c.Metric})
			}
		}
		return to
	}
	one.Captures, one.Grads = cut(r.Captures), cut(r.Grads)
	for _, m := range r.Metrics {
		one.Metrics = append(one.Metrics, m.Select(hook.Batch, i))
	}
	return one
}

// String lists what there is, with the metrics' means.
func (r *Result) String() string {
	var b strings.Builder
	for _, m := range r.Metrics {
		fmt.Fprintf(&b, "%s: %.4g (mean of %d rows)\n", m.Title(), m.Mean(hook.Batch).Scalar(), m.Dim(hook.Batch))
	}
	list := func(what string, cs []Captured) {
		for _, c := range cs {
			fmt.Fprintf(&b, "%s %s %v\n", what, c.Point, c.Array.Shape())
		}
	}
	list("capture ", r.Captures)
	list("gradient", r.Grads)
	fmt.Fprintf(&b, "%s", r.Provenance)
	return b.String()
}

// stack puts what was found at points one after another, by layer.
func stack(at func(hook.Point) *array.Array, points []hook.Point) *array.Array {
	parts, labels := make([]*array.Array, len(points)), make([]string, len(points))
	for i, p := range points {
		parts[i], labels[i] = at(p), fmt.Sprint(p.Layer)
		if p.Heads != nil || parts[i].Dim(hook.Head) > 0 {
			parts[i] = parts[i].Unlabel(hook.Head) // they name the layer too
		}
	}
	a := array.Stack(array.Labels("layer", labels), parts...)
	if len(points) == 0 || a.Err() != nil {
		return a
	}
	return a.Named(string(points[0].Kind), a.Unit())
}

func find(cs []Captured, p hook.Point, what string) *array.Array {
	for _, c := range cs {
		if c.Array.Err() != nil && c.Point.Kind == "" {
			return c.Array
		}
		if c.Point.Equal(p) {
			return c.Array
		}
	}
	for _, c := range cs {
		if c.Point.Equal(p.Whole()) {
			return cut(c.Array, p)
		}
	}
	var names []string
	for _, c := range cs {
		names = append(names, c.Point.String())
	}
	if names == nil {
		names = []string{"nothing"}
	}
	return array.Failed(fmt.Errorf("result: no %s at %s; the request asked for %s", what, p, strings.Join(names, ", ")))
}

// cut selects a part of a whole activation.
func cut(a *array.Array, p hook.Point) *array.Array {
	if p.Batch != nil {
		a = a.Select(hook.Batch, p.Batch...)
	}
	if axis := p.Kind.HeadAxis(); axis >= 0 && p.Heads != nil {
		a = a.Select(hook.Head, p.Heads...)
	}
	if !p.Pos.All() {
		if len(p.Pos.Rows) > 1 {
			return array.Failed(errors.New("result: positions that differ by row must be captured as such"))
		}
		a = a.Select(p.Kind.Axes()[p.Kind.PositionAxis()], p.Pos.Rows[0]...)
	}
	if axes := p.Kind.Axes(); p.Coords != nil {
		a = a.Select(axes[len(axes)-1], p.Coords...)
	}
	return a
}

// label puts token labels on the position axes of a one-row array, and numbers
// on heads that were chosen.
func label(a *array.Array, p hook.Point, tokens []string) *array.Array {
	for _, ax := range a.Axes() {
		var labels []string
		switch ax.Name {
		case hook.Pos, hook.Query:
			labels = nil
			for _, pos := range p.Pos.Of(0, len(tokens)) {
				labels = append(labels, tokens[pos])
			}
		case hook.Key:
			if p.Coords == nil {
				labels = tokens
			}
		case hook.Head:
			for _, h := range p.Heads {
				labels = append(labels, fmt.Sprintf("%d.%d", p.Layer, h))
			}
			for h := 0; p.Heads == nil && h < ax.Len; h++ {
				labels = append(labels, fmt.Sprintf("%d.%d", p.Layer, h))
			}
		}
		if len(labels) == ax.Len {
			a = a.Label(ax.Name, labels)
		}
	}
	return a
}

// trim cuts the padding off a row of n tokens.
func trim(a *array.Array, p hook.Point, n int) *array.Array {
	for _, axis := range []string{hook.Pos, hook.Query, hook.Key} {
		chosen := axis == hook.Key && p.Coords != nil || axis != hook.Key && !p.Pos.All()
		if len := a.Dim(axis); len > n && !chosen {
			first := make([]int, n)
			for i := range first {
				first[i] = i
			}
			a = a.Select(axis, first...)
		}
	}
	return a
}
