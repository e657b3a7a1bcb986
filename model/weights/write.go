package weights

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"slices"

	"github.com/golens/golens/model/files"
)

// A Tensor is a tensor to be written.
type Tensor struct {
	Name   string
	Shape  []int
	Values []float32
}

// Write writes a safetensors file, with every value as F32, F16 or BF16. The
// file appears whole or not at all, and the same tensors give the same bytes.
func Write(path, dtype string, tensors []Tensor) error {
	data, err := Encode(dtype, tensors)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return files.Write(path, data)
}

// Encode is the bytes of a safetensors file.
func Encode(dtype string, tensors []Tensor) ([]byte, error) {
	put := map[string]func(b []byte, v float32) []byte{
		"F32":  func(b []byte, v float32) []byte { return binary.LittleEndian.AppendUint32(b, math.Float32bits(v)) },
		"F16":  func(b []byte, v float32) []byte { return binary.LittleEndian.AppendUint16(b, half(v)) },
		"BF16": func(b []byte, v float32) []byte { return binary.LittleEndian.AppendUint16(b, bfloat(v)) },
	}[dtype]
	if put == nil {
		return nil, fmt.Errorf("cannot write type %q; use F32, F16 or BF16", dtype)
	}
	tensors = slices.Clone(tensors)
	slices.SortFunc(tensors, func(a, b Tensor) int {
		switch {
		case a.Name < b.Name:
			return -1
		case a.Name > b.Name:
			return 1
		}
		return 0
	})
	type entry struct {
		DType   string `json:"dtype"`
		Shape   []int  `json:"shape"`
		Offsets [2]int `json:"data_offsets"`
	}
	header, size := map[string]entry{}, len(put(nil, 0))
	end := 0
	for _, t := range tensors {
		n := 1
		for _, d := range t.Shape {
			n *= d
		}
		if _, twice := header[t.Name]; twice || n != len(t.Values) {
			return nil, fmt.Errorf("tensor %s: %d values of shape %v, or named twice", t.Name, len(t.Values), t.Shape)
		}
		header[t.Name] = entry{dtype, t.Shape, [2]int{end, end + n*size}}
		end += n * size
	}
	head, err := json.Marshal(header) // keys sorted
	if err != nil {
		return nil, err
	}
	for len(head)%8 != 0 {
		head = append(head, ' ') // so that the values are aligned
	}
	out := make([]byte, 0, 8+len(head)+end) // all at once, for there may be gigabytes
	out = append(binary.LittleEndian.AppendUint64(out, uint64(len(head))), head...)
	for _, t := range tensors {
		for _, v := range t.Values {
			out = put(out, v)
		}
	}
	return out, nil
}

// bfloat rounds to the nearest bfloat16, ties to even.
func bfloat(v float32) uint16 {
	b := math.Float32bits(v)
	return uint16((b + 0x7fff + b>>16&1) >> 16)
}

// half rounds to the nearest half-precision number, ties to even.
func half(v float32) uint16 {
	sign := uint16(math.Float32bits(v) >> 31 << 15)
	x := math.Abs(float64(v))
	switch {
	case x >= 65520: // halfway from the largest number to the next power
		return sign | 0x7c00
	case x < math.Ldexp(1, -14): // subnormal
		return sign | uint16(math.RoundToEven(math.Ldexp(x, 24)))
	}
	frac, exp := math.Frexp(x) // x = frac * 2^exp, frac in [0.5, 1)
	m := math.RoundToEven(math.Ldexp(frac, 11))
	return sign | uint16(int(m)-1024+(exp+14)<<10)
}
