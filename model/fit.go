package model

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/golens/golens/model/array"
	"github.com/golens/golens/model/formula"
	"github.com/golens/golens/model/hook"
)

// A Fit finds tensors of formulas that make a loss small, with the model as it is:
// rotations, masks, translators, dictionaries, probes, steering vectors. It is
// plain data, as a [Request] is.
//
// Each step runs the blocks from the lowest formula with a tensor to be found up to
// where the loss is read. What lies below is computed once for each row.
type Fit struct {
	// Base is the batch, the edits, whose formulas have free tensors, and the
	// metrics. A KL without a reference is that from the run without these formulas.
	Base Request

	// Source, if it has rows, is the batch that formulas read by formula.Source, row
	// by row. Without positions of its own in the formula, each row is as long as that
	// of Base. formula.Base is the run of Base without formulas with free tensors.
	Source Request `json:",omitzero"`

	// Edges, if it is set, are edges that are cut by shares; then Base has no edits.
	Edges *EdgeMask `json:",omitempty"`

	Find   []Find   // the tensors to be found
	Loss   []Loss   // what is made small, added up; nil: the first metric
	Change []Change // free tensors that change with the steps
	Noise  []Noise  // free tensors that are drawn anew for each step

	Optimizer Optimizer
	Clip      float64 `json:",omitempty"` // bound of the norm of all gradients together; 0: none

	Steps int
	Batch int `json:",omitempty"` // rows of a step, drawn; 0: all, every step
	// Together is how many rows that follow each other are drawn as one, such as a text
	// for every layer; 0 means 1. They divide the rows and the batch.
	Together int    `json:",omitempty"`
	Seed     uint64 `json:",omitempty"` // of starts, batches and noise

	// Window, unless both are 0, are the steps that are made of all Steps, from one up to
	// before another, each on the next Batch of the rows in their order: a part of
	// [Model.FitOver]. Rates and changes are those of Steps.
	Window [2]int `json:",omitzero"`

	// Cache bounds the bytes of what lies below the formulas; 0 means 1 GiB. If all of
	// it does not fit, it is computed again for each step.
	Cache int64 `json:",omitempty"`

	// From is an earlier fit of the same tensors, from which this one goes on, up to
	// Steps in all.
	From *Fitted `json:",omitempty"`
}

// Find is a tensor to be found.
type Find struct {
	Name string // of a free tensor in the formulas, whose shape it has

	// Start is where it starts. Nil means normal draws times Scale, so zeros if that is
	// 0; or, of an orthogonal one, a drawn one.
	Start *array.Array `json:",omitempty"`
	Scale float64      `json:",omitempty"`

	// Orthogonal keeps the columns orthonormal: by the Cayley transform for a square
	// matrix, which remains a rotation if it starts as one, by Householder reflections
	// for one with fewer columns.
	Orthogonal bool `json:",omitempty"`

	Rate float64 `json:",omitempty"` // times the optimizer's; 0 means 1
}

// A Loss is a term of what a fit makes small. One of its parts is set.
type Loss struct {
	// Metric is one of the metrics of Base by its index, from 0: its mean over rows.
	// It is meant where the other parts are empty.
	Metric int `json:",omitempty"`

	// Value is a labelled value, such as a squared error: its mean over the rows and
	// positions that are selected, added up along its axes.
	Value hook.Point `json:",omitzero"`

	// Penalty is a formula of tensors alone: the sum of its values.
	Penalty formula.Expr `json:",omitzero"`

	Weight float64 `json:",omitempty"` // 0 means 1; a negative one makes the term large
}

// Change is a free tensor of one value, [1], that goes from one number to another
// in equal parts, such as a temperature.
type Change struct {
	Name     string
	From, To float32
}

// Noise is a free tensor of uniform draws between 0 and 1, not included, new for
// each step. Where the fitted formula is used, give it another value, such as 1/2.
type Noise struct {
	Name string
}

// An Optimizer is how steps follow from gradients. Its zero value is Adam with a
// rate of 0.001.
type Optimizer struct {
	Kind string  `json:",omitempty"` // "adam" or "sgd"; empty means adam
	Rate float64 `json:",omitempty"` // 0 means 0.001

	Beta1   float64 `json:",omitempty"` // of Adam; 0 means 0.9
	Beta2   float64 `json:",omitempty"` // 0 means 0.999
	Epsilon float64 `json:",omitempty"` // 0 means 1e-8

	Momentum float64 `json:",omitempty"` // of SGD
	Nesterov bool    `json:",omitempty"`

	// Decay is the decay of weights: as in AdamW, or, for SGD, added to the gradient.
	Decay float64 `json:",omitempty"`

	// Schedule is how the rate falls after WarmUp steps in which it rises: empty or
	// "constant", "linear" or "cosine". End is the share that is left at the end.
	Schedule string  `json:",omitempty"`
	WarmUp   int     `json:",omitempty"`
	End      float64 `json:",omitempty"`
}

// A Fitted is what a fit found.
type Fitted struct {
	Tensors []Tensor
	Curve   []FitStep
	Memory  []Tensor // of the optimizer, from which another fit goes on
	Stopped bool     // it was cancelled before its last step, or diverged
	// Diverged says at which step there was no finite loss or gradient any more, and
	// what the loss was. Tensors are then the last ones that had a finite loss.
	Diverged string `json:",omitempty"`
	Provenance
}

// A Tensor is a named tensor.
type Tensor struct {
	Name  string
	Array *array.Array
}

// A FitStep is the loss before a step and what the step was.
type FitStep struct {
	Loss  float64
	Terms []float64 // of the loss, weighted
	Norm  float64   // of the gradient, before clipping
	Rate  float64
}

// Verb implements [Ask].
func (Fit) Verb() string { return "fit" }

func init() { asks[Fit, *Fitted]() }

// Fit finds tensors. Nothing runs if any part of the fit is wrong. One that diverges
// gives an error with the step and the loss, and beside it the last good tensors, from
// which another may go on with a smaller rate.
func (m *Model) Fit(f Fit) (*Fitted, error) { return m.FitContext(context.Background(), f) }

// FitContext is [Model.Fit] that stops when the context ends. In this process it
// then gives what it has beside the error; a model host goes on from there when it
// is asked for the same fit again.
func (m *Model) FitContext(ctx context.Context, f Fit) (*Fitted, error) {
	got, err := do[*Fitted](ctx, m, f)
	if err == nil && got.Diverged != "" {
		err = errors.New("fit: " + got.Diverged)
	}
	return got, err
}

// Tensor is a found tensor by its name.
func (f *Fitted) Tensor(name string) *array.Array {
	var names []string
	for _, t := range f.Tensors {
		if t.Name == name {
			return t.Array
		}
		names = append(names, t.Name)
	}
	return array.Failed(fmt.Errorf("fit: no tensor %q was found; there are %q", name, names))
}

// Bind gives the free tensors of edits the values that were found.
func (f *Fitted) Bind(edits ...hook.Edit) []hook.Edit {
	bound := make([]hook.Edit, len(edits))
	for i, e := range edits {
		for _, t := range f.Tensors {
			e.Formula = e.Formula.Bind(t.Name, t.Array)
		}
		bound[i] = e
	}
	return bound
}

// String is the loss at the start and at the end, and the tensors.
func (f *Fitted) String() string {
	var b strings.Builder
	if n := len(f.Curve); n > 0 {
		fmt.Fprintf(&b, "loss %.4g at first, %.4g before step %d", f.Curve[0].Loss, f.Curve[n-1].Loss, n)
	}
	if f.Stopped {
		b.WriteString(" (stopped)")
	}
	for _, t := range f.Tensors {
		fmt.Fprintf(&b, "\n%s %v", t.Name, formula.Dims(t.Array.Shape()))
	}
	return b.String()
}
