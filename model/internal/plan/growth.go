package plan

import (
	"slices"

	"github.com/golens/golens/model/hook"
	"github.com/golens/golens/model/internal/place"
)

// Growth is how a generation's rows grow.
type Growth struct {
	*Batch
	New    int     // tokens to add to each row
	Width  int     // positions that a call on the prompts computes
	Window *Window // of what is kept, or nil
	ahead  bool    // long prompts are computed a piece at a time
}

// Piece is how many positions of a long prompt are computed at a time, so that the
// scores of all queries with all keys are never there at once. Tests make it short.
var Piece = 512

// NewGrowth is the batch of a generation: one variant, which has its edits.
func NewGrowth(m Machine, job Generation) Growth {
	b := NewBatch(m, Sweep{Base: Job{Tokens: job.Tokens}, Captures: job.Captures, Variants: []Variant{{Edits: job.Edits}}})
	b.whole = true // any token may be chosen
	g := Growth{Batch: b, New: job.New, Width: m.passWidth(b.Longest), Window: job.Window}
	g.ahead = b.Longest > 2*Piece && g.Window == nil && !g.needsWhole(job)
	return g
}

// needsWhole tells whether something needs all positions of the prompts in one call:
// formulas, attention that is edited or read whole, and what is read behind the blocks.
func (g Growth) needsWhole(job Generation) bool {
	keyed := func(p hook.Point) bool { a := p.Kind.Axes(); return a[len(a)-1] == hook.Key }
	return slices.ContainsFunc(job.Captures, func(p hook.Point) bool { return !EachStep(p) && (keyed(p) || Final(p.Kind)) }) ||
		slices.ContainsFunc(job.Edits, func(e hook.Edit) bool { return e.Op == hook.OpCompute || keyed(e.Point) })
}

// Ahead is how many positions of some prompts are computed before the call that comes to
// their ends, in pieces: as many as all of the rows have.
func (g Growth) Ahead(rows []Row) int {
	if !g.ahead {
		return 0
	}
	n := g.Longest
	for _, r := range rows {
		n = min(n, g.Lens[r.Index]-1)
	}
	return n / Piece * Piece
}

// Rest is how many positions the call that comes to the ends of prompts computes, after
// some.
func (g Growth) Rest(rows []Row, ahead int) int {
	if ahead == 0 {
		return g.Width
	}
	n := 0
	for _, r := range rows {
		n = max(n, g.Lens[r.Index])
	}
	return g.passWidth(n - ahead)
}

// cacheBytes bounds the keys and values that are held at a time.
const cacheBytes = 1 << 30

// RowsPerStep is how many rows an exact machine continues side by side before a
// second worker gets some: it lays out the weights anew in every call, which
// costs more than the products with so few rows.
const RowsPerStep = 8

// Room is how many positions the cache has for rows of n tokens: few sizes, so
// that few graphs are compiled, and no more than the longest row will need.
func (g Growth) Room(n int) int {
	if g.Window != nil {
		return max(g.Window.Most(), g.Width)
	}
	step := 64 // of a query's work, which the blocks' weights outweigh
	if g.Exact {
		step = 16
	}
	room := step
	for room < n {
		room *= 2
	}
	all := g.Longest + g.New - 1
	return max(min(room, (all+step-1)/step*step), n)
}

// Groups are the rows, each group a chunk that grows by itself.
func (g Growth) Groups() []*Group {
	n := len(g.Lens)
	kept := 4 * 2 * g.Layers * g.KVHeads * g.DHead * g.Room(g.Longest+g.New-1) // bytes of a row's cache
	width := g.Width
	if g.ahead {
		width = 2 * Piece
		kept += 4 * 3 * g.Heads * Piece * g.Longest // scores, and what is made of them
	}
	most := min(tokensPerCall/width, cacheBytes/kept/g.Workers)
	batch := max(RowsPerStep, (n+g.Workers-1)/g.Workers)
	if !g.Exact {
		batch = roundRows(n)
	}
	batch = max(1, min(batch, most))
	blocks := attending(0, g.Layers)
	var all []*Group
	for indices := range slices.Chunk(hook.UpTo(n), batch) {
		one := &Group{Width: g.Width, Batch: batch, Lane: 1}
		for _, i := range indices {
			one.Rows = append(one.Rows, Row{Index: i, Embeds: true, Blocks: blocks, End: g.Lens[i]})
		}
		one.cut(g.Machine)
		all = append(all, one)
	}
	return all
}

// Unembedded are the positions of a row, now of n tokens and computed from one
// on, whose logits are computed: the last, unless others are read.
func (g Growth) Unembedded(from, n int) []int {
	for _, p := range g.Points {
		if Final(p.Kind) && !EachStep(p) {
			return Range(from, n)
		}
	}
	return Range(n-1, n)
}

// Cost is what the generation takes if every row gets all of its tokens.
func (g Growth) Cost(kept int64) PassCost {
	c := PassCost{Rows: len(g.Lens), Blocks: g.Layers, Kept: kept}
	read := func(width, keys int) (n int) { // what a block gives to be read, beside its stream
		for id := range ids(g.Points) {
			if id.Kind.Global() {
				continue
			}
			d := g.Dims(id.Kind, width)
			if a := id.Kind.Axes(); a[len(a)-1] == hook.Key {
				if !g.Exact {
					continue // XLA gives what attention holds in any case
				}
				d[len(d)-1] = keys
			}
			n = max(n, place.Size(d))
		}
		return n
	}
	groups := g.Groups()
	most := int64(0)
	for _, group := range groups {
		rows, size := group.Chunks[0].Rows, group.Chunks[0].Size
		held := int64(0)
		call := func(past, width, room int) {
			c.FLOPs += int64(g.Layers) * blockFlops(g.Config, Block{Attends: true}, size, width, width, room-width)
			keys := 2*past*g.KVHeads*g.DHead + 2*room*g.Heads*g.DHead
			cache := 2 * (g.Layers + 1) * room * g.KVHeads * g.DHead
			held = max(held, 4*int64(size*(cache+read(width, room)))+g.blockBytes(Block{Attends: true}, nil, size, width, width, room-width, keys, false))
		}
		ahead := g.Ahead(rows)
		for from := 0; from < ahead; from += Piece {
			call(from, Piece, from+Piece)
		}
		rest := g.Rest(rows, ahead)
		call(ahead, rest, ahead+rest)
		longest := 0
		for _, r := range rows {
			longest = max(longest, g.Lens[r.Index])
		}
		for step := 1; step < g.New; step++ {
			room := g.Room(longest + step)
			call(room, 1, room)
		}
		c.FLOPs += 2 * int64(g.New) * int64(size*g.DModel) * int64(g.Vocab)
		c.Chunks++
		most = max(most, held+8*int64(size*g.Vocab))
	}
	c.Memory = kept + most*int64(min(g.Workers, len(groups)))
	return c
}
