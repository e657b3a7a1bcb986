//go:build !golens_cell

package model

import "context"

func init() { executes("cost", (*local).explainRun) }

func (l *local) explainRun(_ context.Context, e ExplainRun, _ string) (*Cost, error) {
	job, _, err := e.Request.job(l.config, l.answer)
	if err != nil {
		return nil, err
	}
	c := l.engine.ExplainRun(job)
	return &Cost{Rows: c.Rows, Chunks: c.Chunks, Blocks: c.Blocks, FLOPs: c.FLOPs, Kept: c.Kept, Memory: c.Memory, Weights: l.engine.Resident()}, nil
}
