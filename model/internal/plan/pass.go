package plan

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/golens/golens/model/formula"
	"github.com/golens/golens/model/hook"
)

// NewPass is the batch of a run: one variant, which has the run's edits.
func NewPass(m Machine, job Job) *Batch {
	edits, captures := job.Edits, job.Captures
	job.Edits = nil
	b := NewBatch(m, Sweep{Base: job, Variants: []Variant{{Edits: edits}}})
	b.Points = append(b.Points, captures...)
	if job.Source != nil {
		b.Source.Each = job.Source.Lens
		for _, n := range job.Source.Lens {
			b.Source.Longest = max(b.Source.Longest, n)
		}
	}
	b.whole = b.readsWholeLogits() || slices.ContainsFunc(job.Grads, func(p hook.Point) bool { return p.ID == hook.Logits().ID })
	return b
}

// Pass is all rows of a run, in the blocks that it runs, cut into chunks.
func (b *Batch) Pass() *Group {
	job := b.Job.Base
	blocks := attending(job.From, job.Until)
	g := &Group{Lane: 1}
	starts := make([]int, len(b.Lens))
	copy(starts, job.Starts)
	for i, n := range b.Lens {
		g.Width = max(g.Width, b.passWidth(n-starts[i]))
	}
	if job.Widest > 0 {
		g.Width = min(g.Width, job.Widest)
	}
	g.Batch = b.passRows(len(b.Lens), g.Width, job.Most)
	for i, n := range b.Lens {
		from := min(starts[i], max(0, n-g.Width)) // earlier, to fill the width
		g.Past = max(g.Past, from)
		g.Rows = append(g.Rows, Row{Index: i, Embeds: job.From == 0, Blocks: blocks, Final: b.readOfFinal(i), From: from, End: n})
	}
	b.onlyRead(g)
	b.sortByEdits(g)
	g.cut(b.Machine)
	return g
}

// onlyRead lets the last block compute only the positions that are unembedded, behind
// its keys and values, where a run's gradients are taken and nothing else in it is read.
func (b *Batch) onlyRead(g *Group) {
	job, last := b.Job.Base, b.Layers-1
	inside := func(p hook.Point) bool {
		return !p.Kind.Global() && p.Layer == last && (p.Value != "" || !OfKeys(b.Config, p.Kind))
	}
	if !job.Soft || len(job.GradOf) == 0 || job.Until <= last || job.From > last || slices.ContainsFunc(slices.Concat(b.Points, job.Grads), inside) {
		return
	}
	n := 0
	for _, r := range g.Rows {
		n = max(n, len(r.Final))
	}
	if n = b.round(n); n == 0 || n >= g.Width {
		return
	}
	for i := range g.Rows {
		r := &g.Rows[i]
		in := Range(r.From, r.From+g.Width)
		more := minus(in, r.Final)
		r.Blocks = slices.Clone(r.Blocks)
		r.Blocks[len(r.Blocks)-1] = Block{Layer: last, Attends: true, In: in, Out: union(r.Final, more[len(more)-(n-len(r.Final)):])}
	}
}

// sortByEdits puts rows side by side that the same formulas change, where gradients of
// their tensors are wanted: a formula costs all rows of a chunk.
func (b *Batch) sortByEdits(g *Group) {
	if len(b.Job.Base.Weigh) == 0 {
		return
	}
	for i := range g.Rows {
		for e, edit := range b.Edits() {
			if _, ok := edit.Selects(i); edit.Op == hook.OpCompute && edit.Batch != nil && ok {
				g.Rows[i].key += fmt.Sprint(e, " ")
			}
		}
	}
	slices.SortStableFunc(g.Rows, func(x, y Row) int { return cmp.Compare(x.key, y.key) })
}

// A PassCost is what a run takes.
type PassCost struct {
	Rows, Chunks, Blocks int
	FLOPs                int64
	Kept, Memory         int64 // bytes: of what is given back; at the peak
}

// PassCost is what the run takes. The way back computes every block again, unless what
// it needs is kept, and twice its products, down to the lowest point, or tensor of a
// formula, whose gradient is taken.
func (b *Batch) PassCost() PassCost {
	g, job := b.Pass(), b.Job.Base
	edits := b.Edits()
	c := PassCost{Rows: len(g.Rows), Chunks: len(g.Chunks), Blocks: len(g.Rows[0].Blocks), Kept: b.held()}
	lowest := job.Until
	for _, p := range job.Grads {
		if !Final(p.Kind) {
			lowest = min(lowest, p.Layer)
		}
	}
	for _, e := range edits {
		weighed := slices.ContainsFunc(e.Formula.Tensors(), func(t formula.Step) bool { return slices.Contains(job.Weigh, t.Name) })
		if weighed && !Final(e.Kind) {
			lowest = min(lowest, e.Layer)
		}
	}
	for _, chunk := range g.Chunks {
		read := 0
		for _, r := range chunk.Rows {
			read += len(r.Final)
		}
		logits := 2*int64(read*b.DModel)*int64(b.columns()) + b.formulaFlops(edits, atEnd, 1, read, read)
		c.FLOPs += logits
		if g.Rows[0].Embeds {
			c.FLOPs += b.formulaFlops(edits, atEmbedding, chunk.Size, g.Width, g.Width)
		}
		for i, t := range g.Rows[0].Blocks {
			keys, outs := b.widths(g, i)
			n := blockFlops(b.Config, t, chunk.Size, keys, outs, g.Past) + b.formulaFlops(edits, inBlock(t.Layer), chunk.Size, keys, outs)
			c.FLOPs += n
			if t.Layer >= lowest {
				c.FLOPs += 2 * int64(len(job.GradOf)) * n
				if !job.Soft || b.Keeps(chunk.Size*g.Width, len(g.Rows[0].Blocks)) == nil {
					c.FLOPs += n
				}
			}
		}
		c.FLOPs += 2 * int64(len(job.GradOf)) * logits
	}
	c.Memory = c.Kept + b.passBytes(job.Most)
	return c
}

// TallyCost is what it takes to reduce the captures of a job, of which nothing is kept
// but states of so many bytes.
func (b *Batch) TallyCost(states int64) PassCost {
	c, g := b.PassCost(), b.Pass()
	rows := min(g.Batch, len(g.Rows))
	block := b.blockBytes(Block{Attends: true}, nil, rows, g.Width, g.Width, 0, 0, false)
	if b.Exact { // elsewhere what is reduced is read where it lies
		block += b.readBytes(rows, g.Width)
	}
	c.Kept = states
	c.Memory = states + block*int64(min(b.Workers, len(g.Chunks)))
	return c
}

// attending are blocks that compute attention for all positions.
func attending(from, until int) []Block {
	blocks := make([]Block, 0, max(0, until-from))
	for l := from; l < until; l++ {
		blocks = append(blocks, Block{Layer: l, Attends: true})
	}
	return blocks
}

// cut makes chunks of neighbouring rows.
func (g *Group) cut(m Machine) {
	for rest := g.Rows; len(rest) > 0; {
		n := min(g.Batch, len(rest))
		if k := slices.IndexFunc(rest[:n], func(r Row) bool { return r.key != rest[0].key }); k > 0 {
			n = k
		}
		size := g.Batch
		if m.Exact || n < g.Batch && n < len(rest) {
			size = m.Padded(n)
		}
		g.Chunks, rest = append(g.Chunks, Chunk{rest[:n], size}), rest[n:]
	}
}

// readOfFinal are the positions of a row whose unembedding something reads or
// differentiates.
func (b *Batch) readOfFinal(row int) []int {
	reads := b.wanted(row, func(id hook.ID) bool { return Final(id.Kind) })
	for _, p := range b.Job.Base.Grads {
		if Final(p.Kind) {
			reads = union(reads, b.at(p, row))
		}
	}
	for _, m := range b.Job.Base.Metrics {
		if m.Linear == nil {
			reads = union(reads, sorted(m.At(row)))
		}
	}
	return reads
}
