package interp_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/golens/golens/interp"
	"github.com/golens/golens/model/array"
)

// normal is a result of n samples of two values: normal ones with mean 3 and
// standard deviation 2, and whether they are above 3.
func normal(n int, seed uint64) *interp.Result {
	rng := rand.New(rand.NewPCG(seed, 1))
	samples := array.New(array.Dim("sample", n), array.Dim("value", 2))
	for i := range n {
		x := 3 + 2*rng.NormFloat64()
		samples.Set(x, i, 0)
		if x > 3 {
			samples.Set(1, i, 1)
		}
	}
	return &interp.Result{Array: samples.Mean("sample"), Samples: samples}
}

// About 95 of 100 intervals hold the true mean, and they are as wide as theory
// says.
func TestIntervalCovers(t *testing.T) {
	const trials, n = 200, 100
	held, width := [2]int{}, 0.0
	for seed := range uint64(trials) {
		lo, hi, err := normal(n, seed).Interval(interp.Bootstrap{Seed: seed, Resamples: 400})
		if err != nil {
			t.Fatal(err)
		}
		for i, truth := range []float64{3, 0.5} {
			if lo.At(i) <= truth && truth <= hi.At(i) {
				held[i]++
			}
		}
		width += (hi.At(0) - lo.At(0)) / trials
	}
	for i, got := range held {
		// 200 trials of 0.95 have a standard deviation of 3; a bootstrap of 100
		// samples covers a little less than it says.
		if got < 178 || got == trials {
			t.Errorf("value %d: %d of %d intervals hold the mean, want about 190", i, got, trials)
		}
	}
	if want := 2 * 1.96 * 2 / math.Sqrt(n); math.Abs(width-want) > 0.05*want { // measured within 2%
		t.Errorf("intervals are %.3f wide on average, want about %.3f", width, want)
	}
}

func TestIntervalOfEqualSamplesIsThePoint(t *testing.T) {
	samples := array.Of([]float32{2, 2, 2, 2}, array.Dim("sample", 4))
	r := &interp.Result{Array: samples.Mean("sample"), Samples: samples}
	lo, hi, err := r.Interval(interp.Bootstrap{})
	if err != nil || lo.Scalar() != 2 || hi.Scalar() != 2 {
		t.Errorf("the interval of four times 2 is %v to %v (%v)", lo, hi, err)
	}
}

func TestIntervalIsSeeded(t *testing.T) {
	r := normal(30, 1)
	get := func(seed uint64) []float32 {
		lo, hi, err := r.Interval(interp.Bootstrap{Seed: seed})
		if err != nil {
			t.Fatal(err)
		}
		return append(slices.Clone(lo.Values()), hi.Values()...)
	}
	if !slices.Equal(get(1), get(1)) || slices.Equal(get(1), get(2)) {
		t.Error("the same seed must give the same interval, another one another")
	}
}

func TestBadIntervalsAreErrors(t *testing.T) {
	r := normal(5, 1)
	for _, b := range []interp.Bootstrap{{Level: 1}, {Level: -1}, {Resamples: -1}} {
		if _, _, err := r.Interval(b); err == nil {
			t.Errorf("%+v gives no error", b)
		}
	}
	if _, _, err := r.Of(r.Array).Interval(interp.Bootstrap{}); err == nil {
		t.Error("a result without samples gives no error")
	}
}
