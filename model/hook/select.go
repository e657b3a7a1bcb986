package hook

import "fmt"

// Of are the positions in a row of n tokens, none negative.
func (p Positions) Of(row, n int) []int {
	list := p.In(row)
	if list == nil {
		return UpTo(n)
	}
	out := make([]int, len(list))
	for i, pos := range list {
		if out[i] = pos; pos < 0 {
			out[i] = pos + n
		}
	}
	return out
}

// Within are the positions singled out in a row of n tokens, none negative; it is an
// error if one lies outside of the row. nil where none was singled out.
func (p Positions) Within(row, n int) ([]int, error) {
	list := p.In(row)
	for _, pos := range list {
		if pos < -n || pos >= n {
			return nil, fmt.Errorf("position %d of row %d, which has %d tokens", pos, row, n)
		}
	}
	if list == nil {
		return nil, nil
	}
	return p.Of(row, n), nil
}

// Selects tells whether the point selects anything of a row, and which of its
// rows that is.
func (p Point) Selects(row int) (rank int, ok bool) {
	if p.Batch == nil {
		return row, true
	}
	for rank, r := range p.Batch {
		if r == row {
			return rank, true
		}
	}
	return 0, false
}

// Indices are those that the point selects on each axis of an activation after
// the batch axis, in a row of n tokens. dims are the lengths of these axes. Do
// not change them.
func (p Point) Indices(dims []int, row, n int) [][]int {
	axes := p.Kind.Axes()[1:]
	all := make([][]int, len(axes))
	for i, axis := range axes {
		switch {
		case i+1 == p.Kind.PositionAxis():
			all[i] = p.Pos.Of(row, n)
		case i+1 == p.Kind.HeadAxis() && p.Heads != nil:
			all[i] = p.Heads
		case i == len(axes)-1 && p.Coords != nil:
			all[i] = p.Coords
		case axis == Key:
			all[i] = UpTo(n)
		default:
			all[i] = UpTo(dims[i])
		}
	}
	return all
}

// Offsets calls visit with the offset of every value of a row's activation that
// the point selects, the last axis running fastest. dims are as in
// [Point.Indices].
func (p Point) Offsets(dims []int, row, n int, visit func(offset int)) {
	if _, ok := p.Selects(row); !ok {
		return
	}
	indices := p.Indices(dims, row, n)
	var walk func(axis, offset int)
	walk = func(axis, offset int) {
		if axis == len(dims) {
			visit(offset)
			return
		}
		for _, at := range indices[axis] {
			walk(axis+1, offset*dims[axis]+at)
		}
	}
	walk(0, 0)
}

// UpTo is 0, 1, and so on below n. Do not change it: many share it.
func UpTo(n int) []int {
	if n <= len(few) {
		return few[:n:n]
	}
	all := make([]int, n)
	for i := range all {
		all[i] = i
	}
	return all
}

// few are shared; larger lists are rare.
var few = func() (all [4096]int) {
	for i := range all {
		all[i] = i
	}
	return all
}()
