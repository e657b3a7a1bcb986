package interp

import "slices"

// Finite puts 0 for NaN, which stands past the end of rows and would spread.
func Finite(values []float32) []float32 {
	out := slices.Clone(values)
	for i, v := range out {
		if v != v {
			out[i] = 0
		}
	}
	return out
}
