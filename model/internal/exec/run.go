package exec

import (
	"context"
	"fmt"
	"runtime"
	"sync"

	"github.com/golens/golens/model/array"
	"github.com/golens/golens/model/internal/crew"
	"github.com/golens/golens/model/internal/plan"
)

// rowsPerCall bounds batch*pos of one call on XLA: beyond about 2,000 its CPU
// engine slows down (480x16 rows in one call ran at 0.8 of the best rate).
const rowsPerCall = 2048

// Run does a job. It stops with the context's error between two blocks.
func (e *Engine) Run(ctx context.Context, job plan.Job) (*Outcome, error) {
	lens := make([]int, len(job.Tokens))
	longest := 0
	for i, row := range job.Tokens {
		lens[i] = len(row)
		longest = max(longest, len(row))
	}
	out := &Outcome{Metrics: make([][]float64, len(job.Metrics)), Terms: make([][][]float64, len(job.Metrics))}
	for _, p := range job.Captures {
		out.Captures = append(out.Captures, answer(e.Config, p, len(lens), longest))
	}
	for range job.GradOf {
		for _, p := range job.Grads {
			out.Grads = append(out.Grads, answer(e.Config, p, len(lens), longest))
		}
	}
	for i := range out.Metrics {
		out.Metrics[i], out.Terms[i] = make([]float64, len(lens)), make([][]float64, len(lens))
	}
	chunks := e.chunks(lens, longest, job.Most)
	var done sync.Mutex
	work := func(ctx context.Context, f *frame) error {
		if err := e.pass(ctx, job, f, out); err != nil {
			return err
		}
		if job.Done != nil {
			done.Lock()
			defer done.Unlock()
			job.Done(f.rows)
		}
		return nil
	}
	return out, each(ctx, chunks, e.workers(), work)
}

// workers is how many chunks run side by side: one per processor on the Go
// backend; XLA has threads of its own.
func (e *Engine) workers() int {
	if e.Backend.Go() {
		return runtime.GOMAXPROCS(0)
	}
	return 1
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

// chunks cuts the batch. On the Go backend every processor gets an equal
// share, in the exact shape; on XLA shapes are rounded up to few sizes. most
// bounds the rows of a chunk if it is not 0.
func (e *Engine) chunks(lens []int, longest, most int) []*frame {
	rows := len(lens)
	pos, batch := longest, rows
	if e.Backend.Go() {
		workers := e.workers()
		batch = max(1, min((rows+workers-1)/workers, rowsPerCall/pos))
	} else {
		pos = min(roundPos(longest), e.Config.Context)
		batch = min(roundRows(rows), max(1, rowsPerCall/pos))
	}
	if most > 0 {
		batch = min(batch, most)
	}
	var all []*frame
	for first := 0; first < rows; first += batch {
		f := &frame{first: first, rows: min(batch, rows-first), batch: batch, pos: pos, lens: lens, longest: longest}
		if e.Backend.Go() {
			f.batch = f.rows
		}
		all = append(all, f)
	}
	return all
}

// roundPos rounds a length up so that lengths share compiled graphs: at most
// an eighth is wasted beyond 64.
func roundPos(n int) int {
	step := 8
	for n > 8*step {
		step *= 2
	}
	return (n + step - 1) / step * step
}

// roundRows rounds a number of rows up likewise; up to 8 it is exact.
func roundRows(n int) int {
	if n <= 8 {
		return n
	}
	return roundPos(n)
}

// tokens are the chunk's ids [batch, pos], padded with zeros: the mask keeps
// what follows a row's end from reaching it.
func (f *frame) tokens(job plan.Job) []int32 {
	ids := make([]int32, f.batch*f.pos)
	for r := range f.rows {
		copy(ids[r*f.pos:(r+1)*f.pos], job.Tokens[f.first+r])
	}
	return ids
}

// residual is the chunk's part of a residual stream [batch, pos, d_model]. NaN
// beyond a row's end becomes zero.
func (f *frame) residual(a *array.Array) ([]float32, error) {
	shape := a.Shape()
	pos, d := shape[1], shape[2]
	x := make([]float32, f.batch*f.pos*d)
	for r := range f.rows {
		n := f.length(r)
		if n > pos {
			return nil, fmt.Errorf("exec: residual stream of %d positions for a row of %d", pos, n)
		}
		from := a.Values()[(f.first+r)*pos*d:]
		copy(x[r*f.pos*d:], from[:n*d])
	}
	return x, nil
}
