package model

import (
	"fmt"
	"slices"

	"github.com/golens/golens/model/array"
	"github.com/golens/golens/model/weights"
)

// Save writes the tensors that were found to a safetensors file, by their names.
func (f *Fitted) Save(path string) error {
	var tensors []weights.Tensor
	for _, t := range f.Tensors {
		if err := t.Array.Err(); err != nil {
			return fmt.Errorf("fit: tensor %s: %w", t.Name, err)
		}
		tensors = append(tensors, weights.Tensor{Name: t.Name, Shape: t.Array.Shape(), Values: t.Array.Values()})
	}
	return weights.Write(path, "F32", tensors)
}

// OpenTensors reads the tensors of a safetensors file, such as [Fitted.Save] writes, in
// the order of their names: to be bound to formulas, or to start a fit from.
func OpenTensors(path string) ([]Tensor, error) {
	store, err := weights.Open(path)
	if err != nil {
		return nil, err
	}
	defer store.Close()
	var all []Tensor
	for _, name := range store.Names() {
		shape, values, err := store.Float32(name)
		if err != nil {
			return nil, err
		}
		all = append(all, Tensor{name, arrayOf(shape, slices.Clone(values)).Named(name, "")}) // they lie in the file
	}
	return all, nil
}

// arrayOf is values with axes that have no names of their own.
func arrayOf(dims []int, values []float32) *array.Array {
	axes := make([]array.Axis, len(dims))
	for i, n := range dims {
		axes[i] = array.Dim(fmt.Sprint("axis ", i), n)
	}
	return array.Of(values, axes...)
}
