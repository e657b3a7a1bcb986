package plan

import (
	"fmt"
	"slices"

	"github.com/golens/golens/model/config"
	"github.com/golens/golens/model/edge"
	"github.com/golens/golens/model/hook"
)

// An EdgeJob is a checked request for runs in which edges are cut.
type EdgeJob struct {
	Base   Job // tokens and metrics of logits
	Source *Job
	Donors []int // for each row of the base, the row of the source; nil means the same
	Mean   bool  // the reference is the mean of the source's rows at each position
	// WholeEmbedding makes the first sender all that enters the first block.
	WholeEmbedding bool
	Graph          *edge.Graph
	Cuts           []edge.Cut // one per variant
	Key            string     // names the base and the reference, whose runs the next job may use; if not empty
	Scores         bool       // gradients of receivers are taken
	Budget         int64
	Done           func(rows int)
}

// Together is how many layers' gradients the host multiplies together with what senders
// wrote, which is far away by then.
const Together = 4

// edgeTokens bounds batch*pos of one call: what senders write takes a hundred times
// the memory of the residual stream, and is read fastest where it was just written.
// Small models take more, as far as that stays small; so do scores, whose products are
// made of large matrices.
func edgeTokens(m Machine, g *edge.Graph, scores bool) int {
	const bytes = 16 << 20
	least, most := 256, 1024
	if scores {
		least, most = 512, 2048
	}
	return min(most, max(least, bytes/(4*m.DModel*len(g.Senders))))
}

// An EdgeCost says what cutting edges runs and costs.
type EdgeCost struct {
	Rows, Same      int   // rows of variants that run, and that cut nothing
	FLOPs           int64 // of the variants
	Base            int64 // of the base and the reference run
	Naive           int64 // of one full pass for each variant
	Memory          int64 // held at most beside the weights, in bytes
	Calls           int   // of the last block
	Starts          []int // variants by the first layer whose receivers lack something; the last counts the final stream alone
	RowsPerCall     int
	VariantsPerCall int
}

// Edges is how an EdgeJob is cut up. A call does some rows of some variants.
type Edges struct {
	EdgeJob
	*Batch             // of the base; variants have no edits
	Rows   *Group      // of the base run, in chunks
	Lists  [][]int     // variants of a call, which share their start
	Same   []int       // variants that cut nothing
	Starts []int       // of each variant: the first layer that lacks anything
	Uses   []*Uses     // of each variant
	Ends   [][]int     // of each row, the positions that the last block computes of variants, equally many; nil for all
	Common [][]HeadCut // [start]: what all variants cut of each key-value head of the layer in which they start, if there are several
	Most   int         // variants of a call
	Apart  bool        // heads can be computed without others
	Outer  int         // chunks of rows side by side
	Inner  int         // lists of variants of each side by side
}

// Uses says which groups of senders the sections lack anything of. Sections are
// the attention and the MLP of each layer, and the final residual stream; groups are
// the embedding and what each layer writes.
type Uses struct {
	At   [][]bool // [section][group]
	Rest []bool   // [section]: some receiver starts from the reference's stream
	// Live tells of a sender that something comes of what it writes; of others whatever
	// they write is as good.
	Live []bool
	// Inverse tells of a receiver that it does, since more than half of its edges
	// are cut: what is kept is added. Of one variant.
	Inverse []bool
}

// Any tells whether a section reads anything else than the stream of its run.
func (u *Uses) Any(section int) bool { return u.Rest[section] || slices.Contains(u.At[section], true) }

// Later tells whether anything that reads after a layer's attention lacks what the
// layer writes.
func (u *Uses) Later(layer int) bool {
	for _, section := range u.At[2*layer+1:] {
		if section[layer+1] {
			return true
		}
	}
	return false
}

// Together are the uses of several variants.
func (p *Edges) Together(list []int) *Uses {
	u := &Uses{Live: slices.Clone(p.Uses[list[0]].Live)}
	for _, v := range list[1:] {
		for s, live := range p.Uses[v].Live {
			u.Live[s] = u.Live[s] || live
		}
	}
	for i, section := range p.Uses[list[0]].At {
		u.At, u.Rest = append(u.At, slices.Clone(section)), append(u.Rest, p.Uses[list[0]].Rest[i])
		for _, v := range list[1:] {
			u.Rest[i] = u.Rest[i] || p.Uses[v].Rest[i]
			for g, has := range p.Uses[v].At[i] {
				u.At[i][g] = u.At[i][g] || has
			}
		}
	}
	return u
}

// Computed is what a layer must compute: key-value heads with the heads that they serve,
// but those that are given, if any, and the MLP. Where graphs take long to compile some
// more heads are among them, so that few numbers of them are compiled.
func (p *Edges) Computed(u *Uses, layer int, given []bool) (heads []int, mlp bool) {
	senders := p.Group(layer + 1)
	each := p.Heads / p.KVHeads
	var rest []int
	for h := range p.KVHeads {
		if slices.Contains(u.Live[senders[h*each]:][:each], true) && !(given != nil && given[h]) {
			heads = append(heads, h)
		} else {
			rest = append(rest, h)
		}
	}
	if quarter := (p.KVHeads + 3) / 4; !p.Exact && len(heads) > 1 {
		more := (len(heads)+quarter-1)/quarter*quarter - len(heads)
		heads = append(heads, rest[:min(more, len(rest))]...)
		slices.Sort(heads)
	}
	return heads, !p.AttnOnly() && u.Live[senders[p.Heads]]
}

// NewEdges finds where each variant starts and how many run together.
func NewEdges(m Machine, job EdgeJob) (*Edges, EdgeCost, error) {
	p, cost := &Edges{EdgeJob: job, Apart: m.NormAt == config.NormBefore && m.QKNorm != config.QKNormAll}, EdgeCost{}
	cost.Starts = make([]int, m.Layers+1)
	byStart := make([][]int, m.Layers+1)
	for v, c := range job.Cuts {
		u, start := usesOf(job.Graph, m.Layers, p.Apart, c)
		p.Uses, p.Starts = append(p.Uses, u), append(p.Starts, start)
		if start > m.Layers {
			p.Same = append(p.Same, v)
			continue
		}
		cost.Starts[start]++
		byStart[start] = append(byStart[start], v)
	}
	variants := 1
	for _, list := range byStart {
		variants = max(variants, len(list))
	}
	lens := lensOf(job.Base.Tokens)
	pos := m.passWidth(lens.Longest)
	tokens := edgeTokens(m, job.Graph, job.Scores)
	rows := min(len(lens.Each), max(1, tokens/pos))
	if m.Exact {
		rows = min(rows, (len(lens.Each)+m.Workers-1)/m.Workers)
	}
	most, workers := max(1, min(variants, tokens/(rows*pos))), max(m.Workers, m.Cores)
	budget := job.Budget
	if budget == 0 {
		budget = defaultBudget
	}
	for p.divide(m, byStart, rows, most, workers); p.held() > budget; p.divide(m, byStart, rows, most, workers) {
		switch {
		case workers > m.Workers:
			workers--
		case most > 1:
			most = (most + 1) / 2
		case rows > 1:
			rows = (rows + 1) / 2
		default:
			return nil, cost, fmt.Errorf("edges: one row of one variant needs %.1f MB; the budget is %.1f MB", float64(p.held())/1e6, float64(budget)/1e6)
		}
	}
	p.Common = make([][]HeadCut, m.Layers)
	for start, list := range byStart[:m.Layers] {
		if len(list) > 1 {
			p.Common[start] = p.HeadCuts(list, start)
		}
	}
	p.count(&cost)
	cost.Memory = p.held()
	return p, cost, nil
}

// divide shares out rows and variants, at most so many of a call, to workers.
func (p *Edges) divide(m Machine, byStart [][]int, rows, most, workers int) {
	base := p.EdgeJob.Base
	base.Most = rows
	p.Batch = NewBatch(m, Sweep{Base: base, Variants: make([]Variant, max(1, len(p.Cuts)))})
	p.Rows = p.Pass()
	p.Ends = p.ends()
	p.Outer = min(workers, len(p.Rows.Chunks))
	p.Inner = max(1, workers/p.Outer)
	p.Lists, p.Most = evenly(byStart, most, p.Inner)
}

// evenly puts variants that share their start into lists for workers of one chunk, of at
// most so many, or of half or a quarter of that if workers then end sooner by a tenth:
// few sizes are compiled.
func evenly(byStart [][]int, most, workers int) (lists [][]int, size int) {
	least := 0
	for n := most; n > 0 && (size == 0 || workers > 1); n /= 2 {
		var cut [][]int
		for _, list := range byStart {
			cut = slices.AppendSeq(cut, slices.Chunk(list, n))
		}
		if took := (len(cut) + workers - 1) / workers * n; size == 0 || 10*took < 9*least {
			lists, size, least = cut, n, took
		}
	}
	return lists, size
}

// ends are the positions that something reads of the last residual stream.
func (p *Edges) ends() [][]int {
	most := 0
	for _, r := range p.Rows.Rows {
		most = max(most, len(r.Final))
	}
	if most = p.round(most); most == 0 || most >= p.Rows.Width {
		return nil
	}
	ends := make([][]int, len(p.Lens))
	for _, r := range p.Rows.Rows {
		rest := minus(Range(0, p.Rows.Width), r.Final)
		ends[r.Index] = union(r.Final, rest[len(rest)-(most-len(r.Final)):])
	}
	return ends
}

// usesOf is what a cut uses, and the first layer that lacks anything: the
// number of layers where only the final stream does, one more for nothing.
func usesOf(g *edge.Graph, layers int, apart bool, c edge.Cut) (*Uses, int) {
	u, start := &Uses{Rest: make([]bool, 2*layers+1), Inverse: make([]bool, len(g.Receivers))}, layers+1
	for range 2*layers + 1 {
		u.At = append(u.At, make([]bool, layers+1))
	}
	if u.Live = g.Live(c); !apart { // a norm hangs on all heads
		u.Live = slices.Repeat([]bool{true}, len(g.Senders))
	}
	for r, p := range g.Receivers {
		if first, n := g.Feeds(r); n > 0 && !slices.Contains(u.Live[first:first+n], true) {
			continue
		}
		section := 2 * p.Layer
		switch p.Kind {
		case hook.KindMLPIn:
			section++
		case hook.KindResidPost:
			section = 2 * layers
		}
		gone, any := 0, false
		for s := range g.Before(r) {
			if g.Has(c, r, s) {
				any = true
				if !g.Keeps(c, r, s) {
					gone++
				}
			}
		}
		if !any {
			continue
		}
		start = min(start, section/2)
		if 2*gone > g.Before(r) {
			u.Inverse[r], u.Rest[section] = true, true
		}
		for s := range g.Before(r) {
			if u.Inverse[r] && g.Keeps(c, r, s) || !u.Inverse[r] && g.Has(c, r, s) {
				u.At[section][(s+g.Writes()-1)/g.Writes()] = true
			}
		}
	}
	return u, start
}

func streamBytes(m Machine, rows, pos int) int64 { return int64(4 * rows * pos * m.DModel) }

// baseStreams are how many residual streams the base and the reference run hold.
func baseStreams(m Machine, g *edge.Graph) int64 { return int64(2*len(g.Senders) + 3*m.Layers) }

// readStreams are how many the graph of a layer holds of what its receivers read: what they
// lack and what is left of the stream, and on the Go engine what their norms make of it too.
func readStreams(m Machine, g *edge.Graph) int64 {
	if m.Exact {
		return int64(4 * g.Reads())
	}
	return int64(2 * g.Reads())
}

// held is what is held at most: the base and reference runs of the chunks at work, with
// the base's senders once more side by side, as many of them as layers need, and its
// heads that variants share; and of as many lists of variants as are at work what these
// are given of heads, what they wrote that a receiver lacks and this side by side, what
// the receivers of a layer read and a block's inside.
func (p *Edges) held() (bytes int64) {
	stream, at := streamBytes(p.Machine, p.Rows.Batch, p.Rows.Width), min(p.Outer*p.Inner, len(p.Rows.Chunks)*len(p.Lists))
	base := map[int]bool{} // numbers of the base's senders that lie side by side
	for _, list := range p.Lists {
		u, start, n := p.Together(list), p.Starts[list[0]], len(list)
		if !p.Exact {
			n = p.Most
		}
		base[p.StackSize(1+start*p.Graph.Writes())] = true
		own, sizes := p.Heads, map[int]bool{} // of their own side by side
		for l := start; l < p.Layers; l++ {
			if u.Later(l) {
				own += n * p.Width(l+1)
			}
		}
		for _, groups := range u.At {
			beside := 0
			for g, lacks := range groups {
				if lacks && g > start {
					beside += p.Width(g)
				}
			}
			sizes[p.StackSize(beside)] = true
		}
		block := p.blockBytes(Block{Attends: true}, nil, n*p.Rows.Batch, p.Rows.Width, p.Rows.Width, 0, 0, false)
		bytes = max(bytes, block+stream*(int64(own+n*sum(sizes))+int64(n)*readStreams(p.Machine, p.Graph)))
	}
	return int64(p.Outer)*stream*(baseStreams(p.Machine, p.Graph)+int64(sum(base)+p.Heads)) + int64(at)*bytes
}

// sum adds up what a set holds.
func sum(set map[int]bool) (n int) {
	for k := range set {
		n += k
	}
	return n
}

// StackSize is a number of senders rounded up where graphs take long to compile.
func (p *Edges) StackSize(n int) int {
	quarter := (len(p.Graph.Senders) + 3) / 4
	if p.Exact || n <= 1 {
		return n
	}
	return min((n+quarter-1)/quarter*quarter, len(p.Graph.Senders))
}

// count adds up operations.
func (p *Edges) count(cost *EdgeCost) {
	tokens := int64(0)
	for _, n := range p.Lens {
		tokens += int64(n)
	}
	c := p.Config
	block := int64(2*(c.Params()-2*c.Vocab*c.DModel)/c.Layers) + int64(4*p.Rows.Width*c.Heads*c.DHead)
	cost.Base = tokens * block * int64(c.Layers)
	cost.Naive = cost.Base * int64(len(p.Cuts))
	if p.EdgeJob.Source != nil {
		cost.Base *= 2
	}
	cost.Same = len(p.Same) * len(p.Lens)
	cost.Rows = len(p.Cuts)*len(p.Lens) - cost.Same
	cost.Calls = len(p.Rows.Chunks) * len(p.Lists)
	cost.RowsPerCall, cost.VariantsPerCall = p.Rows.Batch, p.Most
	at, width := p.Rows.Width, p.Rows.Width
	if p.Ends != nil {
		at = len(p.Ends[0])
	}
	full := blockFlops(c, Block{Attends: true}, 1, width, width, 0)
	for _, list := range p.Lists {
		u, start, one := p.Together(list), p.Starts[list[0]], int64(0)
		given := make([][]bool, c.Layers+1)
		given[start] = p.given(list)
		wrote := make([]int, c.Layers+1) // senders of a group
		for g := range wrote {
			wrote[g] = p.Width(g)
		}
		for section, groups := range u.At {
			wide, few := 0, 1 // receivers that read at all positions, and at those that are read at the end
			if l := section / 2; l < c.Layers {
				heads, mlp := p.Computed(u, l, given[l])
				part, outs := c, width
				if part.Heads, part.KVHeads = len(heads)*c.Heads/c.KVHeads, len(heads); l == c.Layers-1 {
					outs = at
				}
				if section%2 == 0 {
					wide, few = 2*part.KVHeads, part.Heads
				} else {
					few = count(mlp)
				}
				if l < c.Layers-1 {
					wide, few = wide+few, 0
				}
				if section%2 == 0 && l >= start {
					one += block * blockFlops(part, Block{Attends: true, GivenMLP: !mlp}, 1, width, outs, 0) / full
					wrote[l+1] = part.Heads + count(mlp)
				}
			}
			for g, read := range groups {
				if read {
					one += int64(2*wrote[g]*c.DModel) * int64(wide*width+few*at) / int64(width)
				}
			}
		}
		cost.FLOPs += tokens * one * int64(len(list))
	}
}

func count(yes bool) int {
	if yes {
		return 1
	}
	return 0
}

// Width is how many senders a group has.
func (p *Edges) Width(group int) int {
	if group == 0 {
		return 1
	}
	return p.Graph.Writes()
}

// Stacks are how many groups lie side by side in each stack of senders: four stacks of
// about as many, since few wide products are faster than many of a layer each.
func (p *Edges) Stacks() (sizes []int) {
	n := p.Layers + 1
	for parts := min(4, n); parts > 0; parts-- {
		sizes = append(sizes, (n+parts-1)/parts)
		n -= sizes[len(sizes)-1]
	}
	return sizes
}

// StacksBefore is how many stacks hold what attention of a layer reads.
func (p *Edges) StacksBefore(layer int) (n int) {
	for groups := 0; groups <= layer; n++ {
		groups += p.Stacks()[n]
	}
	return n
}

// Group are the indices of a group's senders.
func (p *Edges) Group(group int) []int {
	if group == 0 {
		return []int{0}
	}
	first := 1 + (group-1)*p.Graph.Writes()
	return hook.UpTo(first + p.Graph.Writes())[first:]
}
