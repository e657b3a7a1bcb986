package array

import (
	"math"
	"slices"
)

// Pick is the array at one index of the named axis, which disappears.
// A negative index counts from the end.
func (a *Array) Pick(name string, index int) *Array {
	b := a.Select(name, index)
	if b.err != nil {
		return b
	}
	return b.Squeeze(name)
}

// Select keeps the given indices of the named axis, in the given order.
// Negative indices count from the end.
func (a *Array) Select(name string, indices ...int) *Array {
	if a.err != nil {
		return a
	}
	i := a.find(name)
	if i < 0 {
		return a.fail("no axis %q to select from", name)
	}
	n := a.axes[i].Len
	kept := make([]int, len(indices))
	for k, j := range indices {
		if j < -n || j >= n {
			return a.fail("index %d is outside of axis %s of length %d", j, name, n)
		}
		kept[k] = (j + n) % n
	}
	outer, inner := size(a.axes[:i]), size(a.axes[i+1:])
	b := *a
	b.axes = slices.Clone(a.axes)
	b.axes[i].Len = len(kept)
	if labels := a.axes[i].Labels; labels != nil {
		b.axes[i].Labels = make([]string, len(kept))
		for k, j := range kept {
			b.axes[i].Labels[k] = labels[j]
		}
	}
	b.data = make([]float32, 0, outer*len(kept)*inner)
	for o := range outer {
		for _, j := range kept {
			at := (o*n + j) * inner
			b.data = append(b.data, a.data[at:at+inner]...)
		}
	}
	return &b
}

// Squeeze drops the named axis, which must have length 1.
func (a *Array) Squeeze(name string) *Array {
	if a.err != nil {
		return a
	}
	i := a.find(name)
	if i < 0 || a.axes[i].Len != 1 {
		return a.fail("no axis %q of length 1 to drop", name)
	}
	b := *a
	b.axes = slices.Delete(slices.Clone(a.axes), i, i+1)
	return &b
}

// Transpose puts the axes in the given order; every axis must be named once.
func (a *Array) Transpose(names ...string) *Array {
	if a.err != nil {
		return a
	}
	if len(names) != len(a.axes) {
		return a.fail("Transpose%v names %d axes", names, len(names))
	}
	strides := make([]int, len(a.axes))
	for i, s := len(a.axes)-1, 1; i >= 0; i-- {
		strides[i], s = s, s*a.axes[i].Len
	}
	b := *a
	b.axes = make([]Axis, len(names))
	order := make([]int, len(names))
	for k, name := range names {
		i := a.find(name)
		if i < 0 || slices.Contains(names[:k], name) {
			return a.fail("Transpose%v does not name every axis once", names)
		}
		b.axes[k], order[k] = a.axes[i], strides[i]
	}
	b.data = make([]float32, len(a.data))
	index := make([]int, len(names))
	for o := range b.data {
		at := 0
		for k, i := range index {
			at += i * order[k]
		}
		b.data[o] = a.data[at]
		for k := len(index) - 1; k >= 0; k-- { // count up like an odometer
			if index[k]++; index[k] < b.axes[k].Len {
				break
			}
			index[k] = 0
		}
	}
	return &b
}

// Max is the largest value and its index; index is nil where there is none.
func (a *Array) Max() (value float64, index []int) {
	value = math.NaN()
	best := -1
	for i, v := range a.data {
		if f := float64(v); best < 0 && !math.IsNaN(f) || f > value {
			value, best = f, i
		}
	}
	if best < 0 {
		return value, nil
	}
	index = make([]int, len(a.axes))
	for i := len(a.axes) - 1; i >= 0; i-- {
		index[i], best = best%a.axes[i].Len, best/a.axes[i].Len
	}
	return value, index
}

// Shift moves the values of every row of the first axis by the row's offset
// along the named axis, which gets a new length. What was not there is NaN.
func (a *Array) Shift(name string, length int, offset func(row int) int) *Array {
	if a.err != nil {
		return a
	}
	i := a.find(name)
	if i < 1 {
		return a.fail("no axis %q to shift along", name)
	}
	b := *a
	b.axes = slices.Clone(a.axes)
	b.axes[i] = Dim(name, length)
	b.data = make([]float32, size(b.axes))
	for k := range b.data {
		b.data[k] = float32(math.NaN())
	}
	n, inner := a.axes[i].Len, size(a.axes[i+1:])
	perRow := size(a.axes[1:i]) // blocks of the axis in each row
	for o := range a.axes[0].Len * perRow {
		by := offset(o / perRow)
		for j := range n {
			if to := j + by; to >= 0 && to < length {
				copy(b.data[(o*length+to)*inner:][:inner], a.data[(o*n+j)*inner:][:inner])
			}
		}
	}
	return &b
}
