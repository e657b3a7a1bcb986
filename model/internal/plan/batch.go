package plan

import (
	"slices"
	"strings"

	"github.com/golens/golens/model/hook"
)

// A Batch is a batch of rows and variants of it, each with edits of its own,
// and what is read of them. A run is a batch with one variant and no base run
// to start from; so is a generation.
type Batch struct {
	Machine
	Job      Sweep
	Lens     []int // tokens of each row
	Longest  int   // of them
	Source   Lens  // of the source run, if there is one
	Variants []Changes
	Points   []hook.Point // what is read of every variant: captures and linear metrics

	// What the groups of a plan use of the base and of the source run, and the
	// most rows of a chunk of these, 0 for as many as run well.
	Needs struct{ Base, Source []hook.Point }
	Most  int

	kinds  []hook.Kind
	common bool // base and source give [CommonReads]
	whole  bool // logits are read, or changed, not only those of metrics' tokens
}

// Lens are the tokens of rows, and the most of them.
type Lens struct {
	Each    []int
	Longest int
}

// Changes are a variant's own edits by activation, and what planning asks of
// each block, whatever the row.
type Changes struct {
	Edits  map[hook.ID][]hook.Edit
	Rows   []int
	Donors []int // of each row of the base, if there is a source
	same   []int // first position in each row at which the source run may differ from the base run
	blocks []blockEdits
}

// blockEdits is what a variant does in a block.
type blockEdits struct {
	any      bool   // it has edits of its own there
	seesAll  bool   // queries may see what comes after them
	touchZ   bool   // edits or captures are at z and what is made of it, before attn_out
	touchMLP bool   // or inside the MLP
	slots    string // equal where the same graphs serve, base edits included
}

func lensOf(tokens [][]int32) (l Lens) {
	for _, row := range tokens {
		l.Each = append(l.Each, len(row))
		l.Longest = max(l.Longest, len(row))
	}
	return l
}

// NewBatch sorts the edits of a sweep by activation.
func NewBatch(m Machine, job Sweep) *Batch {
	b := &Batch{Machine: m, Job: job, Points: slices.Clone(job.Captures), kinds: m.BlockKinds()}
	lens := lensOf(job.Base.Tokens)
	b.Lens, b.Longest = lens.Each, lens.Longest
	if job.Source != nil {
		b.Source = lensOf(job.Source.Tokens)
	}
	for _, m := range job.Base.Metrics {
		if m.Linear != nil {
			b.Points = append(b.Points, m.Linear.Point)
		}
	}
	all := hook.UpTo(len(b.Lens))
	b.Points = append(b.Points, formulaReads(job)...)
	for _, v := range job.Variants {
		w := Changes{Edits: map[hook.ID][]hook.Edit{}, Rows: v.Rows, Donors: v.Donors}
		if v.Rows == nil {
			w.Rows = all
		}
		if v.Donors == nil {
			w.Donors = all
		}
		if slices.ContainsFunc(v.Edits, func(e hook.Edit) bool { return e.Op == hook.OpSource }) {
			for r, donor := range w.Donors {
				w.same = append(w.same, b.agree(r, donor))
			}
		}
		for _, e := range v.Edits {
			w.Edits[e.ID] = append(w.Edits[e.ID], e)
		}
		b.Variants = append(b.Variants, w)
	}
	b.whole = b.readsWholeLogits()
	for v := range b.Variants {
		for l := range b.Layers {
			b.Variants[v].blocks = append(b.Variants[v].blocks, b.blockEdits(v, l))
		}
	}
	return b
}

func (b *Batch) blockEdits(v, l int) blockEdits {
	w := b.Variants[v]
	e := blockEdits{
		seesAll:  b.seesAll(l, w),
		touchZ:   b.touches(v, l, PartZ) || b.dragsIn(l),
		touchMLP: b.touches(v, l, PartMLP) || b.dragsIn(l),
	}
	for id := range w.Edits {
		e.any = e.any || id.Layer == l && !id.Kind.Global()
	}
	var slots strings.Builder
	if e.any || len(b.Job.Base.Edits) > 0 {
		for _, k := range b.kinds {
			id := hook.ID{Kind: k, Layer: l}
			if edits := b.EditsOf(v, id); len(edits) > 0 {
				list, _ := Slots(edits)
				slots.WriteString(key(list))
				if b.InGraph(v, id) { // its own may stand alone
					list, _ := Slots(w.Edits[id])
					slots.WriteString(" own " + key(list))
				}
			}
		}
	}
	e.slots = slots.String()
	return e
}

// agree is how many leading positions of a row have equal activations in the
// base and, in the donor's row, in the source run: as many as have equal tokens,
// since no position sees what comes after it.
func (b *Batch) agree(row, donor int) int {
	if b.Config.Encoder || len(b.Job.Base.Edits)+len(b.Job.Source.Edits) > 0 {
		return 0
	}
	x, y := b.Job.Base.Tokens[row], b.Job.Source.Tokens[donor]
	n := 0
	for n < min(len(x), len(y)) && x[n] == y[n] {
		n++
	}
	return n
}

// EditsOf are the edits of an activation in a variant: the base's, then its own.
func (b *Batch) EditsOf(v int, id hook.ID) []hook.Edit {
	var all []hook.Edit
	for _, e := range b.Job.Base.Edits {
		if e.ID == id {
			all = append(all, e)
		}
	}
	return append(all, b.Variants[v].Edits[id]...)
}

// Alike is equal for variants of which the same call makes the edits at some activations.
func (b *Batch) Alike(v int, ids []hook.ID) string {
	var all strings.Builder
	for _, id := range ids {
		slots, _ := Slots(b.EditsOf(v, id))
		all.WriteString(key(slots))
	}
	return all.String()
}

// touches tells whether a variant's edit or a capture is in a part of a block.
func (b *Batch) touches(v, layer int, part Part) bool {
	which := func(k hook.Kind) bool { return PartOf(b.Config, k) == part }
	for id := range b.Variants[v].Edits {
		if id.Layer == layer && !id.Kind.Global() && which(id.Kind) {
			return true
		}
	}
	return slices.ContainsFunc(b.Points, func(p hook.Point) bool { return p.Layer == layer && !p.Kind.Global() && which(p.Kind) })
}

// TokensOf are the only tokens whose logits are read of a row, nil for all.
func (b *Batch) TokensOf(row int) (ids []int32) {
	if b.whole {
		return nil
	}
	for _, m := range b.Job.Base.Metrics {
		if m.Linear == nil {
			ids = append(ids, m.Tokens(row)...)
		}
	}
	return ids
}

// readsWholeLogits tells whether somebody reads, or changes, logits other than
// those of a metric's tokens.
func (b *Batch) readsWholeLogits() bool {
	logits := hook.Logits().ID
	return slices.ContainsFunc(b.Job.Base.Metrics, func(m Objective) bool { return m.Linear == nil && m.Tokens == nil }) ||
		slices.ContainsFunc(b.Points, func(p hook.Point) bool { return p.ID == logits }) ||
		slices.ContainsFunc(b.Job.Base.Edits, func(e hook.Edit) bool { return e.ID == logits }) ||
		slices.ContainsFunc(b.Variants, func(v Changes) bool { return len(v.Edits[logits]) > 0 })
}

// Ragged tells whether rows have other lengths than each other.
func (b *Batch) Ragged() bool { return len(b.Lens) > 0 && slices.Min(b.Lens) < b.Longest }
