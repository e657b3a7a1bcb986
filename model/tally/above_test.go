package tally

import (
	"math"
	"math/rand/v2"
	"reflect"
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
			got, want := make([]uint8, n), make([]uint8, n)
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

// What an adder adds is what is added at once, however often a count of a byte is full, with
// values and positions that are none.
func TestAddersAdd(t *testing.T) {
	const units, groups, positions = 37, 3, 700
	rng := rand.New(rand.NewPCG(2, 0))
	for _, r := range []Reducer{{Kind: Above, Threshold: -0.5}, {Kind: Moments}} {
		added, want := r.New(units, groups), r.New(units, groups)
		a := r.Adder(added)
		for row := range int64(3) {
			values := make([]float32, positions*units)
			for i := range values {
				if values[i] = float32(rng.NormFloat64()); rng.IntN(500) == 0 {
					values[i] = float32(math.NaN())
				}
			}
			into, at := make([]int, positions), make([]int, positions)
			for i := range into {
				into[i], at[i] = max(-1, rng.IntN(20)-17), i // most into none; some group has over 255
				if row == 1 {
					into[i] = 1
				}
			}
			a.Add(into, values, row, at)
			r.Add(want, into, values, row, at)
		}
		a.Close()
		if !reflect.DeepEqual(added, want) {
			t.Errorf("%s: the states differ", r.Kind)
		}
	}
}
