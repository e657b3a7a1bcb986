//go:build goexperiment.simd && amd64

package tally

import "simd/archsimd"

var wide = archsimd.X86.AVX2()

// above is count1, eight at a time.
func above(count []int64, values []float32, over float32) (none bool) {
	n := len(values) &^ 7
	if !wide {
		n = 0
	}
	if n > 0 {
		bound := archsimd.BroadcastFloat32x8(over)
		var bad archsimd.Mask32x8
		for i := 0; i < n; i += 8 {
			v, to := archsimd.LoadFloat32x8Slice(values[i:]), count[i:i+8]
			bad = bad.Or(v.IsNaN())
			is := v.Greater(bound).ToInt32x8() // -1 where it is
			archsimd.LoadInt64x4Slice(to).Sub(is.GetLo().ExtendToInt64()).StoreSlice(to)
			archsimd.LoadInt64x4Slice(to[4:]).Sub(is.GetHi().ExtendToInt64()).StoreSlice(to[4:])
		}
		none = bad.ToBits() != 0
		archsimd.ClearAVXUpperBits()
	}
	return count1(count[n:], values[n:], over) || none
}
