//go:build goexperiment.simd && amd64

package softmax

import "simd/archsimd"

var wide = archsimd.X86.AVX2() && archsimd.X86.FMA()

// exps is plain, four at a time. What is left over is filled up and goes the same
// way, so that no instruction of the other encoding comes between.
func exps(out []float64, x []float32, shift, scale float64) float64 {
	if !wide {
		return plain(out, x, shift, scale)
	}
	var c [len(series)]archsimd.Float64x4
	for i, v := range series {
		c[i] = archsimd.BroadcastFloat64x4(v)
	}
	by, times := archsimd.BroadcastFloat64x4(shift), archsimd.BroadcastFloat64x4(scale)
	low, zero := archsimd.BroadcastFloat64x4(lowest), archsimd.BroadcastFloat64x4(0)
	log2e, half := archsimd.BroadcastFloat64x4(1.44269504088896340736), archsimd.BroadcastFloat64x4(magic)
	hi, lo := archsimd.BroadcastFloat64x4(-ln2Hi), archsimd.BroadcastFloat64x4(-ln2Lo)
	four := func(v archsimd.Float32x4) archsimd.Float64x4 {
		t := v.ConvertToFloat64().Sub(by).Mul(times)
		rounded := t.MulAdd(log2e, half)
		n := rounded.Sub(half)
		r := n.MulAdd(lo, n.MulAdd(hi, t))
		p := c[0]
		for _, k := range c[1:] {
			p = p.MulAdd(r, k)
		}
		e := p.AsInt64x4().Add(rounded.AsInt64x4().ShiftAllLeft(52)).AsFloat64x4()
		return zero.Merge(e, t.Less(low))
	}
	sum := zero
	i := 0
	for ; i+4 <= len(x); i += 4 {
		e := four(archsimd.LoadFloat32x4Slice(x[i:]))
		sum = sum.Add(e)
		if out != nil {
			e.StoreSlice(out[i:])
		}
	}
	var lanes [4]float64
	sum.StoreSlice(lanes[:])
	total := lanes[0] + lanes[1] + (lanes[2] + lanes[3])
	if rest := x[i:]; len(rest) > 0 {
		var few [4]float32
		copy(few[:], rest)
		four(archsimd.LoadFloat32x4Slice(few[:])).StoreSlice(lanes[:])
		archsimd.ClearAVXUpperBits()
		for k := range rest {
			total += lanes[k]
			if out != nil {
				out[i+k] = lanes[k]
			}
		}
	}
	archsimd.ClearAVXUpperBits()
	return total
}
