package plan

import "github.com/golens/golens/model/hook"

// ScoreCost is what it takes to score all edges by the gradients of runs with such
// edits, or, if shares is not 0, of so many cuts.
//
// Each run goes back to its first edit, and one way from there serves all. The way back
// through a block is twice its products, and the block once more where its inside could
// not be kept; those that bring gradients to what each head reads, once for the runs of a
// call; and those of gradients and senders, once for a convoy, which are of whole stacks
// unless the host makes them.
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
	worker := stream * layers
	pool := func(runs int) int64 {
		return p.blockBytes(Block{Attends: true}, nil, runs*p.Rows.Batch, width, width, 0, 0, true)
	}
	if p.EdgeJob.Source != nil {
		worker += stream * (senders + 2*layers)
	}
	if shares > 0 {
		all := layers * block
		for _, p := range products {
			all += p
		}
		cost.FLOPs += int64(shares) * (4*all + 3*logits)
		worker += pool(1) + stream*(5*senders+int64(2*g.Reads()))
	} else {
		inputs, tokens := token*int64(reads*c.DHead), p.Rows.Batch*width
		through := func(block int64, runs int) int64 { // the way back of so many
			n := 2 * block
			if p.Keeps(runs*tokens, c.Layers) == nil {
				n += block
			}
			return int64(runs)*n + inputs
		}
		ended := block
		if p.Ends != nil {
			ended = rows * blockFlops(c, Block{Attends: true}, 1, width, len(p.Ends[0]), 0)
		}
		cost.FLOPs += layers*block + logits + products[c.Layers]
		highest, most, kept := 0, 1, int64(0)
		_, convoys := p.Convoys(runs)
		for _, convoy := range convoys {
			held := int64(0)
			for _, run := range convoy.Runs {
				highest = max(highest, p.Start(runs[run]))
				if len(runs[run]) > 0 {
					held += p.runBytes(runs[run])
				}
			}
			kept = max(kept, held)
			for layer, lots := range convoy.Lots {
				for _, lot := range lots {
					n, block := len(lot.Runs), block
					if lot.Ends {
						block = ended
					}
					most = max(most, n)
					switch {
					case layer < c.Layers:
						cost.FLOPs += int64(n)*block + through(block, n)
					case lot.Base:
						cost.FLOPs += int64(n) * 2 * logits
					default:
						cost.FLOPs += int64(n) * 3 * logits
					}
				}
				if len(lots) > 0 && layer < c.Layers {
					cost.FLOPs += products[layer]
				}
			}
		}
		for _, products := range products[:highest] {
			cost.FLOPs += through(block, 1) + products
		}
		worker += pool(most) + kept + stream*min(int64(len(runs)), layers+1)
		if p.Keeps(tokens, c.Layers) != nil {
			worker += int64(4*tokens*keptOf(c)) * layers
		}
		receivers := 2 * int64(g.Reads())
		if p.Vectors {
			receivers = int64(min(Together, c.Layers)+1) * int64(g.Reads())
		}
		if len(runs) > 1 { // zeros
			receivers += int64(g.Reads())
		}
		worker += stream * (2*senders + receivers + layers)
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
