package plan

import (
	"fmt"
	"slices"
	"strings"

	"github.com/golens/golens/model/config"
	"github.com/golens/golens/model/hook"
)

// A Row is what one row of one variant must compute: the blocks that it runs,
// and at which positions.
type Row struct {
	Variant, Index int  // which variant, and which row of the batch
	Embeds         bool // the embedding runs; else the row starts from what the base run left
	Blocks         []Block
	Final          []int // positions unembedded; nil for none
	From, End      int   // positions of the blocks that compute attention
	key            string
}

// A Block is one block of a row. It computes attention (Attends), or what comes
// of attention is the base run's with the variant's edits.
type Block struct {
	Layer                       int
	Attends                     bool
	GivenZ, GivenAttn, GivenMLP bool  // not computed
	In                          []int // positions of the residual stream into the block
	Out                         []int // those of them that are computed
}

// wanted are the positions of a row that the sweep reads of the activations of
// a block in the given part, or of the unembedding.
func (b *Batch) wanted(row int, in func(hook.ID) bool) []int {
	var all []int
	for _, p := range b.Points {
		if in(p.ID) {
			all = union(all, b.at(p, row))
		}
	}
	return all
}

// row finds what a row of a variant must compute; ok is false if nothing that
// is read can change.
func (b *Batch) row(vi, row int) (c Row, ok bool) {
	v, n, layers := b.Variants[vi], b.Lens[row], b.Config.Layers
	c = Row{Variant: vi, Index: row, From: n}
	changed := make([][]int, layers+1)
	for _, id := range EmbedIDs {
		changed[0] = union(changed[0], b.changes(v.Edits[id], v, row))
	}
	c.Embeds = len(changed[0]) > 0
	blocks := make([]reach, layers)
	for l := range layers {
		blocks[l] = b.reach(l, changed[l], v, row)
		changed[l+1] = blocks[l].out
	}
	final := changed[layers]
	for _, id := range FinalIDs {
		final = union(final, b.changes(v.Edits[id], v, row))
	}
	reads := b.wanted(row, func(id hook.ID) bool { return Final(id.Kind) })
	for _, m := range b.Job.Base.Metrics {
		if m.Linear == nil {
			reads = union(reads, sorted(m.At(row)))
		}
	}
	c.Final = b.padded(meet(reads, final), reads)
	need := meet(c.Final, changed[layers])
	steps := make([]Block, layers)
	start := layers
	for l := layers - 1; l >= 0; l-- {
		r := blocks[l]
		part := func(pre bool) []int {
			return b.wanted(row, func(id hook.ID) bool {
				return !id.Kind.Global() && id.Layer == l && (PartOf(b.Config, id.Kind) <= PartBoth) == pre
			})
		}
		all := union(r.out, union(r.keys, r.queries))
		earliest := first(all, n)
		if len(all) > 0 && v.blocks[l].seesAll {
			earliest = 0
		}
		early := meet(part(true), Range(earliest, n))
		inside := meet(part(false), union(all, union(r.inside, union(r.attention, r.mlp))))
		t := Block{Layer: l, Out: union(need, union(early, inside))}
		if l == 0 { // the embedding runs where the first block does
			t.Out = union(t.Out, meet(changed[0], b.wanted(row, func(id hook.ID) bool { return Embedding(id.Kind) })))
		}
		if len(t.Out) == 0 {
			need = nil
			steps[l] = t
			continue
		}
		start = l
		t.Attends = len(meet(r.attention, t.Out)) > 0 || len(early) > 0
		below := meet(r.in, changed[l]) // what the block reads of the one below, and the base run does not have
		need = meet(t.Out, below)
		if t.Attends {
			c.From = min(c.From, first(r.keys, n), t.Out[0])
			last := t.Out[len(t.Out)-1]
			if v.blocks[l].seesAll {
				last = n - 1
			}
			if b.Config.Encoder || b.Config.QKNorm != "" && b.Config.Position != config.PosRotary { // no hook has the keys as they are used
				c.From = 0
			}
			c.End = max(c.End, last+1)
			need = before(below, last+1)
		} else {
			t.GivenZ = v.blocks[l].touchZ
			t.GivenAttn = !t.GivenZ
			t.GivenMLP = !b.Config.AttnOnly() && len(meet(r.mlp, t.Out)) == 0 && !v.blocks[l].touchMLP
		}
		steps[l] = t
	}
	c.Embeds = c.Embeds && start == 0
	c.Blocks = steps[start:]
	for len(c.Blocks) > 0 && c.Final == nil && len(c.Blocks[len(c.Blocks)-1].Out) == 0 {
		c.Blocks = c.Blocks[:len(c.Blocks)-1]
	}
	b.settle(&c)
	return c, len(c.Blocks) > 0 || c.Final != nil
}

// settle sets the positions of the residual stream into each block. Blocks that
// compute attention get all from the first changed position on.
func (b *Batch) settle(c *Row) {
	later := false
	for i := len(c.Blocks) - 1; i >= 0; i-- {
		t := &c.Blocks[i]
		if len(t.Out) == 0 { // nothing is read here, but later layers run
			t.Out, t.GivenAttn, t.GivenMLP = []int{min(c.From, b.Lens[c.Index]-1)}, true, !b.Config.AttnOnly()
		}
		switch {
		case t.Attends && later:
			t.In = Range(c.From, c.End)
			t.Out = t.In
		case t.Attends:
			t.In = Range(c.From, c.End)
			t.Out = b.padded(t.Out, t.In)
		default:
			t.In = t.Out
		}
		later = later || t.Attends
	}
}

// padded adds positions to some of all, the last ones first, where graphs take
// long to compile, so that fewer are needed.
func (b *Batch) padded(some, all []int) []int {
	more := min(b.round(len(some)), len(all)) - len(some)
	if len(some) == 0 || more <= 0 {
		return some
	}
	rest := minus(all, some)
	return union(some, rest[len(rest)-more:])
}

// key is equal for courses that the same graphs can run.
func (b *Batch) key(c Row) string {
	var k strings.Builder
	width := 0
	if c.End > 0 {
		width = b.round(c.End - c.From)
	}
	fmt.Fprint(&k, c.Embeds, len(c.Final), " width ", width)
	for _, t := range c.Blocks {
		outs, keys := len(t.Out), len(t.In)
		if t.Attends {
			keys = -1
			if len(t.Out) == len(t.In) {
				outs = -1
			}
		}
		fmt.Fprint(&k, " ", t.Layer, t.Attends, t.GivenZ, t.GivenAttn, t.GivenMLP, keys, outs, b.Variants[c.Variant].blocks[t.Layer].slots)
	}
	for _, id := range slices.Concat(EmbedIDs, FinalIDs) {
		if edits := b.EditsOf(c.Variant, id); len(edits) > 0 {
			slots, _ := Slots(edits)
			fmt.Fprint(&k, slots)
		}
	}
	return k.String()
}
