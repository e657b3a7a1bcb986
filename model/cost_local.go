//go:build !golens_cell

package model

import (
	"context"

	"github.com/golens/golens/model/internal/place"
	"github.com/golens/golens/model/internal/plan"
)

func init() {
	executes("cost", (*local).explainRun)
	executes("cost of a tally", (*local).explainTally)
	executes("cost of a generation", (*local).explainGeneration)
}

func (l *local) explainRun(_ context.Context, e ExplainRun, _ string) (*Cost, error) {
	job, _, err := e.Request.job(l.config, l.answer)
	if err != nil {
		return nil, err
	}
	return l.cost(l.engine.ExplainRun(job)), nil
}

func (l *local) explainTally(_ context.Context, e ExplainTally, _ string) (*Cost, error) {
	job, err := e.Tally.job(l.config)
	if err != nil {
		return nil, err
	}
	states := e.Tally.Bytes(l.config)
	if e.Tally.Of > len(e.Tally.Rows) {
		states *= 2
	}
	cost := l.cost(l.engine.ExplainTally(job, states))
	cost.Memory += e.Tally.adderBytes(l.config)
	return cost, nil
}

func (l *local) explainGeneration(_ context.Context, e ExplainGeneration, _ string) (*Cost, error) {
	g := e.Generation
	if err := g.check(l.config); err != nil {
		return nil, err
	}
	longest, kept := longest(g.Rows), int64(0)
	for _, p := range g.Captures {
		kept += 4 * int64(place.Size(plan.Generated(l.config, p, g.Edits, len(g.Rows), longest, g.New)))
	}
	job := plan.Generation{Tokens: g.Rows, New: g.New, Edits: g.Edits, Captures: g.Captures, Window: (*plan.Window)(g.Window)}
	return l.cost(l.engine.ExplainGeneration(job, kept)), nil
}

func (l *local) cost(c plan.PassCost) *Cost {
	return &Cost{Rows: c.Rows, Chunks: c.Chunks, Blocks: c.Blocks, FLOPs: c.FLOPs, Kept: c.Kept, Memory: c.Memory, Weights: l.engine.Resident(), Coming: l.engine.Coming(c.Blocks)}
}
