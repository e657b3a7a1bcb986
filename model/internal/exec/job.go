package exec

import (
	"github.com/golens/golens/model/array"
	"github.com/golens/golens/model/hook"
)

// A Job is a checked request: every id, layer, head and position exists.
type Job struct {
	Tokens   [][]int32    // one row per prompt, of any lengths
	Captures []hook.Point // what to give back
	Edits    []hook.Edit  // in order
	From     int          // first layer to run
	Resid    *array.Array // resid_pre of layer From, if From > 0 [batch, pos, d_model]
	Until    int          // layers From..Until-1 run; logits need all of them
	Metrics  []Objective
	Grads    []hook.Point // of the sum over rows of each of GradOf
	GradOf   []int        // indices of Metrics
	Most     int          // rows of a chunk; 0 means as many as run well
	Done     func(rows int)
}

// An Objective is a number per row: a function of logits, or linear in a hook
// point.
type Objective struct {
	// At are the positions of the logits that row reads, none negative.
	At func(row int) []int
	// Tokens are the vocabulary entries that row reads at each position, nil
	// for all of them. Each row names equally many.
	Tokens func(row int) []int32
	// Eval is the metric at the i-th position of At, from the logits there [vocab,
	// or token of Tokens]; if grad is not nil, it is told each derivative. The
	// metric of a row is the mean over its positions.
	Eval func(row, i int, logits []float32, grad func(j int, d float64)) float64

	// Linear, if set, takes the place of the above: the sum of the point's
	// values times the edit's, broadcast as for adding.
	Linear *hook.Edit
}

// An Outcome is what a job gave.
type Outcome struct {
	Captures []*array.Array // in the order of Job.Captures
	Grads    []*array.Array // [metric of Job.GradOf * point of Job.Grads]
	Metrics  [][]float64    // [metric][row]
	Terms    [][][]float64  // [metric][row][position of At] of which that is the mean; none if linear
}
