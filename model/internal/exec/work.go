package exec

import (
	"context"
	"math"
	"sync"

	"github.com/golens/golens/model/array"
	"github.com/golens/golens/model/hook"
	"github.com/golens/golens/model/internal/crew"
	"github.com/golens/golens/model/internal/place"
	"github.com/golens/golens/model/internal/plan"
)

// An Outcome is what a run gave.
type Outcome struct {
	Captures []*array.Array // in the order of Job.Captures
	Grads    []*array.Array // [metric of Job.GradOf * point of Job.Grads]
	Metrics  [][]float64    // [metric][row]
	Terms    [][][]float64  // [metric][row][position of At] of which that is the mean; none if linear
	Weights  [][]float64    // gradients [metric of Job.GradOf * tensor of Job.Weigh], flat
}

// work is a job at work: a batch, what other runs left for it, and where what is
// read of it goes. Its chunks share it.
type work struct {
	*Engine
	*plan.Batch
	tokens [][]int32

	// Whole activations of the base and the source run, which rows start from and
	// edits take values from. A run has none, but perhaps its residual stream.
	base, source map[hook.ID]*array.Array
	terms        [][][]float64 // of metrics in the base run [metric][row][position]

	held *held // tensors of formulas

	captures []hook.Point
	// to is where the i-th capture of a row goes, and its shape; nil is nowhere.
	to func(i int, r plan.Row) (values []float32, shape []int)
	// reduce, if not nil, takes the i-th capture of a row in place of that
	// [pos, ...]; nothing is kept.
	reduce func(i int, r plan.Row, values []float32)
	// metric takes a metric of a row, and the terms of which it is the mean.
	metric func(k int, r plan.Row, value float64, terms []float64)

	scratch *scratch

	findFar sync.Once
	readFar map[hook.ID]bool // by formulas of other blocks
	soft    softRefs
}

// answer is the empty array of a capture of a whole job, whose longest row has so
// many tokens.
func answer(b *plan.Batch, p hook.Point, longest int) *array.Array {
	like, _ := b.Lies(p, 1)
	var axes []array.Axis
	shape := b.Selected(p, longest)
	for i, n := range shape {
		name := like.Kind.Axes()[i]
		switch {
		case p.Value != "" && i == len(shape)-1:
			name = p.Value
		case name == "kv_head":
			name = hook.Head
		}
		axes = append(axes, array.Dim(name, n))
	}
	title := p.ID.String()
	if p.Value != "" {
		title = p.Value + " at " + title
	}
	return array.New(axes...).Named(title, "")
}

// pad marks the values of a capture that do not exist, past the ends of rows.
func pad(a *array.Array, p hook.Point, b *plan.Batch) {
	set(a.Values(), float32(math.NaN()))
	p, dims := b.Lies(p, b.Longest)
	none := make([]float32, place.Size(dims))
	there := func(pos int) int { return pos }
	for i, n := range b.Lens {
		if s, ok := place.Select(p, place.Row{Index: i, Len: n}, dims, dims, place.View{Queries: there, Keys: there}); ok {
			s.Gather(none, a.Values(), a.Shape())
		}
	}
}

func set(x []float32, v float32) {
	for i := range x {
		x[i] = v
	}
}

func mean(x []float64) float64 {
	sum := 0.0
	for _, v := range x {
		sum += v
	}
	return sum / float64(len(x))
}

// each does the chunks, so many at a time. After an error no other is begun; the
// first is the one that is given.
func each[T any](ctx context.Context, chunks []T, workers int, do func(context.Context, T) error) error {
	var mu sync.Mutex
	var failed error
	var wg sync.WaitGroup
	next := func() (w T, ok bool) {
		mu.Lock()
		defer mu.Unlock()
		if failed != nil || len(chunks) == 0 {
			return w, false
		}
		w = chunks[0]
		chunks = chunks[1:]
		return w, true
	}
	for range workers {
		wg.Go(func() {
			for w, ok := next(); ok; w, ok = next() {
				if err := crew.Catch(func() error { return do(ctx, w) }); err != nil {
					mu.Lock()
					if failed == nil {
						failed = err
					}
					mu.Unlock()
				}
			}
		})
	}
	wg.Wait()
	return failed
}
