package interp

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
)

// Of is [Result.Interval] for any number that is computed from samples, such as
// a ratio of two means: statistic gets the indices of as many samples as there
// are, some of them more than once. Draws that give NaN do not count.
func (b Bootstrap) Of(samples int, statistic func(rows []int) float64) (lo, hi float64, err error) {
	if b, err = b.defaults(); err != nil {
		return 0, 0, err
	}
	if samples < 1 {
		return 0, 0, fmt.Errorf("bootstrap: there are no samples to draw from")
	}
	rng := rand.New(rand.NewPCG(b.Seed, 0))
	rows, values := make([]int, samples), make([]float64, 0, b.Resamples)
	for range b.Resamples {
		for i := range rows {
			rows[i] = rng.IntN(samples)
		}
		if v := statistic(rows); !math.IsNaN(v) {
			values = append(values, v)
		}
	}
	if len(values) == 0 {
		return math.NaN(), math.NaN(), nil
	}
	slices.Sort(values)
	cut := int((1 - b.Level) / 2 * float64(len(values)))
	return values[cut], values[len(values)-1-cut], nil
}
