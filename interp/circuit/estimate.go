package circuit

import (
	"fmt"
	"math"
	"math/rand/v2"

	"github.com/golens/golens/interp"
	"github.com/golens/golens/model/array"
)

// An Estimate is a number and where it mostly falls with other prompts of the
// kind, by bootstrap over prompts.
type Estimate struct{ Value, Lo, Hi float64 }

// String is the number with its interval.
func (e Estimate) String() string { return fmt.Sprintf("%.3f [%.3f, %.3f]", e.Value, e.Lo, e.Hi) }

// Percent is the number with its interval, of a share.
func (e Estimate) Percent() string {
	return fmt.Sprintf("%.1f%% [%.1f, %.1f]", 100*e.Value, 100*e.Lo, 100*e.Hi)
}

// estimate computes a number from all prompts, and its interval.
func estimate(b interp.Bootstrap, prompts int, of func(rows []int) float64) (Estimate, error) {
	e := Estimate{Value: of(upTo(prompts))}
	one := &interp.Result{Array: array.New(array.Dim("value", 1))}
	lo, hi, err := one.Resample(b, prompts, func(draw []int, out []float64) { out[0] = of(draw) })
	if err != nil {
		return e, err
	}
	e.Lo, e.Hi = lo.At(0), hi.At(0)
	return e, nil
}

// estimateSize is [estimate] of how large a difference is, from the difference
// with its sign.
func estimateSize(b interp.Bootstrap, prompts int, of func(rows []int) float64) (Estimate, error) {
	e, err := estimate(b, prompts, of)
	e.Value = math.Abs(e.Value)
	e.Lo, e.Hi = interp.Size(e.Lo, e.Hi)
	return e, err
}

// undefined is what a number is that means nothing here.
var undefined = Estimate{math.NaN(), math.NaN(), math.NaN()}

// mean is the mean of the values of rows.
func mean(values []float64, rows []int) float64 {
	sum := 0.0
	for _, r := range rows {
		sum += values[r]
	}
	return sum / float64(len(rows))
}

// recovery is how runs are held against the model and against nothing at all.
func (s Settings) recovery(whole, empty []float64) interp.Recovery {
	return interp.Recovery{Whole: whole, Empty: empty, OfEach: s.Aggregation == MeanOfRatios}
}

// gapOf is how much there is to lose, NaN if it cannot be told from nothing.
func gapOf(whole, empty []float64) float64 {
	if (interp.Recovery{Whole: whole, Empty: empty}).Check() != nil {
		return math.NaN()
	}
	return math.Abs(meanOf(whole) - meanOf(empty))
}

// estimateBoth are the means of two runs.
func estimateBoth(b interp.Bootstrap, one, other []float64) (first, second Estimate, err error) {
	if first, err = estimate(b, len(one), func(rows []int) float64 { return mean(one, rows) }); err != nil {
		return first, second, err
	}
	second, err = estimate(b, len(other), func(rows []int) float64 { return mean(other, rows) })
	return first, second, err
}

// upTo are the numbers below n.
func upTo(n int) []int {
	all := make([]int, n)
	for i := range all {
		all[i] = i
	}
	return all
}

func newRand(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 0)) }
