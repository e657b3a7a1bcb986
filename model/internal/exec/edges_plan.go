package exec

import (
	"fmt"
	"slices"

	"github.com/golens/golens/model/edge"
	"github.com/golens/golens/model/hook"
)

// edgeTokens bounds batch*pos of one call: what senders write takes two hundred
// times the memory of the residual stream.
const edgeTokens = 512

// An EdgePlan says what cutting edges runs and costs.
type EdgePlan struct {
	Rows, Same   int   // rows of variants that run, and that cut nothing
	FLOPs        int64 // of the variants
	Base         int64 // of the base and the reference run
	Naive        int64 // of one full pass for each variant
	Memory       int64 // held at most beside the weights, in bytes
	Chunks       int
	Starts       []int // variants by the first layer whose receivers lack something; the last counts the final stream alone
	RowsPerCall  int
	TimesPerCall int // variants of a call
}

// edgePlan is how the work is cut up.
type edgePlan struct {
	pieces       []*frame // of rows
	variants     [][]int  // lists of variants that share their start
	same         []int    // variants that cut nothing
	starts       []int    // of each variant: the first layer that lacks anything
	sections     []*uses  // of each variant
	most         int      // variants of a call
	outer, inner int      // workers
}

// uses says which groups of senders the sections lack anything of. Sections are
// the attention and the MLP of each layer, and the final residual stream.
type uses struct {
	at      [][]bool // [section][group]
	rest    []bool   // [section]: some receiver starts from the reference's stream
	inverse []bool   // [receiver]: it does, since more than half of its edges are cut; of one variant
}

func (u *uses) any(section int) bool { return u.rest[section] || slices.Contains(u.at[section], true) }

// later tells whether anything that reads after a layer's attention lacks what the
// layer writes.
func (u *uses) later(layer int) bool {
	for _, section := range u.at[2*layer+1:] {
		if section[layer+1] {
			return true
		}
	}
	return false
}

// usesOf are the uses of several variants together.
func (p *edgePlan) usesOf(list []int) *uses {
	u := &uses{}
	for i, section := range p.sections[list[0]].at {
		u.at, u.rest = append(u.at, slices.Clone(section)), append(u.rest, p.sections[list[0]].rest[i])
		for _, v := range list[1:] {
			u.rest[i] = u.rest[i] || p.sections[v].rest[i]
			for g, has := range p.sections[v].at[i] {
				u.at[i][g] = u.at[i][g] || has
			}
		}
	}
	return u
}

// planEdges finds where each variant starts and how many run together.
func (e *Engine) planEdges(job EdgeJob) (p edgePlan, plan EdgePlan, err error) {
	layers := e.Config.Layers
	plan.Starts = make([]int, layers+1)
	byStart := make([][]int, layers+1)
	for v, c := range job.Cuts {
		u, start := sectionsOf(job.Graph, layers, c)
		p.sections, p.starts = append(p.sections, u), append(p.starts, start)
		if start > layers {
			p.same = append(p.same, v)
			continue
		}
		plan.Starts[start]++
		byStart[start] = append(byStart[start], v)
	}
	lens := lengths(job.Base.Tokens)
	longest := slices.Max(lens)
	pos := longest
	if !e.Backend.Go() {
		pos = min(roundPos(longest), e.Config.Context)
	}
	rows := min(len(lens), max(1, edgeTokens/pos))
	if e.Backend.Go() {
		rows = min(rows, (len(lens)+e.workers()-1)/e.workers())
	}
	variants := 0
	for _, list := range byStart {
		variants = max(variants, len(list))
	}
	p.most = max(1, min(variants, edgeTokens/(rows*pos)))
	budget := job.Budget
	if budget == 0 {
		budget = defaultBudget
	}
	cost := func() int64 { return e.edgeBytes(job.Graph, rows, p.most, pos) }
	workers := int64(e.workers())
	for workers*cost() > budget && p.most > 1 {
		p.most = (p.most + 1) / 2
	}
	for workers*cost() > budget && rows > 1 {
		rows = (rows + 1) / 2
	}
	if workers*cost() > budget {
		return p, plan, fmt.Errorf("edges: one row of one variant needs %.1f MB; the budget is %.1f MB", float64(workers*cost())/1e6, float64(budget)/1e6)
	}
	for first := 0; first < len(lens); first += rows {
		f := &frame{first: first, rows: min(rows, len(lens)-first), batch: rows, pos: pos, lens: lens, longest: longest}
		if e.Backend.Go() {
			f.batch = f.rows
		}
		p.pieces = append(p.pieces, f)
	}
	for _, list := range byStart {
		p.variants = append(p.variants, slices.Collect(slices.Chunk(list, p.most))...)
	}
	p.outer = min(e.workers(), len(p.pieces))
	p.inner = max(1, e.workers()/max(1, p.outer))
	e.countEdges(job, &p, &plan, pos)
	plan.Memory = workers * cost()
	return p, plan, nil
}

// sectionsOf is what a cut uses, and the first layer that lacks anything: the
// number of layers where only the final stream does, one more for nothing.
func sectionsOf(g *edge.Graph, layers int, c edge.Cut) (*uses, int) {
	u, start := &uses{rest: make([]bool, 2*layers+1), inverse: make([]bool, len(g.Receivers))}, layers+1
	for range 2*layers + 1 {
		u.at = append(u.at, make([]bool, layers+1))
	}
	for r, p := range g.Receivers {
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
			u.inverse[r], u.rest[section] = true, true
		}
		for s := range g.Before(r) {
			if u.inverse[r] && g.Keeps(c, r, s) || !u.inverse[r] && g.Has(c, r, s) {
				u.at[section][(s+g.Writes()-1)/g.Writes()] = true
			}
		}
	}
	return u, start
}

// edgeBytes is what a worker holds at most: what senders of the base run, of the
// reference and of a call's variants wrote, once more side by side, and what the
// receivers of a layer read, twice.
func (e *Engine) edgeBytes(g *edge.Graph, rows, variants, pos int) int64 {
	stream := int64(4 * rows * pos * e.Config.DModel)
	senders, reads := int64(len(g.Senders)), int64(g.Reads())
	return stream * (2*senders + int64(variants)*(2*senders+2*reads) + int64(e.Config.Layers))
}

// countEdges adds up operations.
func (e *Engine) countEdges(job EdgeJob, p *edgePlan, plan *EdgePlan, pos int) {
	tokens := int64(0)
	for _, row := range job.Base.Tokens {
		tokens += int64(len(row))
	}
	c := e.Config
	block := int64(2*(c.Params()-2*c.Vocab*c.DModel)/c.Layers) + int64(4*pos*c.Heads*c.DHead)
	plan.Base = tokens * block * int64(c.Layers)
	if job.Source != nil {
		plan.Base *= 2
	}
	plan.Naive = tokens * block * int64(c.Layers) * int64(len(job.Cuts))
	plan.Same = len(p.same) * len(job.Base.Tokens)
	plan.Rows = len(job.Cuts)*len(job.Base.Tokens) - plan.Same
	plan.Chunks = len(p.pieces) * len(p.variants)
	plan.RowsPerCall, plan.TimesPerCall = p.pieces[0].rows, p.most
	for _, list := range p.variants {
		u, start := p.usesOf(list), p.starts[list[0]]
		one := int64(c.Layers-start) * block
		for section, groups := range u.at {
			receivers := 1
			if section < 2*c.Layers && section%2 == 0 {
				receivers = c.Heads + 2*c.KVHeads
			}
			for g, read := range groups {
				if read {
					senders := job.Graph.Writes()
					if g == 0 {
						senders = 1
					}
					one += int64(2 * receivers * senders * c.DModel)
				}
			}
		}
		plan.FLOPs += tokens * one * int64(len(list))
	}
}
