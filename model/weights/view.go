package weights

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"maps"
	"math"
	"runtime"
	"slices"
	"strings"
	"sync"
	"unsafe"

	"github.com/golens/golens/model/internal/crew"
)

// A View is a tensor as it lies in its file.
type View struct {
	File  string
	Name  string
	DType string // F32, F16, BF16, F64, Q4_K, ...
	Shape []int
	Bytes []byte // little-endian, row-major; not to be written

	mapped bool // from a file
}

// Len is the number of values, 0 for a type that is not read.
func (v View) Len() int {
	b := v.block()
	return len(v.Bytes) / b.bytes * b.values
}

// block is how the values lie: one by one, if they are not in blocks of several, and
// none of a type that is not read.
func (v View) block() block {
	if b, ok := blocks[v.DType]; ok {
		return b
	}
	if width, _ := v.converter(); width > 0 {
		return block{values: 1, bytes: width}
	}
	return block{bytes: 1}
}

// Float32 is the values as float32: a view of the file where they are aligned
// float32, else a converted copy. A value that is NaN or infinite, or becomes
// so, is an error.
func (v View) Float32() ([]float32, error) {
	n := v.Len()
	if v.DType == "F32" && littleEndian && n > 0 && uintptr(unsafe.Pointer(&v.Bytes[0]))%4 == 0 {
		out := unsafe.Slice((*float32)(unsafe.Pointer(&v.Bytes[0])), n)
		bad, err := parallel(n, func(from, to int) int { return notFinite(out, from, to) })
		return out, v.broken(err, bad, out, 0)
	}
	out := make([]float32, n)
	return out, v.Read(out, 0)
}

// Read writes values to dst, from the from-th on. It fails as [View.Float32]
// does.
func (v View) Read(dst []float32, from int) error {
	read, err := v.reader()
	if err != nil {
		return err
	}
	if n := v.Len(); from < 0 || from > n || len(dst) > n-from {
		return fmt.Errorf("%s: tensor %s %v: values %d to %d are asked for, of %d", v.File, v.Name, v.Shape, from, from+len(dst), n)
	}
	bad, err := parallel(len(dst), func(start, end int) int {
		read(dst[start:end], from+start)
		return notFinite(dst, start, end)
	})
	return v.broken(err, bad, dst, from)
}

// reader gives what writes values to dst, from the from-th on.
func (v View) reader() (func(dst []float32, from int), error) {
	if b, ok := blocks[v.DType]; ok {
		return func(dst []float32, from int) { b.read(dst, v.Bytes, from) }, nil
	}
	width, convert := v.converter()
	if convert == nil {
		return nil, v.unread()
	}
	return func(dst []float32, from int) { convert(dst, v.Bytes[from*width:(from+len(dst))*width]) }, nil
}

// unread is the error of a type that is not read.
func (v View) unread() error {
	return fmt.Errorf("%s: tensor %s has type %s, which is not read; weights are F32, F16, BF16, F64 or, in GGUF files, %s", v.File, v.Name, v.DType,
		strings.Join(slices.Sorted(maps.Keys(blocks)), ", "))
}

// broken is the error of values that cannot be read, or of a value that is none,
// which lies at bad of the values that begin with the from-th; bad is negative
// if there is none.
func (v View) broken(err error, bad int, values []float32, from int) error {
	if err != nil {
		return fmt.Errorf("%s: tensor %s %v: %w", v.File, v.Name, v.Shape, err)
	}
	if bad < 0 {
		return nil
	}
	return fmt.Errorf("%s: tensor %s %v: value %d is %v; these weights are broken", v.File, v.Name, v.Shape, from+bad, values[bad])
}

// Drain is Read of all values, of a tensor that will not be read soon: its pages count
// as this process' memory a piece at a time.
func (v View) Drain(dst []float32) error {
	const piece = 1 << 22 // values, of whole blocks in every type
	n := v.Len()
	for from := 0; from == 0 || from < len(dst); from += piece {
		to := min(from+piece, len(dst))
		if err := v.Read(dst[from:to], from); err != nil {
			return err
		}
		if v.mapped && n > 0 {
			release(v.Bytes[len(v.Bytes)*from/n : len(v.Bytes)*to/n])
		}
	}
	return nil
}

// Release tells the system that the tensor will not be read soon: its pages no
// longer count as this process' memory. Reading it again is as right as before.
func (v View) Release() {
	if v.mapped {
		release(v.Bytes)
	}
}

// converter is how many bytes a value takes, and what reads a run of them. Each
// type has a loop of its own: a call per value would take ten times as long.
func (v View) converter() (width int, convert func(out []float32, b []byte)) {
	switch v.DType {
	case "F32":
		return 4, func(out []float32, b []byte) {
			if littleEndian {
				copy(unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(out))), 4*len(out)), b)
				return
			}
			for i := range out {
				out[i] = math.Float32frombits(binary.LittleEndian.Uint32(b[4*i:]))
			}
		}
	case "BF16":
		return 2, func(out []float32, b []byte) {
			for i := wideBF16(out, b); i < len(out); i++ {
				out[i] = math.Float32frombits(uint32(binary.LittleEndian.Uint16(b[2*i:])) << 16)
			}
		}
	case "F16":
		return 2, func(out []float32, b []byte) {
			table := halfTable()
			for i := wideF16(out, b); i < len(out); i++ {
				out[i] = table[binary.LittleEndian.Uint16(b[2*i:])]
			}
		}
	case "F64":
		return 8, func(out []float32, b []byte) {
			for i := range out {
				out[i] = float32(math.Float64frombits(binary.LittleEndian.Uint64(b[8*i:])))
			}
		}
	}
	return 0, nil
}

// notFinite is the first index in [from, to) whose exponent bits are all ones,
// or -1. The inner loop has no branch, so that it runs at memory speed.
func notFinite(x []float32, from, to int) int {
	const exponent = 0x7f800000
	for at, end := from, from; at < to; at = end {
		end = min(at+4096, to)
		if at += allFinite(x[at:end]); at == end {
			continue
		}
		hit := uint32(0)
		for _, v := range x[at:end] {
			b := math.Float32bits(v) & exponent
			hit |= (b + 1<<23) >> 31 // the carry out of a full exponent
		}
		if hit == 0 {
			continue
		}
		for i := at; i < end; i++ {
			if math.Float32bits(x[i])&exponent == exponent {
				return i
			}
		}
	}
	return -1
}

// parallel cuts [0, n) among the processors and gives the smallest result that
// is not negative, or -1. The work reads mapped memory.
func parallel(n int, work func(from, to int) int) (first int, err error) {
	const least = 1 << 16 // below this a goroutine costs more than it saves
	parts := min(runtime.GOMAXPROCS(0), n/least)
	if parts <= 1 {
		err = guarded(func() { first = work(0, n) })
		return first, err
	}
	results, faults := make([]int, parts), make([]error, parts)
	var wg crew.Group
	for p := range parts {
		wg.Go(func() { faults[p] = guarded(func() { results[p] = work(n*p/parts, n*(p+1)/parts) }) })
	}
	wg.Wait()
	for _, r := range results {
		if r >= 0 {
			return r, cmp.Or(faults...)
		}
	}
	return -1, cmp.Or(faults...)
}

var littleEndian = binary.NativeEndian.Uint16([]byte{1, 0}) == 1

// halfTable is the value of each of the 65,536 half-precision numbers.
var halfTable = sync.OnceValue(func() *[1 << 16]float32 {
	var t [1 << 16]float32
	for i := range t {
		sign, exp, frac := float64(1), i>>10&31, float64(i&1023)/1024
		if i>>15 == 1 {
			sign = -1
		}
		switch exp {
		case 0:
			t[i] = float32(sign * math.Ldexp(frac, -14))
		case 31:
			t[i] = float32(math.Inf(int(sign)))
			if frac != 0 {
				t[i] = float32(math.NaN())
			}
		default:
			t[i] = float32(sign * math.Ldexp(1+frac, exp-15))
		}
	}
	return &t
})
