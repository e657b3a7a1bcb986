//go:build !golens_cell

package model

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/golens/golens/model/array"
	"github.com/golens/golens/model/hook"
	"github.com/golens/golens/model/internal/plan"
)

// defaultFitCache is how many bytes a fit keeps of what lies below its formulas.
const defaultFitCache = 1 << 30

// below computes what the steps of a fit read of blocks and runs that do not change,
// row by row, and keeps it if there is room for all of it.
type below struct {
	*local
	*fitting
	rows  []*belowRow // nil if there is no room
	wants []want
}

// A want is activations of one run that rows need.
type want struct {
	of     Request
	points []hook.Point
	key    func(i int) string // of the i-th point, in belowRow
}

// belowRow is what one row needs, without padding.
type belowRow map[string][]float32

// belowTogether is how many rows are computed side by side for the cache: always the
// same ones, since sums of float32 hang on that.
const belowTogether = 64

func (l *local) below(t *fitting) *below {
	b := &below{local: l, fitting: t}
	under := Request{Rows: t.Base.Rows, Edits: t.below}
	var points []hook.Point
	if t.lowest > 0 {
		points = append(points, b.resid())
	}
	points = append(points, wholes(t.far)...)
	b.want("below ", under, points)
	plain := under
	for _, e := range t.Base.Edits {
		if !hasFree(e) {
			plain.Edits = append(slices.Clone(plain.Edits), e)
		}
	}
	b.want("base ", plain, wholes(t.ofBase))
	points = nil
	for _, m := range t.own {
		points = append(points, logitsOf(t.Base.Metrics[m]))
	}
	b.want("own ", plain, points)
	b.want("source ", t.Source, wholes(t.ofSource))
	if b.bytes() <= cmp.Or(t.Cache, defaultFitCache) {
		b.rows = make([]*belowRow, len(t.Base.Rows))
	}
	return b
}

// bytes is what all rows need.
func (b *below) bytes() (n int64) {
	for _, w := range b.wants {
		for _, row := range w.of.Rows {
			for _, p := range w.points {
				n += 4 * int64(product(b.dims(p, len(row))))
			}
		}
	}
	return n
}

// dims is the shape of what a point reads of a row.
func (b *below) dims(p hook.Point, n int) []int {
	dims := b.config.Dims(p.Kind, n)
	if !p.Pos.All() {
		dims[0] = len(p.Pos.Rows[0])
	}
	return dims
}

func wholes(ids []hook.ID) (points []hook.Point) {
	for _, id := range ids {
		points = append(points, hook.Point{ID: id})
	}
	return points
}

// resid is the residual stream into the first block of a step.
func (b *below) resid() hook.Point {
	if b.lowest == b.config.Layers {
		return hook.ResidPost(b.lowest - 1)
	}
	return hook.ResidPre(b.lowest)
}

// logitsOf are the logits that a metric reads.
func logitsOf(m Metric) hook.Point {
	if m.At.All() {
		return hook.Logits().At(-1)
	}
	return hook.Logits().In(m.At)
}

func (b *below) want(name string, of Request, points []hook.Point) {
	if len(points) > 0 {
		b.wants = append(b.wants, want{of, points, func(i int) string { return fmt.Sprint(name, i) }})
	}
}

// take gives what the rows need, from the cache or not.
func (b *below) take(ctx context.Context, rows []int) ([]*belowRow, error) {
	if b.rows == nil {
		return b.compute(ctx, rows)
	}
	out := make([]*belowRow, len(rows))
	for i, row := range rows {
		if b.rows[row] == nil {
			first := row / belowTogether * belowTogether
			var some []int
			for r := first; r < min(first+belowTogether, len(b.rows)); r++ {
				some = append(some, r)
			}
			got, err := b.compute(ctx, some)
			if err != nil {
				return nil, err
			}
			copy(b.rows[first:], got)
		}
		out[i] = b.rows[row]
	}
	return out, nil
}

// compute computes what rows need.
func (b *below) compute(ctx context.Context, rows []int) ([]*belowRow, error) {
	out := make([]*belowRow, len(rows))
	for i := range out {
		out[i] = &belowRow{}
	}
	for _, w := range b.wants {
		once, of := w.once(rows)
		r := w.of.pick(once)
		r.Metrics = nil
		for _, p := range w.points {
			p, _, _ := (picker{of: len(w.of.Rows), rows: once}).point(p)
			r.Captures = append(r.Captures, p)
		}
		r.Budget = 1 << 50 // it was seen whether there is room
		job, _, err := r.job(b.config, b.encode)
		if err != nil {
			return nil, err
		}
		res, err := b.engine.Run(ctx, job)
		if err != nil {
			return nil, err
		}
		for p, point := range w.points {
			cut := make([][]float32, len(once))
			for i := range once {
				cut[i] = cutTo(res.Captures[p], i, b.dims(point, len(r.Rows[i])))
			}
			for i, k := range of {
				(*out[i])[w.key(p)] = cut[k]
			}
		}
	}
	return out, nil
}

// once are rows that differ, and which of them each row is: pairs of a few inputs, or
// a text for every layer, need what lies below it once. Edits, and positions that
// differ by row, make all rows differ.
func (w want) once(rows []int) (once, of []int) {
	own := len(w.of.Edits) > 0 || slices.ContainsFunc(w.points, func(p hook.Point) bool { return len(p.Pos.Rows) > 1 })
	for i, row := range rows {
		k := i
		if !own {
			k = slices.IndexFunc(once, func(r int) bool { return slices.Equal(w.of.Rows[r], w.of.Rows[row]) })
		}
		if k < 0 || own {
			k, once = len(once), append(once, row)
		}
		of = append(of, k)
	}
	return once, of
}

// cutTo is a row of an array [batch, ...], as long as dims on each axis.
func cutTo(a *array.Array, row int, dims []int) []float32 {
	shape := a.Shape()[1:]
	size := len(a.Values()) / a.Shape()[0]
	out := make([]float32, 0, product(dims))
	visit(dims, shape, 0, 0, func(_, from, n int) { out = append(out, a.Values()[row*size+from:][:n]...) })
	return out
}

// visit walks over the stretches of the last axis of an array that lies in a larger
// one, with their places in both.
func visit(dims, in []int, at, from int, each func(at, from, n int)) {
	if len(dims) == 1 {
		each(at, from, dims[0])
		return
	}
	for i := range dims[0] {
		visit(dims[1:], in[1:], at+i*product(dims[1:]), from+i*product(in[1:]), each)
	}
}

func product(dims []int) int {
	n := 1
	for _, d := range dims {
		n *= d
	}
	return n
}

// joined is one part of all rows as an array [batch, ...] of the axes that an
// activation has in the longest of these lengths.
func (b *below) joined(rows []*belowRow, key string, kind hook.Kind, lens []int) *array.Array {
	whole := b.config.Dims(kind, slices.Max(lens))
	axes := []array.Axis{array.Dim(hook.Batch, len(rows))}
	for i, n := range whole {
		axes = append(axes, array.Dim(kind.Axes()[i+1], n))
	}
	a := array.New(axes...)
	for r, row := range rows {
		to := a.Values()[r*product(whole):]
		visit(b.config.Dims(kind, lens[r]), whole, 0, 0, func(at, from, n int) { copy(to[from:][:n], (*row)[key][at:]) })
	}
	return a
}

// step is the request of a step on some rows, and the job's parts that are no part
// of requests.
func (b *below) step(ctx context.Context, rows []int) (r Request, left plan.Job, err error) {
	r = b.Base.pick(rows)
	if len(b.wants) == 0 {
		return r, left, nil
	}
	have, err := b.take(ctx, rows)
	if err != nil {
		return r, left, err
	}
	lens, sources := lengths(r.Rows), []int(nil)
	first := 0
	if b.lowest > 0 {
		r = r.Start(b.lowest, b.joined(have, "below 0", b.resid().Kind, lens))
		first = 1
	}
	leave := func(name string, ids []hook.ID, first int, lens []int) *plan.Left {
		out := &plan.Left{Lens: lens, At: map[hook.ID]*array.Array{}}
		for i, id := range ids {
			out.At[id] = b.joined(have, fmt.Sprint(name, first+i), id.Kind, lens)
		}
		return out
	}
	left.Below, left.Base = leave("below ", b.far, first, lens), leave("base ", b.ofBase, 0, lens)
	if len(b.ofSource) > 0 {
		for _, row := range rows {
			sources = append(sources, len(b.Source.Rows[row]))
		}
		left.Source = leave("source ", b.ofSource, 0, sources)
	}
	for i, m := range b.own {
		n := len((*have[0])[fmt.Sprint("own ", i)])
		ref := array.New(array.Dim(hook.Batch, len(rows)), array.Dim(hook.Pos, n/b.config.Vocab), array.Dim("vocab", b.config.Vocab))
		for k, row := range have {
			copy(ref.Values()[k*n:], (*row)[fmt.Sprint("own ", i)])
		}
		r.Metrics[m].Reference = ref
	}
	return r, left, nil
}
