package plan

import (
	"cmp"
	"slices"

	"github.com/golens/golens/model/hook"
)

// ScoreCost is what it takes to score all edges by the gradients of runs with such
// edits, or, if shares is not 0, of so many cuts.
//
// Each run goes back to its first edit, and one way from there serves all. The way back
// through a block is twice its products, and the block once more where the base run could
// not keep its inside; those that bring gradients to what each head reads; and those of
// gradients and senders, which are of whole stacks unless the host makes them.
func (p *Edges) ScoreCost(runs [][]hook.Edit, shares int, byPosition bool) PassCost {
	c, g, width := p.Config, p.Graph, p.Rows.Width
	rows, layers := int64(len(p.Rows.Chunks)*p.Rows.Batch), int64(c.Layers)
	if p.Exact {
		rows = int64(len(p.Lens))
	}
	block := rows * blockFlops(c, Block{Attends: true}, 1, width, width, 0)
	read := 0
	for _, r := range p.Rows.Rows {
		read += len(r.Final)
	}
	logits := 2 * int64(read*c.DModel) * int64(p.columns())
	token := 2 * rows * int64(width*c.DModel) // of one product of a receiver and a sender
	products, reads := make([]int64, c.Layers+1), c.Heads+2*c.KVHeads
	for r, to := range g.Receivers {
		before, layer := len(g.Senders), to.Layer
		switch {
		case to.Kind == hook.KindResidPost:
			layer = c.Layers
		case shares > 0 && p.Exact, shares == 0 && p.Vectors:
			before = g.Before(r)
		case shares == 0 && to.Kind != hook.KindMLPIn:
			before = p.inStacks(p.StacksBefore(to.Layer))
		}
		products[layer] += token * int64(before)
	}
	cost := PassCost{Rows: len(p.Lens), Chunks: len(p.Rows.Chunks), Blocks: c.Layers}
	if p.EdgeJob.Source != nil {
		cost.FLOPs = layers * block
		if p.Mean {
			cost.FLOPs = cost.FLOPs / rows * int64(len(p.EdgeJob.Source.Tokens))
		}
	}
	stream := int64(4 * p.Rows.Batch * width * c.DModel)
	senders := int64(len(g.Senders))
	worker := p.blockBytes(Block{Attends: true}, nil, p.Rows.Batch, width, width, 0, 0, true) + stream*layers
	if p.EdgeJob.Source != nil {
		worker += stream * (senders + 2*layers)
	}
	if shares > 0 {
		all := layers * block
		for _, p := range products {
			all += p
		}
		cost.FLOPs += int64(shares) * (4*all + 3*logits)
		worker += stream * (5*senders + int64(2*g.Reads()))
	} else {
		inputs, again, inside := token*int64(reads*c.DHead), block, int64(0)
		if tokens := p.Rows.Batch * width; p.Keeps(tokens, c.Layers) != nil {
			again, inside = 0, int64(4*tokens*keptOf(c))*layers
		}
		back := func(from, to int) { // through layers from..to-1
			for _, products := range products[from:to] {
				cost.FLOPs += again + 2*block + inputs + products
			}
		}
		cost.FLOPs += layers*block + logits + products[c.Layers]
		highest, edited := 0, false
		for _, edits := range runs {
			cost.FLOPs += 2 * logits
			first := p.FirstEdited(edits)
			if first <= c.Layers {
				cost.FLOPs += int64(c.Layers-first)*block + logits
			}
			first = min(first, c.Layers)
			back(first, c.Layers)
			highest = max(highest, first)
			edited = edited || len(edits) > 0
		}
		back(0, highest)
		if edited { // one at a time
			worker += stream*layers + inside
		}
		worker += stream * min(int64(len(runs)), layers+1)
		receivers := 2 * int64(g.Reads())
		if p.Vectors {
			receivers = int64(min(Together, c.Layers)+1) * int64(g.Reads())
		}
		worker += inside + stream*(2*senders+receivers+layers)
	}
	cost.Kept = 4 * int64(len(p.Lens)*len(g.Receivers)) * senders
	if byPosition {
		cost.Kept *= int64(p.Longest)
	}
	cost.Memory = cost.Kept + int64(p.Outer)*worker
	return cost
}

// inStacks is how many senders the first n stacks have.
func (p *Edges) inStacks(n int) (senders int) {
	groups := 0
	for _, size := range p.Stacks()[:n] {
		groups += size
	}
	for g := range groups {
		senders += p.Width(g)
	}
	return senders
}

// FirstEdited is the first layer that edits of a run change: the number of layers if
// only what follows them is, one more for nothing.
func (p *Edges) FirstEdited(edits []hook.Edit) int {
	first := p.Layers + 1
	for _, e := range edits {
		switch {
		case Final(e.Kind):
			first = min(first, p.Layers)
		case e.Kind.Global():
			first = 0
		default:
			first = min(first, e.Layer)
		}
	}
	return first
}

// PerCall is how many runs are rows of one call at most, a power of two: enough for
// products to reach their speed.
func (p *Edges) PerCall() int {
	n := 1
	for 2*n*p.Rows.Batch*p.Rows.Width <= runTokens {
		n *= 2
	}
	return n
}

// runTokens bounds the tokens of a call of several runs.
const runTokens = 512

// Convoys are runs by their first edits, those together that go through the blocks at one
// time: as many as keep no more for the way back than so many bytes, of full calls.
func (p *Edges) Convoys(runs [][]hook.Edit) (all [][]int) {
	order := slices.Clone(hook.UpTo(len(runs)))
	slices.SortStableFunc(order, func(i, j int) int { return cmp.Compare(p.FirstEdited(runs[i]), p.FirstEdited(runs[j])) })
	kept, call := p.runBytes(), p.PerCall()
	for len(order) > 0 {
		n, held := 0, int64(0)
		for ; n < len(order) && (n == 0 || held < convoyMost); n++ {
			held += kept * int64(max(1, p.Layers-p.FirstEdited(runs[order[n]])))
		}
		if n < len(order) && n > call {
			n -= n % call
		}
		all, order = append(all, order[:n]), order[n:]
	}
	return all
}

// convoyMost bounds the bytes of what runs of a convoy keep.
const convoyMost = 256 << 20

// runBytes is what a run keeps of a block for the way back.
func (p *Edges) runBytes() int64 {
	tokens := p.Rows.Batch * p.Rows.Width
	n := p.DModel
	if p.Keeps(tokens*p.PerCall(), p.Layers) != nil {
		n += keptOf(p.Config)
	}
	return int64(4 * tokens * n)
}
