//go:build !golens_cell

package model

import (
	"context"
	"fmt"

	"github.com/golens/golens/model/array"
	"github.com/golens/golens/model/hook"
	"github.com/golens/golens/model/internal/exec"
)

func init() {
	executes("edge scores", (*local).edgeScores)
	executes("cost of edge scores", (*local).explainEdgeScores)
}

func (l *local) explainEdgeScores(_ context.Context, e ExplainEdgeScores, _ string) (*Cost, error) {
	s := e.Scores
	job, err := s.job(l.config, l.encode)
	if err != nil {
		return nil, err
	}
	p, _, err := l.engine.PlanEdges(job)
	if err != nil {
		return nil, fmt.Errorf("edge scores: %w", err)
	}
	return l.cost(p.ScoreCost(s.runs(), len(s.Shares), s.ByPosition)), nil
}

// runs are those whose gradients are taken.
func (s EdgeScores) runs() [][]hook.Edit {
	if s.Runs == nil {
		return [][]hook.Edit{nil}
	}
	return s.Runs
}

// edgeScores scores edges in this process.
func (l *local) edgeScores(ctx context.Context, s EdgeScores, hash string) (*EdgeScoresResult, error) {
	job, err := s.job(l.config, l.encode)
	if err != nil {
		return nil, err
	}
	runs := s.runs()
	done, total := 0, len(s.Base.Rows)*max(len(s.Shares), len(runs))
	job.Done = func(rows int) {
		done += rows
		report(ctx, done, total)
	}
	p, _, err := l.engine.PlanEdges(job)
	if err != nil {
		return nil, fmt.Errorf("edge scores: %w", err)
	}
	out, err := l.engine.Scores(ctx, exec.ScoreJob{Edges: p, Runs: runs, Shares: s.Shares, ByPosition: s.ByPosition})
	if err != nil {
		return nil, fmt.Errorf("edge scores: %w", err)
	}
	axes := []array.Axis{array.Dim(hook.Batch, len(s.Base.Rows))}
	if s.ByPosition {
		axes = append(axes, array.Dim(hook.Pos, longest(s.Base.Rows)))
	}
	axes = append(axes, array.Labels("receiver", job.Graph.ReceiverNames()), array.Labels("sender", job.Graph.SenderNames()))
	m := s.Base.Metrics[0]
	res := &EdgeScoresResult{Provenance: l.info.Provenance(),
		PerRow: array.Of(out.Scores, axes...).Named("change of the "+m.String(), m.Unit()),
	}
	if s.Shares == nil {
		res.Base = array.Of(float32s(out.Base), axes[0]).Named(m.String(), m.Unit())
	} else {
		var values []float32
		for _, rows := range out.Cuts {
			values = append(values, float32s(rows)...)
		}
		res.Cut = array.Of(values, array.Dim(hook.Variant, len(s.Shares)), axes[0]).Named(m.String(), m.Unit())
	}
	res.Request = hash
	return res, nil
}
