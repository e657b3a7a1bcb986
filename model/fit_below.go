//go:build !golens_cell

package model

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/golens/golens/model/array"
	"github.com/golens/golens/model/hook"
	"github.com/golens/golens/model/internal/content"
	"github.com/golens/golens/model/internal/plan"
)

// defaultFitCache is how many bytes a fit keeps of what lies below its formulas.
const defaultFitCache = 1 << 30

// below computes what the steps of a fit read of blocks and runs that do not change,
// and keeps it if there is room for all of it.
type below struct {
	*local
	*fitting
	wants []*want
	past  bool // steps begin at their rows' starts
}

// A want is activations of one run that rows need.
type want struct {
	of     Request
	points []hook.Point
	keys   []string      // of the points, in belowRow
	own    bool          // rows that are equal may need different values
	first  []int         // of each row, the first that needs the same
	kept   [][][]float32 // [point][row], where that is computed; nil: there is no room
}

// belowRow is what one row needs, without padding.
type belowRow map[string][]float32

// belowTogether is how many rows are computed side by side for the cache: always the
// same ones, since sums of float32 hang on that.
const belowTogether = 64

func (l *local) below(t *fitting) *below {
	b, kept := l.planBelow(t)
	if kept {
		l.states.hold(b, b.room())
	}
	return b
}

// planBelow is what steps read, of which nothing is computed yet, and whether it is
// kept.
func (l *local) planBelow(t *fitting) (b *below, kept bool) {
	b = &below{local: l, fitting: t, past: t.starts != nil}
	b.find()
	if t.windowed() { // each row is read once
		return b, false
	}
	if b.past && b.bytes() > b.room() {
		b.past, b.wants = false, nil
		b.find()
	}
	return b, b.bytes() <= b.room()
}

// widest is the most positions that a step runs of any row; 0 where other rows follow.
func (b *below) widest() (n int) {
	if b.windowed() {
		return 0
	}
	for i, row := range b.Base.Rows {
		start := 0
		if b.past {
			start = b.starts[i]
		}
		n = max(n, len(row)-start)
	}
	return n
}

// room is how many bytes may be kept.
func (b *below) room() int64 { return cmp.Or(b.Cache, defaultFitCache) }

// find finds what rows need.
func (b *below) find() {
	under := Request{Rows: b.Base.Rows, Edits: b.fitting.below}
	if b.lowest > 0 {
		b.want("into", under, b.resid())
	}
	b.want("below", under, wholes(b.far)...)
	plain := under
	for _, e := range b.Base.Edits {
		if !hasFree(e) {
			plain.Edits = append(slices.Clone(plain.Edits), e)
		}
	}
	b.want("base", plain, wholes(b.ofBase)...)
	if b.past {
		b.want("past", plain, wholes(b.fitting.past)...)
	}
	var points []hook.Point
	for _, m := range b.own {
		points = append(points, logitsOf(b.Base.Metrics[m]))
	}
	b.want("own", plain, points...)
	b.want("source", b.Source, wholes(b.ofSource)...)
}

// bytes is what all rows need.
func (b *below) bytes() (n int64) {
	for _, w := range b.wants {
		for _, p := range w.points {
			n += b.bytesOf(w, p)
		}
	}
	return n
}

func (b *below) bytesOf(w *want, p hook.Point) (n int64) {
	for i, row := range w.of.Rows {
		if w.first[i] == i {
			n += 4 * int64(product(b.dims(p, len(row))))
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

// want adds points of a run, which are named and numbered.
func (b *below) want(name string, of Request, points ...hook.Point) {
	if len(points) == 0 {
		return
	}
	// Rows that are equal need the same, but where edits, or positions that differ by
	// row, make all differ: pairs of a few inputs, or a text for every layer.
	own := len(of.Edits) > 0 || slices.ContainsFunc(points, func(p hook.Point) bool { return len(p.Pos.Rows) > 1 })
	w := &want{of: of, own: own}
	for _, x := range b.wants {
		if x.own == own && len(x.of.Edits) == len(of.Edits) && (len(of.Edits) == 0 || &x.of.Edits[0] == &of.Edits[0]) && &x.of.Rows[0] == &of.Rows[0] {
			w = x // the same run
		}
	}
	for i, p := range points {
		w.points, w.keys = append(w.points, p), append(w.keys, key(name, i))
	}
	if w.first != nil {
		return
	}
	seen := map[string]int{}
	for i, row := range of.Rows {
		text := fmt.Sprint(row)
		if k, is := seen[text]; is && !own {
			w.first = append(w.first, k)
			continue
		}
		seen[text] = i
		w.first = append(w.first, i)
	}
	b.wants = append(b.wants, w)
}

func key(name string, i int) string { return fmt.Sprint(name, " ", i) }

// take gives what the rows need, from the cache or not.
func (b *below) take(ctx context.Context, rows []int) ([]belowRow, error) {
	b.states.mu.Lock()
	defer b.states.mu.Unlock()
	out := make([]belowRow, len(rows))
	for i := range out {
		out[i] = belowRow{}
	}
	for _, w := range b.wants {
		kept := w.kept
		if kept == nil {
			kept = make([][][]float32, len(w.points))
			for p := range kept {
				kept[p] = make([][]float32, len(w.of.Rows))
			}
		}
		var missing, points []int
		for _, row := range rows {
			f := w.first[row]
			for p := range kept {
				if kept[p][f] != nil {
					continue
				}
				if !slices.Contains(points, p) {
					points = append(points, p)
				}
				if !slices.Contains(missing, f) {
					missing = append(missing, f)
				}
			}
		}
		if w.kept != nil {
			missing = w.together(missing)
		}
		if len(missing) > 0 {
			if err := b.compute(ctx, w, missing, points, kept); err != nil {
				return nil, err
			}
		}
		for i, row := range rows {
			for p, key := range w.keys {
				out[i][key] = kept[p][w.first[row]]
			}
		}
	}
	return out, nil
}

// together are the rows that are computed with these.
func (w *want) together(rows []int) (all []int) {
	n := 0
	var group []int
	flush := func() {
		if slices.ContainsFunc(group, func(i int) bool { return slices.Contains(rows, i) }) {
			all = append(all, group...)
		}
		group = nil
	}
	for i, f := range w.first {
		if f != i {
			continue
		}
		group = append(group, i)
		if n++; n%belowTogether == 0 {
			flush()
		}
	}
	flush()
	return all
}

// compute computes some points of a run at some rows.
func (b *below) compute(ctx context.Context, w *want, rows, points []int, to [][][]float32) error {
	r := w.of.pick(rows)
	r.Metrics = nil
	for _, k := range points {
		p, _, _ := (picker{of: len(w.of.Rows), rows: rows}).point(w.points[k])
		r.Captures = append(r.Captures, p)
	}
	r.Budget = 1 << 50 // it was seen whether there is room
	job, _, err := r.job(b.config, b.encode)
	if err != nil {
		return err
	}
	res, err := b.engine.Run(ctx, job)
	if err != nil {
		return err
	}
	for i, row := range rows {
		for c, k := range points {
			to[k][row] = cutTo(res.Captures[c], i, b.dims(w.points[k], len(r.Rows[i])))
		}
	}
	return nil
}

// states is what lies below the formulas of fits that were made lately, by rows and
// points: searches at many places of the same inputs compute it once.
type states struct {
	mu   sync.Mutex
	kept map[string][][]float32
	size map[string]int64
	rest *time.Timer
}

// statesRest is how long they are held for the next fit.
const statesRest = 20 * time.Second

// hold gives wants their places, which are those of fits before if there is room for
// all.
func (s *states) hold(b *below, room int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.rest == nil {
		s.rest = time.AfterFunc(statesRest, s.drop)
	}
	s.rest.Reset(statesRest)
	now, size, sum := map[string][][]float32{}, map[string]int64{}, int64(0)
	for _, w := range b.wants {
		rows := content.HashBytes(fmt.Append(nil, w.of.Rows))
		w.kept = make([][][]float32, len(w.points))
		for i, p := range w.points {
			key := fmt.Sprint(rows, " ", p)
			if w.kept[i] = s.kept[key]; w.kept[i] == nil || w.own {
				w.kept[i] = make([][]float32, len(w.of.Rows))
			}
			if !w.own {
				now[key], size[key] = w.kept[i], b.bytesOf(w, p)
			}
			sum += b.bytesOf(w, p)
		}
	}
	for key, n := range s.size {
		if _, is := now[key]; !is && sum+n <= room {
			now[key], size[key], sum = s.kept[key], n, sum+n
		}
	}
	s.kept, s.size = now, size
}

// drop forgets them.
func (s *states) drop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.kept, s.size = nil, nil
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
func (b *below) joined(rows []belowRow, key string, kind hook.Kind, lens []int) *array.Array {
	whole := b.config.Dims(kind, slices.Max(lens))
	axes := []array.Axis{array.Dim(hook.Batch, len(rows))}
	for i, n := range whole {
		axes = append(axes, array.Dim(kind.Axes()[i+1], n))
	}
	a := array.New(axes...)
	for r, row := range rows {
		to := a.Values()[r*product(whole):]
		visit(b.config.Dims(kind, lens[r]), whole, 0, 0, func(at, from, n int) { copy(to[from:][:n], row[key][at:]) })
	}
	return a
}

// step is the request of a step on some rows, the job's parts that are no part of
// requests, and what the rows have.
func (b *below) step(ctx context.Context, rows []int) (r Request, left plan.Job, have []belowRow, err error) {
	r = b.Base.pick(rows)
	if len(b.wants) == 0 {
		return r, left, nil, nil
	}
	if have, err = b.take(ctx, rows); err != nil {
		return r, left, nil, err
	}
	lens, sources := lengths(r.Rows), []int(nil)
	if b.lowest > 0 {
		r = r.Start(b.lowest, b.joined(have, key("into", 0), b.resid().Kind, lens))
	}
	leave := func(name string, ids []hook.ID, lens []int) *plan.Left {
		out := &plan.Left{Lens: lens, At: map[hook.ID]*array.Array{}}
		for i, id := range ids {
			out.At[id] = b.joined(have, key(name, i), id.Kind, lens)
		}
		return out
	}
	left.Below, left.Base = leave("below", b.far, lens), leave("base", b.ofBase, lens)
	if b.past {
		maps.Copy(left.Base.At, leave("past", b.fitting.past, lens).At)
		for _, row := range rows {
			left.Starts = append(left.Starts, b.starts[row])
		}
	}
	if len(b.ofSource) > 0 {
		for _, row := range rows {
			sources = append(sources, len(b.Source.Rows[row]))
		}
		left.Source = leave("source", b.ofSource, sources)
	}
	return r, left, have, nil
}

// reference is what a KL without a reference of its own is from, as an array.
func (b *below) reference(have []belowRow, metric int) *array.Array {
	name := b.ownKey(metric)
	n := len(have[0][name])
	ref := array.New(array.Dim(hook.Batch, len(have)), array.Dim(hook.Pos, n/b.config.Vocab), array.Dim("vocab", b.config.Vocab))
	for k, row := range have {
		copy(ref.Values()[k*n:], row[name])
	}
	return ref
}
