//go:build goexperiment.simd && amd64

package weights

import (
	"encoding/binary"
	"math"
	"simd/archsimd"
)

// What decodes eight values at a time, in the operations and the order of its twins in
// blocks.go and view.go: values are the same to the last bit.

var wide = archsimd.X86.AVX2()

func init() {
	if !wide {
		return
	}
	for dtype, decode := range map[string]func(out []float32, b []byte){
		"Q4_0": wide40, "Q4_1": wide41, "Q5_0": wide50, "Q5_1": wide51, "Q8_0": wide80,
		"Q2_K": wide2k, "Q3_K": wide3k, "Q4_K": wide4k, "Q5_K": wide5k, "Q6_K": wide6k,
	} {
		b := blocks[dtype]
		b.wide = decode
		blocks[dtype] = b
	}
}

type (
	bytes16 = archsimd.Uint8x16
	floats8 = archsimd.Float32x8
	ints8   = archsimd.Int32x8
)

// none is a least value that changes nothing: the zero below 0.
var none = float32(math.Copysign(0, -1))

func all8(v float32) floats8 { return archsimd.BroadcastFloat32x8(v) }

// put writes (q - bias)·scale + least of 16 integers.
func put(out *[16]float32, q bytes16, bias, scale, least floats8) {
	words := q.ExtendToUint16()
	lo, hi := words.GetLo().ExtendToUint32().AsInt32x8(), words.GetHi().ExtendToUint32().AsInt32x8()
	lo.ConvertToFloat32().Sub(bias).Mul(scale).Add(least).Store((*[8]float32)(out[:8]))
	hi.ConvertToFloat32().Sub(bias).Mul(scale).Add(least).Store((*[8]float32)(out[8:]))
}

// sixteen is where values go, from the i-th on.
func sixteen(out []float32, i int) *[16]float32 { return (*[16]float32)(out[i:]) }

func load(b []byte) bytes16 { return archsimd.LoadUint8x16((*[16]byte)(b)) }

// field is the bits of every byte that mask leaves after a shift.
func field(q bytes16, shift int, mask bytes16) bytes16 {
	return q.AsUint16x8().ShiftAllRight(uint64(shift)).AsUint8x16().And(mask)
}

func up(q bytes16, shift int) bytes16 {
	return q.AsUint16x8().ShiftAllLeft(uint64(shift)).AsUint8x16()
}

func mask(bits uint8) bytes16 { return archsimd.BroadcastUint8x16(bits) }

func wide40(out []float32, b []byte) {
	low, bias, least := mask(15), all8(8), all8(none)
	for ; len(b) >= 18; out, b = out[32:], b[18:] {
		d, q := all8(f16(b)), load(b[2:])
		put(sixteen(out, 0), q.And(low), bias, d, least)
		put(sixteen(out, 16), field(q, 4, low), bias, d, least)
	}
	archsimd.ClearAVXUpperBits()
}

func wide41(out []float32, b []byte) {
	low, bias := mask(15), all8(0)
	for ; len(b) >= 20; out, b = out[32:], b[20:] {
		d, m, q := all8(f16(b)), all8(f16(b[2:])), load(b[4:])
		put(sixteen(out, 0), q.And(low), bias, d, m)
		put(sixteen(out, 16), field(q, 4, low), bias, d, m)
	}
	archsimd.ClearAVXUpperBits()
}

// bytesOf are 16 bits as bytes.
func bytesOf(b uint32) bytes16 {
	const spread, one, ones = 0x0101010101010101, 0x8040201008040201, 0x7f7f7f7f7f7f7f7f
	var to [2]uint64
	for i := range to { // each byte keeps its bit, which becomes its first, and then its last
		to[i] = ((uint64(b>>(8*i)&255)*spread&one + ones) >> 7) & spread
	}
	return archsimd.LoadUint64x2(&to).AsUint8x16()
}

func wide50(out []float32, b []byte) {
	low, bias, least := mask(15), all8(16), all8(none)
	for ; len(b) >= 22; out, b = out[32:], b[22:] {
		d, high, q := all8(f16(b)), binary.LittleEndian.Uint32(b[2:]), load(b[6:])
		put(sixteen(out, 0), q.And(low).Or(up(bytesOf(high), 4)), bias, d, least)
		put(sixteen(out, 16), field(q, 4, low).Or(up(bytesOf(high>>16), 4)), bias, d, least)
	}
	archsimd.ClearAVXUpperBits()
}

func wide51(out []float32, b []byte) {
	low, bias := mask(15), all8(0)
	for ; len(b) >= 24; out, b = out[32:], b[24:] {
		d, m, high, q := all8(f16(b)), all8(f16(b[2:])), binary.LittleEndian.Uint32(b[4:]), load(b[8:])
		put(sixteen(out, 0), q.And(low).Or(up(bytesOf(high), 4)), bias, d, m)
		put(sixteen(out, 16), field(q, 4, low).Or(up(bytesOf(high>>16), 4)), bias, d, m)
	}
	archsimd.ClearAVXUpperBits()
}

func wide80(out []float32, b []byte) {
	sign, bias, least := mask(128), all8(128), all8(none) // int8 is its bits with the first one turned, less 128
	for ; len(b) >= 34; out, b = out[32:], b[34:] {
		d := all8(f16(b))
		put(sixteen(out, 0), load(b[2:]).Xor(sign), bias, d, least)
		put(sixteen(out, 16), load(b[18:]).Xor(sign), bias, d, least)
	}
	archsimd.ClearAVXUpperBits()
}

func wide2k(out []float32, b []byte) {
	low, bias := mask(3), all8(0)
	for ; len(b) >= 84; out, b = out[256:], b[84:] {
		quants, d, m := b[16:80], f16(b[80:]), f16(b[82:])
		for run, s := range b[:16] {
			from, shift := run/8*32+run%2*16, run%8/2*2
			q := field(load(quants[from:]), shift, low)
			put(sixteen(out, run*16), q, bias, all8(d*float32(s&15)), all8(-(m * float32(s>>4))))
		}
	}
	archsimd.ClearAVXUpperBits()
}

func wide3k(out []float32, b []byte) {
	low, one, bias, least := mask(3), mask(1), all8(4), all8(none)
	for ; len(b) >= 110; out, b = out[256:], b[110:] {
		high, quants, packed, d := b[:32], b[32:96], b[96:108], f16(b[108:])
		for run := range 16 {
			bits := packed[run%8] >> (run / 8 * 4) & 15
			scale := int(bits|packed[8+run%4]>>(run/4*2)&3<<4) - 32
			from, shift, bit := run/8*32+run%2*16, run%8/2*2, run/2
			q := field(load(quants[from:]), shift, low).Or(up(field(load(high[run%2*16:]), bit, one), 2))
			put(sixteen(out, run*16), q, bias, all8(d*float32(scale)), least)
		}
	}
	archsimd.ClearAVXUpperBits()
}

func wide4k(out []float32, b []byte) {
	low, bias := mask(15), all8(0)
	for ; len(b) >= 144; out, b = out[256:], b[144:] {
		d, m, packed, quants := f16(b), f16(b[2:]), b[4:16], b[16:144]
		for run := range 8 {
			scale, least := scaleMin(run, packed)
			by, add, from := all8(d*scale), all8(-(m * least)), run/2*32
			put(sixteen(out, run*32), field(load(quants[from:]), run%2*4, low), bias, by, add)
			put(sixteen(out, run*32+16), field(load(quants[from+16:]), run%2*4, low), bias, by, add)
		}
	}
	archsimd.ClearAVXUpperBits()
}

func wide5k(out []float32, b []byte) {
	low, one, bias := mask(15), mask(1), all8(0)
	for ; len(b) >= 176; out, b = out[256:], b[176:] {
		d, m, packed, high, quants := f16(b), f16(b[2:]), b[4:16], b[16:48], b[48:176]
		for run := range 8 {
			scale, least := scaleMin(run, packed)
			by, add := all8(d*scale), all8(-(m * least))
			for at := 0; at < 32; at += 16 {
				q := field(load(quants[run/2*32+at:]), run%2*4, low).Or(up(field(load(high[at:]), run, one), 4))
				put(sixteen(out, run*32+at), q, bias, by, add)
			}
		}
	}
	archsimd.ClearAVXUpperBits()
}

func wide6k(out []float32, b []byte) {
	four, two, bias, least := mask(15), mask(3), all8(32), all8(none)
	for ; len(b) >= 210; out, b = out[256:], b[210:] {
		low, high, scales, d := b[:128], b[128:192], b[192:208], f16(b[208:])
		for run, s := range scales {
			half, part, from := run/8, run%8/2, run%2*16
			q := field(load(low[half*64+part%2*32+from:]), part/2*4, four).Or(up(field(load(high[half*32+from:]), part*2, two), 4))
			put(sixteen(out, run*16), q, bias, all8(d*float32(int8(s))), least)
		}
	}
	archsimd.ClearAVXUpperBits()
}

// wideBF16 reads the first values, and gives how many these are.
func wideBF16(out []float32, b []byte) int {
	n := len(out) &^ 7
	if !wide {
		return 0
	}
	for i := 0; i < n; i += 8 {
		load(b[2*i:]).AsUint16x8().ExtendToUint32().ShiftAllLeft(16).AsFloat32x8().StoreSlice(out[i:])
	}
	archsimd.ClearAVXUpperBits()
	return n
}

// wideF16 is the same for halves. It moves the bits of a half to where they are those of a float32 that is 2^112
// times too small, which is exact. Numbers that are none stay so, if not by their bits.
func wideF16(out []float32, b []byte) int {
	n := len(out) &^ 7
	if !wide {
		return 0
	}
	number, sign := archsimd.BroadcastUint32x8(0x7fff), archsimd.BroadcastUint32x8(0x8000)
	full, exponent := archsimd.BroadcastInt32x8(0x7c00), archsimd.BroadcastInt32x8(0x7f800000)
	by := archsimd.BroadcastFloat32x8(1 << 112)
	for i := 0; i < n; i += 8 {
		h := load(b[2*i:]).AsUint16x8().ExtendToUint32()
		x := h.And(number)
		v := x.ShiftAllLeft(13).AsFloat32x8().Mul(by).AsInt32x8()
		v = v.Or(x.AsInt32x8().And(full).Equal(full).ToInt32x8().And(exponent))
		v.Or(h.And(sign).ShiftAllLeft(16).AsInt32x8()).AsFloat32x8().StoreSlice(out[i:])
	}
	archsimd.ClearAVXUpperBits()
	return n
}

// allFinite tells that the first n values are, eight at a time; it may say no of values
// that are.
func allFinite(x []float32) (n int) {
	if !wide {
		return 0
	}
	exponent, carry, hit := archsimd.BroadcastInt32x8(0x7f800000), archsimd.BroadcastInt32x8(1<<23), archsimd.BroadcastInt32x8(0)
	n = len(x) &^ 7
	for i := 0; i < n; i += 8 {
		hit = hit.Or(archsimd.LoadFloat32x8Slice(x[i:]).AsInt32x8().And(exponent).Add(carry)) // out of a full exponent
	}
	bad := hit.Less(archsimd.BroadcastInt32x8(0)).ToBits()
	archsimd.ClearAVXUpperBits()
	if bad != 0 {
		return 0
	}
	return n
}

// turnWide is turn of the first columns, and gives how many these are.
func turnWide(dst []float32, stride int, from []float32, rows, cols int) int {
	n := cols &^ 7
	if !wide || rows != band || n == 0 {
		return 0
	}
	for c := 0; c < n; c += 8 {
		for r := 0; r < band; r += 8 {
			at := func(i int) ints8 { return archsimd.LoadFloat32x8Slice(from[(r+i)*cols+c:]).AsInt32x8() }
			turn8(dst[c*stride+r:], stride, at(0), at(1), at(2), at(3), at(4), at(5), at(6), at(7))
		}
	}
	archsimd.ClearAVXUpperBits()
	return n
}

// turn8 writes the transpose of eight rows of eight.
func turn8(dst []float32, stride int, a, b, c, d, e, f, g, h ints8) {
	ab, AB := a.InterleaveLoGrouped(b).AsInt64x4(), a.InterleaveHiGrouped(b).AsInt64x4()
	cd, CD := c.InterleaveLoGrouped(d).AsInt64x4(), c.InterleaveHiGrouped(d).AsInt64x4()
	ef, EF := e.InterleaveLoGrouped(f).AsInt64x4(), e.InterleaveHiGrouped(f).AsInt64x4()
	gh, GH := g.InterleaveLoGrouped(h).AsInt64x4(), g.InterleaveHiGrouped(h).AsInt64x4()
	for i, half := range [4][2]archsimd.Float32x8{
		{ab.InterleaveLoGrouped(cd).AsFloat32x8(), ef.InterleaveLoGrouped(gh).AsFloat32x8()},
		{ab.InterleaveHiGrouped(cd).AsFloat32x8(), ef.InterleaveHiGrouped(gh).AsFloat32x8()},
		{AB.InterleaveLoGrouped(CD).AsFloat32x8(), EF.InterleaveLoGrouped(GH).AsFloat32x8()},
		{AB.InterleaveHiGrouped(CD).AsFloat32x8(), EF.InterleaveHiGrouped(GH).AsFloat32x8()},
	} {
		half[0].Select128FromPair(0, 2, half[1]).StoreSlice(dst[i*stride:])
		half[0].Select128FromPair(1, 3, half[1]).StoreSlice(dst[(i+4)*stride:])
	}
}
