package exec

import (
	"context"
	"slices"
	"sync"

	"github.com/golens/golens/model/array"
	"github.com/golens/golens/model/config"
	"github.com/golens/golens/model/hook"
	"github.com/golens/golens/model/internal/arch"
	"github.com/golens/golens/model/internal/plan"
)

// A GenerateOutcome is what a generation gave.
type GenerateOutcome struct {
	Tokens   [][]int32 // prompts and what was added
	Captures []*array.Array
}

// cacheBytes bounds the keys and values that are held at a time.
const cacheBytes = 1 << 30

// rowsPerStep is how many rows the Go backend continues side by side before a
// second processor gets some: it lays out the weights anew in every call, which
// costs more than the products with so few rows.
const rowsPerStep = 8

// Generate does a generation. It stops with the context's error between two
// blocks.
func (e *Engine) Generate(ctx context.Context, job plan.Generation) (*GenerateOutcome, error) {
	g := &generation{Engine: e, job: job, out: &GenerateOutcome{}}
	for _, row := range job.Tokens {
		g.lens = append(g.lens, len(row))
		g.longest = max(g.longest, len(row))
		g.out.Tokens = append(g.out.Tokens, slices.Clone(row))
	}
	g.prompts = slices.Clone(g.lens)
	for _, p := range job.Captures {
		g.out.Captures = append(g.out.Captures, g.answer(p))
	}
	g.find()
	workers := e.workers()
	err := each(ctx, g.chunks(workers), workers, func(ctx context.Context, r *rows) error { return r.run(ctx) })
	if err != nil {
		return nil, err
	}
	for i, p := range job.Captures {
		g.out.Captures[i] = g.settle(p, g.out.Captures[i])
	}
	return g.out, nil
}

// generation is what the chunks of a generation share.
type generation struct {
	*Engine
	job     plan.Generation
	out     *GenerateOutcome
	prompts []int // tokens of each prompt
	lens    []int // of each row now; a chunk reads and writes its own rows alone
	longest int   // prompt

	ids    [][]hook.ID     // of each block, those at which something happens
	tables [2][2][]float32 // cosines and sines of all positions [pos, Dim/2], in global and in local layers

	mu sync.Mutex // of job.Done
}

// find notes where anything happens, and makes what all chunks read.
func (g *generation) find() {
	for l := range g.Config.Layers {
		var ids []hook.ID
		for _, k := range g.kinds {
			id := hook.ID{Kind: k, Layer: l}
			if slices.ContainsFunc(g.job.Edits, func(e hook.Edit) bool { return e.ID == id }) ||
				slices.ContainsFunc(g.job.Captures, func(p hook.Point) bool { return p.ID == id }) {
				ids = append(ids, id)
			}
		}
		g.ids = append(g.ids, ids)
		if which := g.which(l); g.tables[which][0] == nil && g.Config.Position == config.PosRotary {
			g.tables[which][0], g.tables[which][1] = arch.RotaryTables(g.Config.RotaryOf(l), max(g.width(), g.longest+g.job.New))
		}
	}
}

// which is 1 for a layer whose queries see a window of keys, else 0.
func (g *generation) which(layer int) int {
	if g.Config.IsLocal(layer) {
		return 1
	}
	return 0
}

// width is how many positions a call on the prompts computes.
func (g *generation) width() int {
	if g.Backend.Go() {
		return g.longest
	}
	return min(roundPos(g.longest), g.Config.Context)
}

// room is how many positions the cache has for rows of n tokens: few sizes, so
// that few graphs are compiled, and no more than the longest row will need.
func (g *generation) room(n int) int {
	step := 64 // of a query's work, which the blocks' weights outweigh
	if g.Backend.Go() {
		step = 16
	}
	room := step
	for room < n {
		room *= 2
	}
	all := g.longest + g.job.New - 1
	return max(min(room, (all+step-1)/step*step), n)
}

// chunks cuts the batch. Rows of different chunks do not meet.
func (g *generation) chunks(workers int) []*rows {
	n := len(g.lens)
	kept := 4 * 2 * g.Config.Layers * g.Config.KVHeads * g.Config.DHead * g.room(g.longest+g.job.New-1) // bytes of a row's cache
	most := min(rowsPerCall/g.width(), cacheBytes/kept/workers)
	batch := max(rowsPerStep, (n+workers-1)/workers)
	if !g.Backend.Go() {
		batch = roundRows(n)
	}
	batch = max(1, min(batch, most))
	var all []*rows
	for first := 0; first < n; first += batch {
		in := upTo(n)[first:min(first+batch, n)]
		size := batch
		if g.Backend.Go() {
			size = len(in)
		}
		all = append(all, g.rows(in, size))
	}
	return all
}

// done tells of tokens that were added.
func (g *generation) done(tokens int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.job.Done != nil {
		g.job.Done(tokens)
	}
}
