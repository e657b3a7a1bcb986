package place

import (
	"slices"

	"github.com/golens/golens/model/hook"
)

// A Row is a row of a batch.
type Row struct {
	Index int // in the batch
	Len   int // tokens
}

// A View says where positions lie in a tensor: the local index of each, or -1.
type View struct {
	Queries func(pos int) int // on the axis of positions
	Keys    func(pos int) int // on an axis of keys, if there is one
}

// List is where the positions of a list lie if the tensor holds them in its
// order.
func List(list []int) func(pos int) int {
	if n := len(list); n > 0 && list[n-1]-list[0] == n-1 && slices.IsSorted(list) {
		return Range(list[0], n)
	}
	return func(pos int) int { return slices.Index(list, pos) }
}

// Range is [List] of n positions that follow one another.
func Range(first, n int) func(pos int) int {
	return func(pos int) int {
		if pos < first || pos >= first+n {
			return -1
		}
		return pos - first
	}
}

// A Selection is the values of one row that a point selects.
type Selection struct {
	Rank  int     // of the row among those that the point selects
	whole [][]int // indices on each axis of the whole activation
	local [][]int // the same values in the tensor, -1 for what it does not hold
	dims  [2][]int
}

// Select finds what a point selects; ok is false if it leaves the row alone.
// dims and whole are the lengths of the axes, after the batch axis, of the
// tensor and of the whole activation.
func Select(p hook.Point, row Row, dims, whole []int, v View) (s Selection, ok bool) {
	if s.Rank, ok = p.Selects(row.Index); !ok {
		return s, false
	}
	s.dims = [2][]int{dims, whole}
	s.whole = p.Indices(dims, row.Index, row.Len)
	s.local = make([][]int, len(dims))
	axes := p.Kind.Axes()[1:]
	for i, list := range s.whole {
		place := v.Queries
		switch {
		case i+1 == p.Kind.PositionAxis():
		case axes[i] == hook.Key:
			place = v.Keys
		default:
			s.local[i] = list
			continue
		}
		s.local[i] = make([]int, len(list))
		for k, pos := range list {
			if s.local[i][k] = -1; pos < row.Len {
				s.local[i][k] = place(pos)
			}
		}
	}
	return s, true
}

// Walk visits every index of the selection but that of the last axis, in
// row-major order, with the offsets at which the last axis begins in the tensor,
// -1 where it does not hold the position, and in the whole activation.
func (s Selection) Walk(visit func(index []int, local, whole int)) {
	for _, axis := range s.whole {
		if len(axis) == 0 {
			return
		}
	}
	n := len(s.whole) - 1
	localSteps, wholeSteps := Strides(s.dims[0]), Strides(s.dims[1])
	index := make([]int, n)
	for {
		local, whole := 0, 0
		for i, k := range index {
			whole += s.whole[i][k] * wholeSteps[i]
			if at := s.local[i][k]; at < 0 || local < 0 {
				local = -1
			} else {
				local += at * localSteps[i]
			}
		}
		visit(index, local, whole)
		i := n - 1
		for ; i >= 0; i-- {
			if index[i]++; index[i] < len(s.whole[i]) {
				break
			}
			index[i] = 0
		}
		if i < 0 {
			return
		}
	}
}

// last are the indices on the last axis.
func (s Selection) last() (local, whole []int) {
	n := len(s.whole) - 1
	return s.local[n], s.whole[n]
}

// Strides are the distances in memory between neighbours on each axis.
func Strides(dims []int) []int {
	s := make([]int, len(dims))
	for i, n := len(dims)-1, 1; i >= 0; i-- {
		s[i], n = n, n*dims[i]
	}
	return s
}

// Size is how many values axes of these lengths hold.
func Size(dims []int) int {
	n := 1
	for _, d := range dims {
		n *= d
	}
	return n
}
