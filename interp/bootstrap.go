package interp

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"github.com/golens/golens/model/array"
)

// A Bootstrap says how an interval is found by drawing the samples again.
type Bootstrap struct {
	Level     float64 // share of the drawn means inside; 0 means 0.95
	Resamples int     // how often; 0 means 2000
	Seed      uint64  // of the draws
}

func (b Bootstrap) defaults() (Bootstrap, error) {
	if b.Level == 0 {
		b.Level = 0.95
	}
	if b.Resamples == 0 {
		b.Resamples = 2000
	}
	if b.Level <= 0 || b.Level >= 1 || b.Resamples < 1 {
		return b, fmt.Errorf("bootstrap: level %g and %d resamples; the level lies between 0 and 1, and one resample is the least", b.Level, b.Resamples)
	}
	return b, nil
}

// Interval is where the mean over samples mostly falls if as many samples are
// drawn from these again, with replacement: the percentiles that leave out
// equally much on both sides. Unlike [Result.Band] it need not be symmetric,
// and stays inside of what the values can be, such as 0 to 1. All values of a
// sample are drawn together. A sample in which a value is NaN does not count for
// that value, as in its mean. Without samples it fails.
//
// It says how far the mean depends on which prompts were drawn, and nothing of
// prompts of another kind. Source: Efron 1979.
func (r *Result) Interval(b Bootstrap) (lo, hi *array.Array, err error) {
	size := len(r.Values())
	if r.Samples == nil || size == 0 || len(r.Samples.Values()) < size {
		return nil, nil, fmt.Errorf("bootstrap: the result has no samples to draw from")
	}
	values := r.Samples.Values()
	counts := make([]float64, size)
	return r.Resample(b, len(values)/size, func(draw []int, out []float64) {
		clear(counts)
		for _, s := range draw {
			for i, v := range values[s*size : (s+1)*size] {
				if v == v { // NaN: a value that this sample does not have
					out[i], counts[i] = out[i]+float64(v), counts[i]+1
				}
			}
		}
		for i, n := range counts {
			out[i] /= n
		}
	})
}

// Resample is [Result.Interval] of another statistic than the mean, such as a
// ratio of means. It is given which of the n samples were drawn and adds to out,
// which is zero, one value for each of the result's. Draws for which it gives NaN
// are left out; where that is all of them, the interval is NaN.
func (r *Result) Resample(b Bootstrap, n int, statistic func(draw []int, out []float64)) (lo, hi *array.Array, err error) {
	if b, err = b.defaults(); err != nil {
		return nil, nil, err
	}
	if n < 1 {
		return nil, nil, fmt.Errorf("bootstrap: %d samples to draw from", n)
	}
	rng := rand.New(rand.NewPCG(b.Seed, 0))
	drawn := make([][]float64, len(r.Values())) // [value][resample]
	draw, out := make([]int, n), make([]float64, len(drawn))
	for range b.Resamples {
		for i := range draw {
			draw[i] = rng.IntN(n)
		}
		clear(out)
		statistic(draw, out)
		for i, v := range out {
			if v == v { // not NaN: a value that no drawn sample has
				drawn[i] = append(drawn[i], v)
			}
		}
	}
	lo, hi = array.New(r.Axes()...).Named(r.Title(), r.Unit()), array.New(r.Axes()...).Named(r.Title(), r.Unit())
	for i, v := range drawn {
		if len(v) == 0 {
			lo.Values()[i], hi.Values()[i] = float32(math.NaN()), float32(math.NaN())
			continue
		}
		slices.Sort(v)
		cut := int((1 - b.Level) / 2 * float64(len(v)))
		lo.Values()[i], hi.Values()[i] = float32(v[cut]), float32(v[len(v)-1-cut])
	}
	return lo, hi, nil
}

// Size is the interval of how large a value is, whatever its sign, from the
// interval of the value itself: where that holds 0, so does this. Sizes that are
// drawn again never fall below 0, so that their own percentiles would make any
// difference look as if it were there.
func Size(lo, hi float64) (float64, float64) {
	least, most := min(math.Abs(lo), math.Abs(hi)), max(math.Abs(lo), math.Abs(hi))
	if lo <= 0 && hi >= 0 {
		least = 0
	}
	return least, most
}
