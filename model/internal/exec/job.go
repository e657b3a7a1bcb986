package exec

import (
	"github.com/golens/golens/model/array"
)

// An Outcome is what a job gave.
type Outcome struct {
	Captures []*array.Array // in the order of Job.Captures
	Grads    []*array.Array // [metric of Job.GradOf * point of Job.Grads]
	Metrics  [][]float64    // [metric][row]
	Terms    [][][]float64  // [metric][row][position of At] of which that is the mean; none if linear
}
