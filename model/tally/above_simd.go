//go:build goexperiment.simd && amd64

package tally

import (
	"encoding/binary"
	"simd/archsimd"
)

var wide = archsimd.X86.AVX2()

// spread has a byte for each bit of its index.
var spread = func() (all [256]uint64) {
	for bits := range all {
		for i := range 8 {
			all[bits] |= uint64(bits>>i&1) << (8 * i)
		}
	}
	return all
}()

// above is count1, eight at a time: no count overflows into its neighbour.
func above(count []uint8, values []float32, over float32) (none bool) {
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
			is := v.Greater(bound).ToBits()
			binary.LittleEndian.PutUint64(to, binary.LittleEndian.Uint64(to)+spread[is])
		}
		none = bad.ToBits() != 0
		archsimd.ClearAVXUpperBits()
	}
	return count1(count[n:], values[n:], over) || none
}
