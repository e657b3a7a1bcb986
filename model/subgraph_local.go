//go:build !golens_cell

package model

import (
	"context"
	"fmt"

	"github.com/golens/golens/model/array"
	"github.com/golens/golens/model/edge"
	"github.com/golens/golens/model/hook"
	"github.com/golens/golens/model/internal/exec"
)

// subgraphs runs subgraphs in this process.
func (l *local) subgraphs(ctx context.Context, s Subgraphs) (*SubgraphResult, error) {
	job, err := l.edgeJob(s.Base, s.Reference)
	if err != nil {
		return nil, fmt.Errorf("subgraphs: %w", err)
	}
	job.Cuts, job.Budget = s.Cuts, s.Budget
	done, total := 0, len(s.Cuts)*len(s.Base.Rows)
	job.Done = func(rows int) {
		done += rows
		report(ctx, done, total)
	}
	out, err := l.engine.Edges(ctx, job)
	if err != nil {
		return nil, err
	}
	res := &SubgraphResult{Provenance: l.info.Provenance(), Plan: subgraphPlan(s, out.Plan)}
	res.Request = hash(s)
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

// edgeJob resolves a checked base and its reference.
func (l *local) edgeJob(base Request, f Reference) (job exec.EdgeJob, err error) {
	if job.Graph, err = edge.Of(l.config); err != nil {
		return job, err
	}
	if job.Base, _, err = l.job(base); err != nil {
		return job, err
	}
	job.Base.Until = l.config.Layers
	if f.Source.Rows != nil {
		source := f.Source
		source.Rows = f.rows(longest(base.Rows))
		r, _, err := l.job(source)
		if err != nil {
			return job, fmt.Errorf("source: %w", err)
		}
		job.Source = &r
	}
	job.Donors, job.Mean, job.WholeEmbedding = f.Donors, f.Mean, f.WholeEmbedding
	return job, nil
}

func subgraphPlan(s Subgraphs, p exec.EdgePlan) SubgraphPlan {
	return SubgraphPlan{Variants: len(s.Cuts), Rows: p.Rows, Same: p.Same, Starts: p.Starts, RowsPerCall: p.RowsPerCall, VariantsPerCall: p.TimesPerCall,
		Calls: p.Chunks, FLOPs: p.FLOPs, Base: p.Base, Naive: p.Naive, Memory: p.Memory}
}

func float32s(x []float64) []float32 {
	y := make([]float32, len(x))
	for i, v := range x {
		y[i] = float32(v)
	}
	return y
}
