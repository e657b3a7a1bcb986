//go:build !golens_cell

package model

import (
	"context"
	"fmt"

	"github.com/golens/golens/model/array"
	"github.com/golens/golens/model/hook"
	"github.com/golens/golens/model/internal/plan"
)

func init() {
	executes("subgraphs", (*local).subgraphs)
	executes("explain subgraphs", (*local).explainSubgraphs)
}

// subgraphs runs subgraphs in this process.
func (l *local) subgraphs(ctx context.Context, s Subgraphs, hash string) (*SubgraphResult, error) {
	job, err := s.job(l.config, l.encode)
	if err != nil {
		return nil, err
	}
	same := s
	same.Cuts, same.Budget = nil, 0
	job.Key = hashOf(same)
	done, total := 0, len(s.Cuts)*len(s.Base.Rows)
	job.Done = func(rows int) {
		done += rows
		report(ctx, done, total)
	}
	p, cost, err := l.engine.PlanEdges(job)
	if err != nil {
		return nil, fmt.Errorf("subgraphs: %w", err)
	}
	out, err := l.engine.CutEdges(ctx, p)
	if err != nil {
		return nil, fmt.Errorf("subgraphs: %w", err)
	}
	res := &SubgraphResult{Provenance: l.info.Provenance(), Plan: subgraphPlan(s, cost)}
	res.Request = hash
	variants := array.Dim(hook.Variant, len(s.Cuts))
	names := make([]string, len(s.Cuts))
	for i, c := range s.Cuts {
		if names[i] = c.Name; c.Name != "" {
			variants.Labels = names
		}
	}
	batch := array.Dim(hook.Batch, len(s.Base.Rows))
	for i, m := range s.Base.Metrics {
		var values []float32
		for _, rows := range out.Metrics[i] {
			values = append(values, float32s(rows)...)
		}
		res.Base = append(res.Base, array.Of(float32s(out.Base[i]), batch).Named(m.String(), m.Unit()))
		res.Metrics = append(res.Metrics, array.Of(values, variants, batch).Named(m.String(), m.Unit()))
	}
	return res, nil
}

// explainSubgraphs is the plan of subgraphs.
func (l *local) explainSubgraphs(_ context.Context, e explainSubgraphs, _ string) (*SubgraphPlan, error) {
	job, err := e.Subgraphs.job(l.config, l.encode)
	if err != nil {
		return nil, err
	}
	_, cost, err := l.engine.PlanEdges(job)
	if err != nil {
		return nil, fmt.Errorf("subgraphs: %w", err)
	}
	p := subgraphPlan(e.Subgraphs, cost)
	return &p, nil
}

func subgraphPlan(s Subgraphs, c plan.EdgeCost) SubgraphPlan {
	return SubgraphPlan{Variants: len(s.Cuts), Rows: c.Rows, Same: c.Same, Starts: c.Starts, RowsPerCall: c.RowsPerCall,
		VariantsPerCall: c.VariantsPerCall, Calls: c.Calls, FLOPs: c.FLOPs, Base: c.Base, Naive: c.Naive, Memory: c.Memory}
}

func float32s(x []float64) []float32 {
	y := make([]float32, len(x))
	for i, v := range x {
		y[i] = float32(v)
	}
	return y
}
