package sae

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"maps"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/golens/golens/model/files"
	"github.com/golens/golens/model/weights"
)

// A tensor is one of a file.
type tensor struct {
	shape  []int
	values []float32
}

// tensors are those of a file, by name.
type tensors map[string]tensor

// readSafetensors maps a file: its float32 tensors stay where they are.
func readSafetensors(path string) (tensors, error) {
	s, err := weights.Open(path)
	if err != nil {
		return nil, err
	}
	all := tensors{} // views of the file, which stays mapped
	for _, name := range s.Names() {
		shape, values, err := s.Float32(name)
		if err != nil {
			return nil, err
		}
		all[name] = tensor{shape, values}
	}
	return all, nil
}

// first is the first tensor that is there.
func (t tensors) first(names ...string) (tensor, bool) {
	for _, n := range names {
		if x, ok := t[n]; ok {
			return x, true
		}
	}
	return tensor{}, false
}

// need is the first that is there, or an error that names what is.
func (t tensors) need(names ...string) (tensor, error) {
	if x, ok := t.first(names...); ok {
		return x, nil
	}
	return tensor{}, fmt.Errorf("no tensor %s; there are %s", strings.Join(names, " or "), strings.Join(slices.Sorted(maps.Keys(t)), ", "))
}

// transposed is the transpose of a matrix.
func (x tensor) transposed() tensor {
	if len(x.shape) != 2 {
		return x
	}
	rows, cols := x.shape[0], x.shape[1]
	y := tensor{[]int{cols, rows}, make([]float32, len(x.values))}
	for r := range rows {
		for c := range cols {
			y.values[c*rows+r] = x.values[r*cols+c]
		}
	}
	return y
}

// wide is one value repeated n times, or the vector itself.
func (x tensor) wide(n int) []float32 {
	if len(x.values) == 1 {
		return slices.Repeat(x.values, n)
	}
	return x.values
}

// readNPZ reads the arrays of an .npz file.
func readNPZ(path string) (tensors, error) {
	z, err := zip.OpenReader(path)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	defer z.Close()
	all := tensors{}
	for _, f := range z.File {
		name, ok := strings.CutSuffix(f.Name, ".npy")
		if !ok {
			continue
		}
		r, err := f.Open()
		if err != nil {
			return nil, fmt.Errorf("%s: %s: %w", path, f.Name, err)
		}
		data, err := io.ReadAll(r)
		r.Close()
		if err == nil {
			all[name], err = readNPY(data)
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %s: %w", path, f.Name, err)
		}
	}
	return all, nil
}

var npyHeader = regexp.MustCompile(`'descr': *'([^']*)'.*'fortran_order': *(True|False).*'shape': *\(([0-9, ]*)\)`)

// readNPY reads an array in numpy's format.
func readNPY(data []byte) (tensor, error) {
	if len(data) < 12 || !bytes.HasPrefix(data, []byte("\x93NUMPY")) {
		return tensor{}, fmt.Errorf("it is not in numpy's format")
	}
	size, at := int(binary.LittleEndian.Uint16(data[8:])), 10
	if data[6] > 1 {
		size, at = int(binary.LittleEndian.Uint32(data[8:])), 12
	}
	if size < 0 || size > len(data)-at {
		return tensor{}, fmt.Errorf("a header of %d bytes", size)
	}
	h := npyHeader.FindSubmatch(data[at : at+size])
	if h == nil {
		return tensor{}, fmt.Errorf("header %q", data[at:at+size])
	}
	if string(h[2]) == "True" {
		return tensor{}, fmt.Errorf("it is in Fortran's order")
	}
	body := data[at+size:]
	width := map[string]int{"<f4": 4, "<f8": 8, "<f2": 2}[string(h[1])]
	if width == 0 {
		return tensor{}, fmt.Errorf("type %s; <f2, <f4 and <f8 are read", h[1])
	}
	x := tensor{}
	n := 1
	for _, d := range strings.FieldsFunc(string(h[3]), func(r rune) bool { return r == ',' || r == ' ' }) {
		v, err := strconv.Atoi(d)
		if err != nil || v < 0 || v > len(body) {
			return tensor{}, fmt.Errorf("shape (%s) of %d bytes", h[3], len(body))
		}
		x.shape = append(x.shape, v)
		if n *= v; n > len(body)/width {
			return tensor{}, fmt.Errorf("shape (%s) of %d bytes", h[3], len(body))
		}
	}
	if n*width != len(body) {
		return tensor{}, fmt.Errorf("shape (%s) of %d bytes", h[3], len(body))
	}
	x.values = make([]float32, n)
	for i := range x.values {
		b := body[i*width:]
		switch width {
		case 2:
			x.values[i] = half(binary.LittleEndian.Uint16(b))
		case 4:
			x.values[i] = math.Float32frombits(binary.LittleEndian.Uint32(b))
		case 8:
			x.values[i] = float32(math.Float64frombits(binary.LittleEndian.Uint64(b)))
		}
	}
	return x, nil
}

// readTensors reads a file by its ending.
func readTensors(path string) (tensors, error) {
	switch {
	case strings.HasSuffix(path, ".npz"):
		return readNPZ(path)
	case strings.HasSuffix(path, ".safetensors"):
		return readSafetensors(path)
	}
	data, err := files.Read(path)
	if err != nil {
		return nil, err
	}
	return readTorch(path, data)
}

// finite is the first tensor with a value that is no number, or nil.
func (t tensors) finite() error {
	for _, name := range slices.Sorted(maps.Keys(t)) {
		for i, v := range t[name].values {
			if math.IsNaN(float64(v)) || math.IsInf(float64(v), 0) {
				return fmt.Errorf("tensor %s has the value %g at index %d", name, v, i)
			}
		}
	}
	return nil
}
