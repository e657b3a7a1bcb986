package exec

import (
	"context"
	"math"
	"sync"

	"github.com/golens/golens/model/hook"
	"github.com/golens/golens/model/internal/place"
	"github.com/golens/golens/model/internal/plan"
)

// ExplainTally is what a tally costs, whose states take so many bytes.
func (e *Engine) ExplainTally(job plan.Job, states int64) plan.PassCost {
	return plan.NewPass(e.machine().Under(job.Cut), job).TallyCost(states)
}

// AllChunks, as until, are those to the end.
const AllChunks = math.MaxInt

// TallyChunks are the chunks of a job that is reduced.
func (e *Engine) TallyChunks(job plan.Job) []ChunkCost {
	b := plan.NewPass(e.machine().Under(job.Cut), job)
	group := b.Pass()
	return chunkCosts(group.Chunks, b.PassCost().FLOPs)
}

// Tally runs the chunks from..until-1 of a job and gives each row of each of its
// captures [pos, ...] to reduce, which several goroutines call. Nothing is kept. Done
// is told of rows that have ended; after an error some rows may have been reduced in
// part.
func (e *Engine) Tally(ctx context.Context, job plan.Job, from, until int, reduce func(i int, r plan.Row, values []float32)) error {
	held, err := e.hold(job.Edits, nil)
	if err != nil {
		return err
	}
	defer held.release()
	b := plan.NewPass(e.machine().Under(job.Cut), job)
	w := &work{Engine: e, Batch: b, tokens: job.Tokens, captures: job.Captures, scratch: newScratch(e), held: held, reduce: reduce}
	defer w.scratch.close()
	group := b.Pass()
	var done sync.Mutex
	return each(ctx, group.Chunks[from:min(until, len(group.Chunks))], e.machine().Workers, func(ctx context.Context, rows plan.Chunk) error {
		c := w.newChunk(group, rows)
		defer c.close()
		if err := c.forward(ctx); err != nil {
			return err
		}
		done.Lock()
		defer done.Unlock()
		job.Done(len(rows.Rows))
		return nil
	})
}

// reduceRow gives what the i-th capture selects of a row to be reduced. It lies as an
// activation of that kind does.
func (c *chunk) reduceRow(i int, r plan.Row, x []float32, dims, whole []int, kind hook.Kind, view place.View) {
	p, n := c.captures[i], c.Lens[r.Index]
	shape := c.Selected(p, n)
	shape[0] = 1
	labelled := p.Value != ""
	p.Kind = kind
	sel, ok := place.Select(p, place.Row{Len: n}, dims, whole, view)
	if !ok {
		return
	}
	if p.Pos.All() {
		shape[p.Kind.PositionAxis()] = c.Longest
	}
	if values := sel.Plain(x); values != nil {
		c.reduce(i, r, values)
		return
	}
	values := make([]float32, place.Size(shape))
	if labelled { // it is there only where it is labelled
		set(values, float32(math.NaN()))
	}
	sel.Gather(x, values, shape)
	c.reduce(i, r, values)
}
