//go:build goexperiment.simd && amd64

package products

import (
	"simd/archsimd"
	"unsafe"
)

// Wide tells whether Add multiplies many values at a time, and is faster than an engine.
var Wide = archsimd.X86.AVX512()

// side is how many vectors of a and of b are multiplied at a time: nine sums, and what
// they are made of, fit into the registers that the compiler uses.
const side = 3

func add(sums []float32, stride int, a, b [][]float32, from, end int, factor float32) {
	whole := from
	if Wide {
		whole += (end - from) &^ 15
	}
	if whole > from {
		for j := 0; j < len(b); j += side {
			y := some(b, j, from, whole)
			for i := 0; i < len(a); i += side {
				x := some(a, i, from, whole)
				t := tile(&x, &y, whole-from)
				for r := range min(side, len(a)-i) {
					to := sums[(i+r)*stride+j:][:min(side, len(b)-j)]
					for c := range to {
						to[c] += factor * t[r*side+c]
					}
				}
			}
		}
		archsimd.ClearAVXUpperBits()
	}
	if whole < end {
		plain(sums, stride, a, b, whole, end, factor)
	}
}

// some is where vectors i, i+1 and so on begin; where there are too few, the last again.
func some(vectors [][]float32, i, from, end int) (at [side]unsafe.Pointer) {
	for k := range at {
		at[k] = unsafe.Pointer(unsafe.SliceData(vectors[min(i+k, len(vectors)-1)][from:end]))
	}
	return at
}

// tile is the products of each a with each b, of n values, a multiple of 16.
func tile(a, b *[side]unsafe.Pointer, n int) (sums [side*side + 3]float32) {
	a0, a1, a2, b0, b1, b2 := a[0], a[1], a[2], b[0], b[1], b[2]
	var s00, s01, s02, s10, s11, s12, s20, s21, s22 archsimd.Float32x16
	for k := uintptr(0); k < 4*uintptr(n); k += 64 {
		x, y, z := load(b0, k), load(b1, k), load(b2, k)
		v := load(a0, k)
		s00, s01, s02 = v.MulAdd(x, s00), v.MulAdd(y, s01), v.MulAdd(z, s02)
		v = load(a1, k)
		s10, s11, s12 = v.MulAdd(x, s10), v.MulAdd(y, s11), v.MulAdd(z, s12)
		v = load(a2, k)
		s20, s21, s22 = v.MulAdd(x, s20), v.MulAdd(y, s21), v.MulAdd(z, s22)
	}
	four(half(s00), half(s01), half(s02), half(s10)).Store((*[4]float32)(sums[0:]))
	four(half(s11), half(s12), half(s20), half(s21)).Store((*[4]float32)(sums[4:]))
	last := half(s22)
	four(last, last, last, last).Store((*[4]float32)(sums[8:]))
	return sums
}

func load(at unsafe.Pointer, k uintptr) archsimd.Float32x16 {
	return archsimd.LoadFloat32x16((*[16]float32)(unsafe.Add(at, k)))
}

func half(x archsimd.Float32x16) archsimd.Float32x8 { return x.GetLo().Add(x.GetHi()) }

// four is the sum of each of four.
func four(a, b, c, d archsimd.Float32x8) archsimd.Float32x4 {
	s := a.AddPairsGrouped(b).AddPairsGrouped(c.AddPairsGrouped(d))
	return s.GetLo().Add(s.GetHi())
}
