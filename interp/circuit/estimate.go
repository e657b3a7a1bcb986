package circuit

import (
	"fmt"
	"math/rand/v2"

	"github.com/golens/golens/interp"
	"github.com/golens/golens/model/array"
)

// An Estimate is a number and where it mostly falls with other prompts of the
// kind, by bootstrap over prompts.
type Estimate struct{ Value, Lo, Hi float64 }

// String is the number with its interval.
func (e Estimate) String() string { return fmt.Sprintf("%.3f [%.3f, %.3f]", e.Value, e.Lo, e.Hi) }

// percent is the same in percent.
func (e Estimate) percent() string {
	return fmt.Sprintf("%.1f%% [%.1f, %.1f]", 100*e.Value, 100*e.Lo, 100*e.Hi)
}

// estimate computes a number from all prompts, and its interval.
func estimate(b interp.Bootstrap, prompts int, of func(rows []int) float64) (Estimate, error) {
	rows := make([]int, prompts)
	for i := range rows {
		rows[i] = i
	}
	e := Estimate{Value: of(rows)}
	one := &interp.Result{Array: array.New(array.Dim("value", 1))}
	lo, hi, err := one.Resample(b, prompts, func(draw []int, out []float64) { out[0] = of(draw) })
	if err != nil {
		return e, err
	}
	e.Lo, e.Hi = lo.At(0), hi.At(0)
	return e, nil
}

// mean is the mean of the values of rows.
func mean(values []float64, rows []int) float64 {
	sum := 0.0
	for _, r := range rows {
		sum += values[r]
	}
	return sum / float64(len(rows))
}

// ratio holds one metric against another.
func (a Aggregation) ratio(part, whole []float64, rows []int) float64 {
	if a == RatioOfMeans {
		return mean(part, rows) / mean(whole, rows)
	}
	sum := 0.0
	for _, r := range rows {
		sum += part[r] / whole[r]
	}
	return sum / float64(len(rows))
}

func newRand(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 0)) }
