package exec

import (
	"context"
	"sync"

	"github.com/golens/golens/model/array"
	"github.com/golens/golens/model/internal/crew"
	"github.com/golens/golens/model/internal/plan"
)

// A ChunkCost is what a chunk of a plan takes.
type ChunkCost struct {
	Rows     int
	FLOPs    int64
	Variants []int // of its rows, in a sweep; one for each row
}

func chunkCosts(chunks []plan.Chunk, flops int64) (all []ChunkCost) {
	for _, c := range chunks {
		all = append(all, ChunkCost{Rows: len(c.Rows), FLOPs: flops / int64(len(chunks))})
	}
	return all
}

// SweepParts is a sweep whose chunks are done some at a time, in any order, here and
// elsewhere: Do gives what chunks gave, Join puts it together. It may be used from
// several goroutines.
type SweepParts struct {
	s     *sweep
	parts []part
	lanes chan struct{} // chunks that run side by side, whoever asks for them

	base  sync.Mutex
	ready bool // the base has run
}

// A Piece is what chunks of a sweep gave: for each metric and for each capture the
// values of the chunks' rows, one after another.
type Piece struct{ Metrics, Captures [][]float32 }

// SweepParts plans a sweep.
func (e *Engine) SweepParts(job plan.Sweep) (*SweepParts, error) {
	s, parts, err := e.newSweep(job)
	if err != nil {
		return nil, err
	}
	return &SweepParts{s: s, parts: parts, lanes: make(chan struct{}, e.machine().Workers)}, nil
}

// Plan is what the sweep costs.
func (p *SweepParts) Plan() plan.Cost { return p.s.out.Plan }

// Chunks are those that can be done apart.
func (p *SweepParts) Chunks() (all []ChunkCost) {
	for _, g := range p.s.out.Plan.Groups {
		for range g.Chunks {
			rows := p.parts[len(all)].rows.Rows
			c := ChunkCost{Rows: len(rows), FLOPs: g.FLOPs / int64(g.Chunks)}
			for _, r := range rows {
				c.Variants = append(c.Variants, r.Variant)
			}
			all = append(all, c)
		}
	}
	return all
}

// Base is what the base and the source run gave, and the base run's copy of what is
// captured of every variant. It runs at first use.
func (p *SweepParts) Base(ctx context.Context) (base, source *Outcome, copies []*array.Array, err error) {
	p.base.Lock()
	defer p.base.Unlock()
	if !p.ready {
		if err := p.s.open(); err != nil {
			return nil, nil, nil, err
		}
		if err := p.s.runBase(ctx); err != nil {
			p.s.close()
			return nil, nil, nil, err
		}
		p.s.answers()
		p.ready = true
	}
	return p.s.out.Base, p.s.out.Source, p.s.copies, nil
}

// Do does the chunks from..until-1. It stops with the context's error between two
// blocks.
func (p *SweepParts) Do(ctx context.Context, from, until int) (*Piece, error) {
	if _, _, _, err := p.Base(ctx); err != nil {
		return nil, err
	}
	err := each(ctx, p.parts[from:until], cap(p.lanes), func(ctx context.Context, c part) error {
		p.lanes <- struct{}{}
		defer func() { <-p.lanes }()
		return p.s.run(ctx, c)
	})
	if err != nil {
		return nil, err
	}
	piece := &Piece{Metrics: make([][]float32, len(p.s.out.Metrics)), Captures: make([][]float32, len(p.s.captures))}
	p.walk(from, until, func(r plan.Row) {
		for k, m := range p.s.out.Metrics {
			piece.Metrics[k] = append(piece.Metrics[k], float32(m[r.Variant][r.Index]))
		}
		for i := range p.s.captures {
			piece.Captures[i] = append(piece.Captures[i], p.capture(i, r)...)
		}
	})
	return piece, nil
}

// Close gives back what the chunks needed. Nothing may be asked for afterwards.
func (p *SweepParts) Close() {
	p.base.Lock()
	defer p.base.Unlock()
	if p.ready {
		p.s.close()
		p.ready = false
	}
}

// Join is the outcome of a sweep whose base run elsewhere gave these metrics
// [metric][row] and copies, and whose chunks gave the pieces: piece i those from
// starts[i] on. Its Base and Source are not filled.
func (p *SweepParts) Join(metrics [][]float64, copies []*array.Array, starts []int, pieces []*Piece) (*SweepOutcome, error) {
	return p.s.out, crew.Catch(func() error { // a piece that does not fit
		p.s.out.Base, p.s.copies = &Outcome{Metrics: metrics}, copies
		p.s.answers()
		for i, piece := range pieces {
			until := len(p.parts)
			if i+1 < len(starts) {
				until = starts[i+1]
			}
			n := 0
			at := make([]int, len(p.s.captures))
			p.walk(starts[i], until, func(r plan.Row) {
				for k := range p.s.out.Metrics {
					p.s.measured(k, r, float64(piece.Metrics[k][n]), nil)
				}
				for c := range p.s.captures {
					to := p.capture(c, r)
					copy(to, piece.Captures[c][at[c]:at[c]+len(to)])
					at[c] += len(to)
				}
				n++
			})
		}
		return nil
	})
}

// walk visits the rows of chunks in their order.
func (p *SweepParts) walk(from, until int, visit func(plan.Row)) {
	for _, c := range p.parts[from:until] {
		for _, r := range c.rows.Rows {
			visit(r)
		}
	}
}

// capture is where a capture of a row lies in the answer; nothing if the capture does
// not select the row.
func (p *SweepParts) capture(i int, r plan.Row) []float32 {
	rank, ok := p.s.captures[i].Selects(r.Index)
	if !ok {
		return nil
	}
	values, shape := p.s.place(i, r)
	n := len(values) / shape[0]
	return values[rank*n:][:n]
}
