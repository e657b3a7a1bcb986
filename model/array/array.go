package array

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
)

// An Axis names one axis of an array.
type Axis struct {
	Name   string   // from the glossary of package model: batch, pos, head, ...
	Len    int      // number of indices
	Labels []string // one per index; nil means the indices themselves
}

// Dim is an unlabelled axis.
func Dim(name string, n int) Axis { return Axis{Name: name, Len: n} }

// Labels is an axis with one label per index.
func Labels(name string, labels []string) Axis {
	return Axis{Name: name, Len: len(labels), Labels: labels}
}

// An Array is a float32 array with named axes. NaN marks a value that does not
// exist (a padded position). The zero Array is an empty scalarless array.
type Array struct {
	axes        []Axis
	data        []float32
	title, unit string
	err         error
}

// New is an array of zeros.
func New(axes ...Axis) *Array {
	return &Array{axes: slices.Clone(axes), data: make([]float32, size(axes))}
}

// Of wraps data, which it does not copy. It fails if the lengths disagree.
func Of(data []float32, axes ...Axis) *Array {
	if n := size(axes); n != len(data) {
		return Failed(fmt.Errorf("array: axes %s hold %d values, got %d", describe(axes), n, len(data)))
	}
	for _, ax := range axes {
		if ax.Labels != nil && len(ax.Labels) != ax.Len {
			return Failed(fmt.Errorf("array: axis %s has length %d but %d labels", ax.Name, ax.Len, len(ax.Labels)))
		}
	}
	return &Array{axes: slices.Clone(axes), data: data}
}

// Failed is an array that carries err in place of values.
func Failed(err error) *Array { return &Array{err: err} }

// Err is the first error met while the array was made, or nil.
func (a *Array) Err() error {
	if a == nil {
		return errors.New("array: nil array")
	}
	return a.err
}

// Shape is the length of each axis.
func (a *Array) Shape() []int {
	shape := make([]int, len(a.axes))
	for i, ax := range a.axes {
		shape[i] = ax.Len
	}
	return shape
}

// Axes are the axes in order; do not change them.
func (a *Array) Axes() []Axis { return a.axes }

// Values are the values in row-major order, not a copy.
func (a *Array) Values() []float32 { return a.data }

// Axis is the name of axis i and its labels, nil if it has none.
func (a *Array) Axis(i int) (name string, labels []string) {
	if i < 0 || i >= len(a.axes) {
		return "", nil
	}
	return a.axes[i].Name, a.axes[i].Labels
}

// Dim is the length of the named axis, 0 if there is none.
func (a *Array) Dim(name string) int {
	if i := a.find(name); i >= 0 {
		return a.axes[i].Len
	}
	return 0
}

// Title says what the values are.
func (a *Array) Title() string { return a.title }

// Unit is the unit of the values, "" if they have none.
func (a *Array) Unit() string { return a.unit }

// Named is the same array with a title and a unit.
func (a *Array) Named(title, unit string) *Array {
	b := *a
	b.title, b.unit = title, unit
	return &b
}

// Label is the same array with labels on the named axis.
func (a *Array) Label(name string, labels []string) *Array {
	i := a.find(name)
	switch {
	case a.err != nil:
		return a
	case i < 0:
		return a.fail("no axis %q", name)
	case len(labels) != a.axes[i].Len:
		return a.fail("axis %s has length %d, got %d labels", name, a.axes[i].Len, len(labels))
	}
	b := *a
	b.axes = slices.Clone(a.axes)
	b.axes[i].Labels = labels
	return &b
}

// Unlabel is the same array without labels on the named axis.
func (a *Array) Unlabel(name string) *Array {
	i := a.find(name)
	if a.err != nil || i < 0 {
		return a
	}
	b := *a
	b.axes = slices.Clone(a.axes)
	b.axes[i].Labels = nil
	return &b
}

// At is one value, NaN if the index does not exist.
func (a *Array) At(index ...int) float64 {
	i, ok := a.offset(index)
	if !ok {
		return math.NaN()
	}
	return float64(a.data[i])
}

// Set writes one value; an index that does not exist fails the array.
func (a *Array) Set(v float64, index ...int) {
	if i, ok := a.offset(index); ok {
		a.data[i] = float32(v)
	} else if a.err == nil {
		a.err = fmt.Errorf("array: Set%v is outside of %s", index, describe(a.axes))
	}
}

// Scalar is the value of an array that holds exactly one, else NaN.
func (a *Array) Scalar() float64 {
	if a.err != nil || len(a.data) != 1 {
		return math.NaN()
	}
	return float64(a.data[0])
}

func (a *Array) offset(index []int) (int, bool) {
	if a.err != nil || len(index) != len(a.axes) {
		return 0, false
	}
	o := 0
	for i, ax := range a.axes {
		if index[i] < 0 || index[i] >= ax.Len {
			return 0, false
		}
		o = o*ax.Len + index[i]
	}
	return o, true
}

func (a *Array) find(name string) int {
	return slices.IndexFunc(a.axes, func(ax Axis) bool { return ax.Name == name })
}

func (a *Array) fail(format string, args ...any) *Array {
	return Failed(fmt.Errorf("array %s: "+format, append([]any{describe(a.axes)}, args...)...))
}

func size(axes []Axis) int {
	n := 1
	for _, ax := range axes {
		n *= ax.Len
	}
	return n
}

// describe writes axes as [batch 2, pos 11].
func describe(axes []Axis) string {
	parts := make([]string, len(axes))
	for i, ax := range axes {
		parts[i] = fmt.Sprintf("%s %d", ax.Name, ax.Len)
	}
	return "[" + strings.Join(parts, ", ") + "]"
}

// Rename is the same array with other axis names, one per axis. Names of
// several axes may be equal; such an array can be read but not sliced by name.
func (a *Array) Rename(names ...string) *Array {
	if a.err != nil {
		return a
	}
	if len(names) != len(a.axes) {
		return a.fail("Rename%v names %d axes", names, len(names))
	}
	b := *a
	b.axes = slices.Clone(a.axes)
	for i, name := range names {
		b.axes[i].Name = name
	}
	return &b
}

// Stack is arrays of equal axes one after another along a new first axis. The
// title and the unit are those of the first.
func Stack(axis Axis, parts ...*Array) *Array {
	if len(parts) != axis.Len || len(parts) == 0 {
		return Failed(fmt.Errorf("array: %d arrays to stack along axis %s of length %d", len(parts), axis.Name, axis.Len))
	}
	var data []float32
	for _, p := range parts {
		if err := p.Err(); err != nil {
			return p
		}
		if !sameAxes(p, parts[0]) {
			return p.fail("it cannot be stacked with an array of axes %s", describe(parts[0].axes))
		}
		data = append(data, p.data...)
	}
	return Of(data, append([]Axis{axis}, parts[0].axes...)...).Named(parts[0].title, parts[0].unit)
}

// sameAxes tells whether names and lengths of all axes are the same.
func sameAxes(a, b *Array) bool {
	return slices.EqualFunc(a.axes, b.axes, func(x, y Axis) bool { return x.Name == y.Name && x.Len == y.Len })
}
