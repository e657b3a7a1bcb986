package tally

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// Eight at a time counts what one at a time does, whatever the length, and sees values
// that are none.
func TestAboveIsOneByOne(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 0))
	for n := range 40 {
		for _, bound := range []float32{0, -0.5, float32(math.Inf(1)), float32(math.Inf(-1))} {
			values := make([]float32, n)
			for i := range values {
				values[i] = []float32{float32(rng.NormFloat64()), 0, bound, float32(math.Inf(1)), float32(math.Copysign(0, -1))}[rng.IntN(5)]
			}
			if n > 3 && n%2 == 0 {
				values[rng.IntN(n)] = float32(math.NaN())
			}
			got, want := make([]int64, n), make([]int64, n)
			for range 3 {
				if a, b := above(got, values, bound), count1(want, values, bound); a != b || b != (n > 3 && n%2 == 0) {
					t.Errorf("%d values: some are none, %t and %t", n, a, b)
				}
			}
			if !slices.Equal(got, want) {
				t.Errorf("%v above %g: %v, want %v", values, bound, got, want)
			}
		}
	}
}
