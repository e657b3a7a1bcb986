package array

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/golens/golens/model/internal/softmax"
)

// Mean averages over the named axes, which disappear. NaN values do not count;
// where nothing counts the mean is NaN.
func (a *Array) Mean(names ...string) *Array {
	for _, name := range names {
		a = a.reduce(name, func(sum, _ float64, n int) float64 { return sum / float64(n) })
	}
	return a
}

// Sum adds up along the named axes, which disappear. NaN values do not count;
// where nothing counts the sum is NaN.
func (a *Array) Sum(names ...string) *Array {
	for _, name := range names {
		a = a.reduce(name, func(sum, _ float64, n int) float64 {
			if n == 0 {
				return math.NaN()
			}
			return sum
		})
	}
	return a
}

// Norm is the length of the vectors along the named axis, which disappears. NaN
// values do not count; where nothing counts the length is NaN.
func (a *Array) Norm(name string) *Array {
	return a.reduce(name, func(_, squares float64, n int) float64 {
		if n == 0 {
			return math.NaN()
		}
		return math.Sqrt(squares)
	})
}

// reduce puts one value in the place of those along an axis: of their sum, the sum
// of their squares, and how many there are.
func (a *Array) reduce(name string, of func(sum, squares float64, n int) float64) *Array {
	if a.Err() != nil {
		return a
	}
	i := a.find(name)
	if i < 0 {
		return a.fail("no axis %q to reduce", name)
	}
	n, outer, inner := a.axes[i].Len, size(a.axes[:i]), size(a.axes[i+1:])
	b := *a
	b.axes = slices.Delete(slices.Clone(a.axes), i, i+1)
	b.data = make([]float32, outer*inner)
	for o := range outer {
		for k := range inner {
			sum, squares, count := 0.0, 0.0, 0
			for j := range n {
				if v := float64(a.data[(o*n+j)*inner+k]); !math.IsNaN(v) {
					sum, squares, count = sum+v, squares+v*v, count+1
				}
			}
			b.data[o*inner+k] = float32(of(sum, squares, count))
		}
	}
	return &b
}

// Minus is the difference of two arrays of equal axes, value by value.
func (a *Array) Minus(b *Array) *Array {
	return a.combine(b, "Minus", func(x, y float64) float64 { return x - y })
}

// combine makes an array of the values of two of equal axes.
func (a *Array) combine(b *Array, what string, of func(x, y float64) float64) *Array {
	if a.Err() != nil {
		return a
	}
	if b.Err() != nil {
		return b
	}
	if !sameAxes(a, b) {
		return a.fail("%s: the other array has axes %s", what, describe(b.axes))
	}
	c := *a
	c.data = make([]float32, len(a.data))
	for i := range c.data {
		c.data[i] = float32(of(float64(a.data[i]), float64(b.data[i])))
	}
	return &c
}

// Cosine is the cosine of the angle between the vectors of two arrays along the
// named axis, which disappears: NaN where one of them is zero.
func (a *Array) Cosine(b *Array, name string) *Array {
	dot := a.combine(b, "Cosine", func(x, y float64) float64 { return x * y }).Sum(name)
	lengths := a.Norm(name).combine(b.Norm(name), "Cosine", func(x, y float64) float64 { return x * y })
	cosine := dot.combine(lengths, "Cosine", func(x, y float64) float64 { return x / y })
	if cosine.Err() != nil {
		return cosine
	}
	return cosine.Named("cosine", "")
}

// An Entry is one value of an array and where it stands.
type Entry struct {
	Value float64
	Index []int
	Label string // the labels of the index, or its numbers
}

// String is the label and the value.
func (e Entry) String() string { return fmt.Sprintf("%s: %.4g", e.Label, e.Value) }

// Top are the k largest values, the largest first; NaN is none of them. Among
// equal values the first comes first.
func (a *Array) Top(k int) []Entry {
	if a.Err() != nil {
		return nil
	}
	var order []int
	for i, v := range a.data {
		if v == v {
			order = append(order, i)
		}
	}
	slices.SortStableFunc(order, func(i, j int) int { return cmp.Compare(a.data[j], a.data[i]) })
	var top []Entry
	for _, at := range order[:min(max(k, 0), len(order))] {
		e := Entry{Value: float64(a.data[at]), Index: make([]int, len(a.axes))}
		for i := len(a.axes) - 1; i >= 0; i-- {
			e.Index[i], at = at%a.axes[i].Len, at/a.axes[i].Len
		}
		labels := make([]string, len(a.axes))
		for i, ax := range a.axes {
			if labels[i] = fmt.Sprintf("%s %d", ax.Name, e.Index[i]); ax.Labels != nil {
				labels[i] = ax.Labels[e.Index[i]]
			}
		}
		e.Label = strings.Join(labels, ", ")
		top = append(top, e)
	}
	return top
}

// LogSumExp is log(sum(exp(values))): of logits, what their log probabilities are
// less. Computed in float64.
func LogSumExp(values []float32) float64 { return softmax.LogSum(values) }
