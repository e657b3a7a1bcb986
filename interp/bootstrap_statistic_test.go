package interp_test

import (
	"math"
	"testing"

	"github.com/golens/golens/interp"
	"github.com/golens/golens/model/array"
)

// The mean as a statistic has the interval that means have.
func TestBootstrapOfAStatistic(t *testing.T) {
	samples := []float32{1, 2, 4, 8, 16, 32, 3}
	mean := func(rows []int) float64 {
		sum := 0.0
		for _, r := range rows {
			sum += float64(samples[r])
		}
		return sum / float64(len(rows))
	}
	b := interp.Bootstrap{Seed: 4, Resamples: 500, Level: 0.9}
	r := &interp.Result{Array: array.Of([]float32{9}, array.Dim("x", 1)), Samples: array.Of(samples, array.Dim("sample", 7), array.Dim("x", 1))}
	wantLo, wantHi, err := r.Interval(b)
	if err != nil {
		t.Fatal(err)
	}
	lo, hi, err := b.Of(len(samples), mean)
	if err != nil {
		t.Fatal(err)
	}
	// Interval rounds to float32.
	if math.Abs(lo-wantLo.At(0)) > 1e-5 || math.Abs(hi-wantHi.At(0)) > 1e-5 || lo >= hi {
		t.Errorf("interval %g to %g, of means %g to %g", lo, hi, wantLo.At(0), wantHi.At(0))
	}
	if _, _, err := b.Of(0, mean); err == nil {
		t.Error("no samples are no error")
	}
	if lo, _, err := b.Of(3, func([]int) float64 { return math.NaN() }); err != nil || !math.IsNaN(lo) {
		t.Errorf("of nothing but NaN: %g, %v", lo, err)
	}
}
