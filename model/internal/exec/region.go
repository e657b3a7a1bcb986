package exec

import (
	"slices"

	"github.com/golens/golens/model/hook"
)

// frame is the block of rows that a chunk works on, and how an activation lies
// in memory there.
type frame struct {
	index       int   // among the chunks
	first, rows int   // rows first..first+rows-1 of the job
	batch, pos  int   // sizes of the tensors, padding included
	lens        []int // tokens of each row of the job
	longest     int   // of all rows of the job
	flat        []int // rows of the unembedding: row of the chunk * pos + position, ascending
}

// flatRow is the row of the unembedding that holds a position, or -1.
func (f *frame) flatRow(r, pos int) int {
	if pos < 0 {
		return -1
	}
	if i, ok := slices.BinarySearch(f.flat, r*f.pos+pos); ok {
		return i
	}
	return -1
}

// length is the number of tokens of row r of the chunk, 0 for padding.
func (f *frame) length(r int) int {
	if r >= f.rows {
		return 0
	}
	return f.lens[f.first+r]
}

// resolve counts a negative position from the end of a row of n.
func resolve(pos, n int) int {
	if pos < 0 {
		return n + pos
	}
	return pos
}

// region is the part of an activation that a point selects in one row: for
// every axis after batch, the index in the activation of each index of the
// selection, or -1 where the row is shorter.
type region struct {
	row   int // of the job
	rank  int // of the row in the selection
	start int // where the row's values begin in the activation
	axes  [][]int
}

// regions walks over the rows of the chunk that the point selects. dims are the
// lengths of the activation's axes after batch. padded selects the positions
// of the longest row too, as -1.
func (f *frame) regions(p hook.Point, dims []int, padded bool) []region {
	var all []region
	for r := range f.rows {
		row := f.first + r
		rank := row
		if p.Batch != nil {
			if rank = slices.Index(p.Batch, row); rank < 0 {
				continue
			}
		}
		n := f.lens[row]
		axes := make([][]int, len(dims))
		names := p.Kind.Axes()[1:]
		for i, name := range names {
			switch {
			case i+1 == p.Kind.PositionAxis():
				axes[i] = positions(p.Pos.In(row), n, f.longest, padded)
			case i+1 == p.Kind.HeadAxis() && p.Heads != nil:
				axes[i] = p.Heads
			case i == len(names)-1 && p.Coords != nil:
				axes[i] = p.Coords
			case name == hook.Key:
				axes[i] = positions(nil, n, f.longest, padded)
			default:
				axes[i] = upTo(dims[i])
			}
		}
		g := region{row: row, rank: rank, start: r * product(dims), axes: axes}
		if f.flat != nil && finals[p.Kind] { // the rows of the unembedding stand one after another
			g.start = 0
			for i, pos := range axes[0] {
				axes[0][i] = f.flatRow(r, pos)
			}
		}
		all = append(all, g)
	}
	return all
}

// positions resolves a list, or all n, for a row of n tokens.
func positions(list []int, n, longest int, padded bool) []int {
	if list != nil {
		out := make([]int, len(list))
		for i, p := range list {
			out[i] = resolve(p, n)
		}
		return out
	}
	out := upTo(n)
	if padded {
		for len(out) < longest {
			out = append(out, -1)
		}
	}
	return out
}

func upTo(n int) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = i
	}
	return out
}

// finals are the activations of the unembedding.
var finals = map[hook.Kind]bool{hook.KindLNFinal: true, hook.KindLNFinalNorm: true, hook.KindLogits: true}

// strides are the distances in memory between neighbours on each axis.
func strides(dims []int) []int {
	s := make([]int, len(dims))
	for i, n := len(dims)-1, 1; i >= 0; i-- {
		s[i], n = n, n*dims[i]
	}
	return s
}

// walk calls visit for every index of the region but that of the last axis, in
// row-major order, with the offset in the activation at which that axis lies,
// or -1 where the row is too short, and the indices wanted of it.
func (g region) walk(dims []int, visit func(index []int, offset int, last []int)) {
	for _, axis := range g.axes {
		if len(axis) == 0 {
			return
		}
	}
	steps := strides(dims)
	n := len(dims) - 1
	index := make([]int, n)
	for {
		offset := g.start
		for i := range n {
			at := g.axes[i][index[i]]
			if at < 0 {
				offset = -1
				break
			}
			offset += at * steps[i]
		}
		visit(index, offset, g.axes[n])
		i := n - 1
		for ; i >= 0; i-- {
			if index[i]++; index[i] < len(g.axes[i]) {
				break
			}
			index[i] = 0
		}
		if i < 0 {
			return
		}
	}
}

func product(dims []int) int {
	n := 1
	for _, d := range dims {
		n *= d
	}
	return n
}
