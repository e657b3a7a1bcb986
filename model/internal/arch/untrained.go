package arch

import (
	"maps"
	"math"
	"math/rand/v2"
	"slices"
)

// Untrained draws every matrix anew, from the normal distribution of the mean and the
// spread that its values had. Matrices that are tied remain so; biases and the weights
// of norms are left alone.
func Untrained(p Plan, seed uint64) Plan {
	out := maps.Clone(p)
	drawn := map[*Pending]*Pending{}
	for i, name := range slices.Sorted(maps.Keys(p)) {
		w := p[name]
		if len(w.Shape) < 2 {
			continue
		}
		if drawn[w] == nil {
			drawn[w] = w.then(func(values []float32) error {
				redraw(values, rand.New(rand.NewPCG(seed, uint64(i))))
				return nil
			})
		}
		out[name] = drawn[w]
	}
	return out
}

func redraw(values []float32, rng *rand.Rand) {
	n, mean, square := float64(len(values)), 0.0, 0.0
	for _, v := range values {
		mean, square = mean+float64(v)/n, square+float64(v)*float64(v)/n
	}
	spread := math.Sqrt(max(0, square-mean*mean))
	for i := range values {
		values[i] = float32(mean + spread*rng.NormFloat64())
	}
}
