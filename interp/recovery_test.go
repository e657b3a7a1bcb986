package interp_test

import (
	"errors"
	"math"
	"testing"

	"github.com/golens/golens/interp"
)

// A log probability of -0.1 in the model, -0.2 in a circuit, and -6 with
// everything gone or in a random circuit: the circuit recovers 98.3%, the random
// one nothing. A loss, the same with the other sign, says the same.
func TestRecoveryOfMetricsThatAreNegativeWhenGood(t *testing.T) {
	for _, sign := range []float64{1, -1} {
		r := interp.Recovery{Whole: []float64{-0.1 * sign}, Empty: []float64{-6 * sign}}
		if err := r.Check(); err != nil {
			t.Fatal(err)
		}
		for run, want := range map[float64]float64{-0.1: 1, -0.2: 5.8 / 5.9, -6: 0} {
			if got := r.Of([]float64{run * sign}, []int{0}); math.Abs(got-want) > 1e-12 {
				t.Errorf("a run of %g recovers %.4f, want %.4f", run*sign, got, want)
			}
		}
	}
}

// Two prompts with 4 and 0.01 to recover, of which 3 and -1 are: of the means that
// is a half, of each 75% and -10,000%, where the second is noise.
func TestRecoveryWithNothingToDivideBy(t *testing.T) {
	whole, part, both := []float64{4, 0.01}, []float64{3, -1}, []int{0, 1}
	r := interp.Recovery{Whole: whole, Empty: []float64{0, 0}}
	if got := r.Of(part, both); math.Abs(got-2/4.01) > 1e-12 || r.LeftOut() != 0 {
		t.Errorf("ratio of means %g, %d left out", got, r.LeftOut())
	}
	r.OfEach = true
	if got := r.Of(part, both); got != 0.75 || r.LeftOut() != 1 {
		t.Errorf("mean of ratios %g, %d left out; want 0.75 and 1", got, r.LeftOut())
	}
	for _, whole := range [][]float64{{1}, {1, 0, 2}} { // the same, or told apart by chance alone
		same := interp.Recovery{Whole: whole, Empty: []float64{1, 1, 1}[:len(whole)]}
		if err := same.Check(); !errors.Is(err, interp.ErrNothing) {
			t.Errorf("error %v", err)
		}
	}
}
