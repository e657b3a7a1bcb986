package weights

import "encoding/binary"

// Types of GGUF files hold values in blocks: a few bytes of scale, then small
// integers. What follows decodes one block of each. The integers lie as the
// reference (ggml) packs them, and sums and products are taken in its order, so
// that values are the same to the last bit; that is tested.

// block is how many values a block has, in how many bytes, and what reads one;
// wide, if there is such, reads any number, many values at a time.
type block struct {
	values, bytes int
	decode, wide  func(out []float32, b []byte)
}

// read writes values to out, from the from-th of all blocks on.
func (b block) read(out []float32, blocks []byte, from int) {
	var part [256]float32 // of a block at an end of what is asked for
	for len(out) > 0 {
		at, inside := from/b.values, from%b.values
		data := blocks[at*b.bytes:]
		n := min(len(out), b.values-inside)
		switch many := len(out) / b.values; {
		case inside > 0 || many == 0:
			b.decode(part[:], data)
			copy(out, part[inside:inside+n])
		case b.wide != nil:
			n = many * b.values
			b.wide(out[:n], data[:many*b.bytes])
		default:
			b.decode(out[:n], data)
		}
		out, from = out[n:], from+n
	}
}

var blocks = map[string]block{
	"Q4_0": {32, 18, q40, nil}, "Q4_1": {32, 20, q41, nil}, "Q5_0": {32, 22, q50, nil}, "Q5_1": {32, 24, q51, nil}, "Q8_0": {32, 34, q80, nil},
	"Q2_K": {256, 84, q2k, nil}, "Q3_K": {256, 110, q3k, nil}, "Q4_K": {256, 144, q4k, nil}, "Q5_K": {256, 176, q5k, nil}, "Q6_K": {256, 210, q6k, nil},
}

func f16(b []byte) float32 { return halfTable()[binary.LittleEndian.Uint16(b)] }

// q40: 4-bit integers less 8. Low halves of the bytes are the first 16 values.
func q40(out []float32, b []byte) {
	d := f16(b)
	for i, q := range b[2:18] {
		out[i], out[i+16] = float32(int(q&15)-8)*d, float32(int(q>>4)-8)*d
	}
}

// q41: 4-bit integers, and a smallest value.
func q41(out []float32, b []byte) {
	d, m := f16(b), f16(b[2:])
	for i, q := range b[4:20] {
		out[i], out[i+16] = float32(float32(q&15)*d)+m, float32(float32(q>>4)*d)+m
	}
}

// q50: 5-bit integers less 16, whose fifth bits lie apart.
func q50(out []float32, b []byte) {
	d, high := f16(b), binary.LittleEndian.Uint32(b[2:])
	for i, q := range b[6:22] {
		out[i] = float32(int(uint32(q&15)|high>>i&1<<4)-16) * d
		out[i+16] = float32(int(uint32(q>>4)|high>>(i+16)&1<<4)-16) * d
	}
}

// q51: 5-bit integers, and a smallest value.
func q51(out []float32, b []byte) {
	d, m, high := f16(b), f16(b[2:]), binary.LittleEndian.Uint32(b[4:])
	for i, q := range b[8:24] {
		out[i] = float32(float32(uint32(q&15)|high>>i&1<<4)*d) + m
		out[i+16] = float32(float32(uint32(q>>4)|high>>(i+16)&1<<4)*d) + m
	}
}

// q80: 8-bit integers.
func q80(out []float32, b []byte) {
	d := f16(b)
	for i, q := range b[2:34] {
		out[i] = d * float32(int8(q))
	}
}

// q2k: 2-bit integers in 16 runs of 16, each with a 4-bit scale and smallest value.
func q2k(out []float32, b []byte) {
	scales, quants, d, m := b[:16], b[16:80], f16(b[80:]), f16(b[82:])
	for run, s := range scales {
		from, shift := run/8*32+run%2*16, run%8/2*2
		dl, ml := d*float32(s&15), m*float32(s>>4)
		for i, q := range quants[from : from+16] {
			out[run*16+i] = float32(dl*float32(q>>shift&3)) - ml
		}
	}
}

// q3k: 3-bit integers less 4, whose third bits lie apart, in 16 runs of 16 with a
// 6-bit scale less 32.
func q3k(out []float32, b []byte) {
	high, quants, packed, d := b[:32], b[32:96], b[96:108], f16(b[108:])
	for run := range 16 {
		low := packed[run%8] >> (run / 8 * 4) & 15
		scale := int(low|packed[8+run%4]>>(run/4*2)&3<<4) - 32
		from, shift, bit := run/8*32+run%2*16, run%8/2*2, run/2
		dl := d * float32(scale)
		for i, q := range quants[from : from+16] {
			v := int(q >> shift & 3)
			if high[run%2*16+i]>>bit&1 == 0 {
				v -= 4
			}
			out[run*16+i] = dl * float32(v)
		}
	}
}

// scaleMin is the 6-bit scale and smallest value of a run of Q4_K or Q5_K, of
// which there are 8 in 12 bytes.
func scaleMin(run int, packed []byte) (scale, least float32) {
	if run < 4 {
		return float32(packed[run] & 63), float32(packed[run+4] & 63)
	}
	return float32(packed[run+4]&15 | packed[run-4]>>6<<4), float32(packed[run+4]>>4 | packed[run]>>6<<4)
}

// q4k: 4-bit integers in 8 runs of 32.
func q4k(out []float32, b []byte) {
	d, m, packed, quants := f16(b), f16(b[2:]), b[4:16], b[16:144]
	for run := range 8 {
		scale, least := scaleMin(run, packed)
		dl, ml, shift := d*scale, m*least, run%2*4
		for i, q := range quants[run/2*32:][:32] {
			out[run*32+i] = float32(dl*float32(q>>shift&15)) - ml
		}
	}
}

// q5k: 5-bit integers in 8 runs of 32, whose fifth bits lie apart.
func q5k(out []float32, b []byte) {
	d, m, packed, high, quants := f16(b), f16(b[2:]), b[4:16], b[16:48], b[48:176]
	for run := range 8 {
		scale, least := scaleMin(run, packed)
		dl, ml, shift := d*scale, m*least, run%2*4
		for i, q := range quants[run/2*32:][:32] {
			out[run*32+i] = float32(dl*float32(q>>shift&15|high[i]>>run&1<<4)) - ml
		}
	}
}

// q6k: 6-bit integers less 32, whose upper two bits lie apart, in 16 runs of 16
// with an 8-bit scale.
func q6k(out []float32, b []byte) {
	low, high, scales, d := b[:128], b[128:192], b[192:208], f16(b[208:])
	for run, s := range scales {
		half, part, from := run/8, run%8/2, run%2*16 // part: which 32 of the half's 128 values
		dl := d * float32(int8(s))
		for i := range 16 {
			at := from + i
			q := low[half*64+part%2*32+at]>>(part/2*4)&15 | high[half*32+at]>>(part*2)&3<<4
			out[run*16+i] = dl * float32(int(q)-32)
		}
	}
}
