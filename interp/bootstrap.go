package interp

import (
	"fmt"
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
// sample are drawn together. Without samples it fails.
//
// It says how far the mean depends on which prompts were drawn, and nothing of
// prompts of another kind. Source: Efron 1979.
func (r *Result) Interval(b Bootstrap) (lo, hi *array.Array, err error) {
	if b, err = b.defaults(); err != nil {
		return nil, nil, err
	}
	size := len(r.Values())
	if r.Samples == nil || size == 0 || len(r.Samples.Values()) < size {
		return nil, nil, fmt.Errorf("bootstrap: the result has no samples to draw from")
	}
	values := r.Samples.Values()
	n := len(values) / size
	rng := rand.New(rand.NewPCG(b.Seed, 0))
	means := make([][]float64, size) // [value][resample]
	for range b.Resamples {
		sums := make([]float64, size)
		for range n {
			at := rng.IntN(n) * size
			for i := range sums {
				sums[i] += float64(values[at+i])
			}
		}
		for i, s := range sums {
			means[i] = append(means[i], s/float64(n))
		}
	}
	lo, hi = array.New(r.Axes()...).Named(r.Title(), r.Unit()), array.New(r.Axes()...).Named(r.Title(), r.Unit())
	for i, m := range means {
		slices.Sort(m)
		cut := int((1 - b.Level) / 2 * float64(len(m)))
		lo.Values()[i], hi.Values()[i] = float32(m[cut]), float32(m[len(m)-1-cut])
	}
	return lo, hi, nil
}
