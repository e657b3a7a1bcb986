package weights

import (
	"encoding/binary"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// quantised are random bytes of so many values of a type, with scales that are numbers.
func quantised(dtype string, n int) View {
	rng := rand.NewChaCha8([32]byte{1})
	v := View{File: "file", Name: "w", DType: dtype, Shape: []int{n}}
	finite := func(b []byte) { b[1] &= 0xbf } // no exponent is full
	switch b, ok := blocks[dtype]; {
	case ok:
		v.Bytes = make([]byte, n/b.values*b.bytes)
		_, _ = rng.Read(v.Bytes)
		for at := 0; at < len(v.Bytes); at += b.bytes {
			for _, scale := range scalesOf[dtype] {
				finite(v.Bytes[at+scale:])
			}
		}
	case dtype == "F32":
		v.Bytes = make([]byte, 4*n)
		for i := range n {
			binary.LittleEndian.PutUint32(v.Bytes[4*i:], math.Float32bits(float32(i)))
		}
	default:
		v.Bytes = make([]byte, 2*n)
		_, _ = rng.Read(v.Bytes)
		for at := 0; at < len(v.Bytes); at += 2 {
			finite(v.Bytes[at:])
		}
	}
	return v
}

// scalesOf is where halves stand in a block.
var scalesOf = map[string][]int{
	"Q4_0": {0}, "Q4_1": {0, 2}, "Q5_0": {0}, "Q5_1": {0, 2}, "Q8_0": {0},
	"Q2_K": {80, 82}, "Q3_K": {108}, "Q4_K": {0, 2}, "Q5_K": {0, 2}, "Q6_K": {208},
}

func types() []string {
	return append(slices.Sorted(maps.Keys(blocks)), "BF16", "F16", "F32")
}

func sameBits(a, b []float32) bool {
	return slices.EqualFunc(a, b, func(x, y float32) bool { return math.Float32bits(x) == math.Float32bits(y) })
}

// What is decoded many values at a time is, to the last bit, what its twin decodes one
// by one.
func TestWideDecodingIsItsTwin(t *testing.T) {
	for dtype, b := range blocks {
		if b.wide == nil {
			t.Skip("nothing is decoded many at a time here; build with GOEXPERIMENT=simd on a processor with AVX2")
		}
		const many = 256
		v := quantised(dtype, many*b.values)
		fast, plain := make([]float32, many*b.values), make([]float32, many*b.values)
		b.wide(fast, v.Bytes)
		for i := range many {
			b.decode(plain[i*b.values:], v.Bytes[i*b.bytes:])
		}
		if !sameBits(fast, plain) {
			t.Errorf("%s: many at a time, other values are decoded", dtype)
		}
	}
	every := make([]byte, 2<<16) // half-precision number
	for i := range 1 << 16 {
		binary.LittleEndian.PutUint16(every[2*i:], uint16(i))
	}
	got := make([]float32, 1<<16)
	if n := wideF16(got, every); n != len(got) {
		t.Fatalf("%d halves are read", n)
	}
	for i, x := range got {
		if want := halfTable()[i]; math.Float32bits(x) != math.Float32bits(want) && !(math.IsNaN(float64(x)) && math.IsNaN(float64(want))) {
			t.Fatalf("half %#04x is %g, in the table %g", i, x, want)
		}
	}
}

// A matrix that is read transposed is the one that is read as it lies, transposed, in
// every type and where its sides are no multiple of anything.
func TestTransposedIsTheTranspose(t *testing.T) {
	for _, dtype := range types() {
		for _, size := range [][2]int{{1, 32}, {16, 256}, {37, 96}, {50, 608}, {64, 31}} {
			rows, cols := size[0], size[1]
			v := quantised(dtype, (rows*cols+255)&^255)
			at := func(row int) int { return (rows - 1 - row) * cols } // in another order
			got := make([]float32, rows*cols)
			if err := v.ReadTransposed(got, rows, cols, at); err != nil {
				t.Fatal(err)
			}
			plain := make([]float32, rows*cols)
			if err := v.Read(plain, 0); err != nil {
				t.Fatal(err)
			}
			want := make([]float32, rows*cols)
			for r := range rows {
				for c := range cols {
					want[c*rows+r] = plain[at(r)+c]
				}
			}
			if !sameBits(got, want) {
				t.Errorf("%s %v: read transposed, it is not the transpose", dtype, size)
			}
		}
	}
}

func TestBrokenTransposedNamesItsPlace(t *testing.T) {
	v := quantised("F16", 64*64)
	copy(v.Bytes[2*(5*64+9):], []byte{0, 0x7c}) // row 5, column 9
	dst := make([]float32, 64*64)
	straight := func(row int) int { return row * 64 }
	if err := v.ReadTransposed(dst, 64, 64, straight); err == nil || !strings.Contains(err.Error(), "tensor w [4096]: value 329 is +Inf") {
		t.Errorf("got %v", err)
	}
	if err := v.ReadTransposed(dst, 64, 64, func(row int) int { return row*64 + 1 }); err == nil || !strings.Contains(err.Error(), "are asked for, of 4096") {
		t.Errorf("beyond the end: %v", err)
	}
	if err := v.ReadTransposed(dst[1:], 64, 64, straight); err == nil {
		t.Error("a matrix goes where it has no room")
	}
	v.DType = "Q9"
	if err := v.ReadTransposed(dst, 64, 64, straight); err == nil || !strings.Contains(err.Error(), "type Q9") {
		t.Errorf("an unknown type: %v", err)
	}
}

// One matrix of Llama 3 8B's MLP, as it becomes float32 for a block, on one core.
func BenchmarkTransposed(b *testing.B) {
	const rows, cols = 14336, 4096
	dst := make([]float32, rows*cols)
	for i := range dst {
		dst[i] = 1 // its pages are there
	}
	for _, dtype := range types() {
		v := quantised(dtype, rows*cols)
		for _, twin := range []bool{false, true} {
			if twin && blocks[dtype].wide == nil {
				continue
			}
			b.Run(fmt.Sprintf("%s/twin=%v", dtype, twin), func(b *testing.B) {
				if twin {
					defer func(was block) { blocks[dtype] = was }(blocks[dtype])
					plain := blocks[dtype]
					plain.wide = nil
					blocks[dtype] = plain
				}
				b.SetBytes(4 * rows * cols)
				for b.Loop() {
					if err := v.ReadTransposed(dst, rows, cols, func(row int) int { return row * cols }); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(float64(b.N)*rows*cols/b.Elapsed().Seconds()/1e6, "Mweights/s")
			})
		}
	}
}
