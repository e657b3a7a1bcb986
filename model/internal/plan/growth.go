package plan

import (
	"slices"

	"github.com/golens/golens/model/hook"
)

// Growth is how a generation's rows grow.
type Growth struct {
	*Batch
	New    int     // tokens to add to each row
	Width  int     // positions that a call on the prompts computes
	Window *Window // of what is kept, or nil
}

// NewGrowth is the batch of a generation: one variant, which has its edits.
func NewGrowth(m Machine, job Generation) Growth {
	b := NewBatch(m, Sweep{Base: Job{Tokens: job.Tokens}, Captures: job.Captures, Variants: []Variant{{Edits: job.Edits}}})
	b.whole = true // any token may be chosen
	return Growth{b, job.New, m.passWidth(b.Longest), job.Window}
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
	most := min(tokensPerCall/g.Width, cacheBytes/kept/g.Workers)
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
