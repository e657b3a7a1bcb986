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

// A value that some samples do not have is estimated from those that do: its
// interval and band are those of the samples without the gaps.
func TestGapsInSamples(t *testing.T) {
	nan := float32(math.NaN())
	const n = 60
	rng := rand.New(rand.NewPCG(3, 1))
	full := array.New(array.Dim("sample", n/2), array.Dim("value", 1))
	gaps := array.New(array.Dim("sample", n), array.Dim("value", 2))
	for i := range n / 2 {
		x := float32(rng.NormFloat64())
		full.Values()[i] = x
		gaps.Values()[4*i], gaps.Values()[4*i+1] = x, 1 // sample 2i has both values
		gaps.Values()[4*i+2], gaps.Values()[4*i+3] = nan, 1
	}
	of := func(samples *array.Array) *interp.Result {
		return &interp.Result{Array: samples.Mean("sample"), Samples: samples}
	}
	want, got := of(full), of(gaps)
	wantLo, wantHi := want.Band()
	if lo, hi := got.Band(); lo.At(0) != wantLo.At(0) || hi.At(0) != wantHi.At(0) || lo.At(1) != 1 || hi.At(1) != 1 {
		t.Errorf("band %v to %v, want %v to %v", lo, hi, wantLo, wantHi)
	}
	wantLo, wantHi, err := want.Interval(interp.Bootstrap{})
	if err != nil {
		t.Fatal(err)
	}
	lo, hi, err := got.Interval(interp.Bootstrap{})
	if err != nil {
		t.Fatal(err)
	}
	// The number of samples drawn that have the value varies, which widens a little.
	if w, g := wantHi.At(0)-wantLo.At(0), hi.At(0)-lo.At(0); g < 0.9*w || g > 1.2*w || !(lo.At(0) < got.At(0) && got.At(0) < hi.At(0)) {
		t.Errorf("interval %.3f to %.3f; without gaps %.3f to %.3f", lo.At(0), hi.At(0), wantLo.At(0), wantHi.At(0))
	}
	if lo.At(1) != 1 || hi.At(1) != 1 {
		t.Errorf("the interval of ones is %g to %g", lo.At(1), hi.At(1))
	}
}

// Differences of 1, -1.2 and 0.4 are 0.067 on average, and may be none.
func TestSizeOfADifference(t *testing.T) {
	samples := array.Of([]float32{1, -1.2, 0.4}, array.Dim("sample", 3))
	r := &interp.Result{Array: samples.Mean("sample"), Samples: samples}
	lo, hi, err := r.Interval(interp.Bootstrap{})
	if err != nil {
		t.Fatal(err)
	}
	least, most := interp.Size(lo.Scalar(), hi.Scalar())
	if mean := math.Abs(r.Scalar()); math.Abs(mean-0.0667) > 1e-4 || least != 0 || math.Abs(most-1.2) > 1e-6 {
		t.Errorf("%.4f in [%g, %g], want 0.0667 in [0, 1.2]", mean, least, most)
	}
	for _, c := range [][4]float64{{1, 3, 1, 3}, {-3, -1, 1, 3}, {0, 2, 0, 2}, {-2, 1, 0, 2}} {
		if lo, hi := interp.Size(c[0], c[1]); lo != c[2] || hi != c[3] {
			t.Errorf("[%g, %g] has sizes [%g, %g], want [%g, %g]", c[0], c[1], lo, hi, c[2], c[3])
		}
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
