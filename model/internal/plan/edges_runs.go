package plan

import (
	"cmp"
	"slices"

	"github.com/golens/golens/model/hook"
)

// A Convoy is runs that go through the blocks together, each from the first that its edits
// change, with what the base run has there, to the metric and back to there.
type Convoy struct {
	Runs   []int
	Embeds []Lot   // of those that start from embeddings of their own
	Lots   [][]Lot // of each layer, and behind the last
}

// A Lot is runs that are rows of one call, which are edited alike there.
type Lot struct {
	Runs []int
	Base bool // they are the base run itself
	Ends bool // the last block computes the ends alone
}

const (
	// runTokens bounds the tokens of a call of several runs.
	runTokens = 512
	// convoyMost bounds the bytes of what a convoy keeps for the way back.
	convoyMost = 320 << 20
)

// Convoys are runs with such edits, in the order of their first ones, as many together as
// keep no more than so many bytes. The batch has them as variants.
func (p *Edges) Convoys(runs [][]hook.Edit) (b *Batch, all []Convoy) {
	sweep := Sweep{Base: p.EdgeJob.Base}
	for _, edits := range runs {
		sweep.Variants = append(sweep.Variants, Variant{Edits: edits})
	}
	b = NewBatch(p.Machine, sweep)
	order := slices.Clone(hook.UpTo(len(runs)))
	slices.SortStableFunc(order, func(i, j int) int { return cmp.Compare(p.Start(runs[i]), p.Start(runs[j])) })
	call := p.perCall()
	for len(order) > 0 {
		n := 0
		for held := int64(0); n < len(order); n++ {
			if held += p.runBytes(runs[order[n]]); n > 0 && held > convoyMost {
				break
			}
		}
		if n < len(order) && n > call {
			n -= n % call
		}
		all, order = append(all, p.convoy(b, runs, order[:n])), order[n:]
	}
	return b, all
}

// perCall is how many runs are rows of one call at most.
func (p *Edges) perCall() int { return max(1, runTokens/(p.Rows.Batch*p.Rows.Width)) }

// runBytes is what a run keeps for the way back.
func (p *Edges) runBytes(edits []hook.Edit) int64 {
	tokens := p.Rows.Batch * p.Rows.Width
	n := p.DModel
	if p.Keeps(tokens*p.perCall(), p.Layers) != nil {
		n += keptOf(p.Config)
	}
	return int64(4*tokens*n) * int64(max(1, p.Layers-p.Start(edits)))
}

// convoy finds the calls of a convoy.
func (p *Edges) convoy(b *Batch, runs [][]hook.Edit, order []int) Convoy {
	c := Convoy{Runs: order}
	var on, embed []int
	ends := map[int]bool{}
	for layer := range p.Layers + 1 {
		for _, run := range order {
			if p.Start(runs[run]) != layer {
				continue
			}
			on = append(on, run)
			if embeds(runs[run]) {
				embed = append(embed, run)
			}
		}
		c.Lots = append(c.Lots, p.lots(b, layer, on, ends))
	}
	c.Embeds = p.alike(b, embed, EmbedIDs, func(int) any { return nil })
	return c
}

// lots are the calls of runs in a layer, or behind the last. Those that are not edited in
// the last layer compute its ends, but for single runs that would have graphs of their own.
func (p *Edges) lots(b *Batch, layer int, runs []int, ends map[int]bool) []Lot {
	ids := FinalIDs
	if layer < p.Layers {
		ids = nil
		for _, k := range b.kinds {
			ids = append(ids, hook.ID{Kind: k, Layer: layer})
		}
	}
	type kind struct{ base, behind, ends bool }
	of := func(run int) any {
		edits := b.Job.Variants[run].Edits
		return kind{len(edits) == 0, p.Start(edits) == p.Layers, ends[run]}
	}
	lots := p.alike(b, runs, ids, of)
	for i := range lots {
		l := &lots[i]
		k := of(l.Runs[0]).(kind)
		l.Base, l.Ends = k.base, k.ends
		if layer == p.Layers-1 && (p.Exact || len(l.Runs) == p.perCall()) && b.Alike(l.Runs[0], ids) == "" && p.Ends != nil {
			l.Ends = true
			for _, run := range l.Runs {
				ends[run] = true
			}
		}
	}
	return lots
}

// alike puts runs of a kind whose edits of some activations one call makes together. Where
// graphs take long to compile they are full or of one run.
func (p *Edges) alike(b *Batch, runs []int, ids []hook.ID, of func(run int) any) (lots []Lot) {
	type class struct {
		kind  any
		edits string
	}
	var classes []class
	by := map[class][]int{}
	for _, run := range runs {
		c := class{of(run), b.Alike(run, ids)}
		if by[c] == nil {
			classes = append(classes, c)
		}
		by[c] = append(by[c], run)
	}
	for _, c := range classes {
		for list := by[c]; len(list) > 0; {
			n := min(p.perCall(), len(list))
			if n < p.perCall() && !p.Exact {
				n = 1
			}
			lots, list = append(lots, Lot{Runs: list[:n]}), list[n:]
		}
	}
	return lots
}

// embeds tells whether edits change embeddings.
func embeds(edits []hook.Edit) bool {
	return slices.ContainsFunc(edits, func(e hook.Edit) bool { return e.Kind.Global() && !Final(e.Kind) })
}

// Start is the layer in which a run leaves the base run, the number of layers if none is.
func (p *Edges) Start(edits []hook.Edit) int { return min(p.FirstEdited(edits), p.Layers) }
