package lower

import (
	. "github.com/gomlx/gomlx/core/graph"
)

// dot is x·W.
func (b *builder) dot(i int, x, w *Node) *Node {
	shape := b.full(i)
	n := x.Shape().Dimensions[x.Rank()-1]
	if w.Rank() < 3 {
		if w.Rank() == 1 {
			w = Reshape(w, n, 1)
		}
		rows := x.Shape().Size() / n
		return Reshape(Dot(Reshape(x, rows, n), w).Product(), shape...)
	}
	if len(shape) > x.Rank() { // every head reads the same value
		y := DotGeneral(Reshape(x, x.Shape().Size()/n, n), []int{1}, nil, w, []int{1}, nil) // [row, head, m]
		return Reshape(y, shape...)
	}
	heads := w.Shape().Dimensions[0]
	rows := x.Shape().Size() / (heads * n)
	y := DotGeneral(Reshape(x, rows, heads, n), []int{2}, []int{1}, w, []int{1}, []int{0}) // [head, row, m]
	return Reshape(TransposeAllAxes(y, 1, 0, 2), shape...)
}

// put is x with the step's coordinates set to y.
func (b *builder) put(i int, x, y *Node) *Node {
	index := b.steps[i].Index
	args := b.align(i, []*Node{x, y})
	dims := b.full(i)
	n := dims[len(dims)-1]
	x = BroadcastToDims(args[0], dims...)
	dims[len(dims)-1] = len(index)
	y = BroadcastToDims(args[1], dims...)
	from := make([]int, n)
	for k := range from {
		from[k] = k
	}
	for k, c := range index {
		from[c] = n + k
	}
	return take(Concatenate([]*Node{x, y}, -1), from)
}

// take is the coordinates of the last axis, in that order: neighbours in one
// slice, or, where they are scattered, a gather.
func take(x *Node, coords []int) *Node {
	type run struct{ from, to int }
	var runs []run
	for _, c := range coords {
		if last := len(runs) - 1; last >= 0 && runs[last].to == c {
			runs[last].to++
			continue
		}
		runs = append(runs, run{c, c + 1})
	}
	if len(runs) > manyRuns {
		order := make([]int, x.Rank())
		back := make([]int, x.Rank())
		for i := range order {
			order[i], back[i] = (i+x.Rank()-1)%x.Rank(), (i+1)%x.Rank()
		}
		index := make([][]int32, len(coords))
		for i, c := range coords {
			index[i] = []int32{int32(c)}
		}
		return TransposeAllAxes(Gather(TransposeAllAxes(x, order...), Const(x.Graph(), index)), back...)
	}
	parts := make([]*Node, len(runs))
	for i, r := range runs {
		parts[i] = SliceAxis(x, -1, AxisRange(r.from, r.to))
	}
	if len(parts) == 1 {
		return parts[0]
	}
	return Concatenate(parts, -1)
}

// manyRuns of neighbours are dearer as slices than two transpositions and a
// gather.
const manyRuns = 32
