//go:build !golens_cell

package model

import (
	"context"
	"fmt"

	"github.com/golens/golens/model/array"
	"github.com/golens/golens/model/hook"
	"github.com/golens/golens/model/internal/exec"
)

// edgeScores scores edges in this process.
func (l *local) edgeScores(ctx context.Context, s EdgeScores) (*EdgeScoresResult, error) {
	base := s.Base
	base.Metrics = base.Metrics[:1]
	edges, err := l.edgeJob(base, s.Reference)
	if err != nil {
		return nil, fmt.Errorf("edge scores: %w", err)
	}
	edges.Budget = s.Budget
	k, err := newChecker(l.config, edges.Base.Tokens)
	if err != nil {
		return nil, fmt.Errorf("edge scores: %w", err)
	}
	for i, edits := range s.Runs {
		for _, e := range edits {
			if err := k.edit(e); err != nil {
				return nil, fmt.Errorf("edge scores: run %d: %w", i, err)
			}
		}
	}
	done, total := 0, len(base.Rows)*max(1, len(s.Runs))
	edges.Done = func(rows int) {
		done += rows
		report(ctx, done, total)
	}
	out, err := l.engine.Scores(ctx, exec.ScoreJob{EdgeJob: edges, Runs: s.Runs, ByPosition: s.ByPosition})
	if err != nil {
		return nil, err
	}
	axes := []array.Axis{array.Dim(hook.Batch, len(base.Rows))}
	if s.ByPosition {
		axes = append(axes, array.Dim(hook.Pos, longest(base.Rows)))
	}
	axes = append(axes, array.Labels("receiver", edges.Graph.ReceiverNames()), array.Labels("sender", edges.Graph.SenderNames()))
	m := base.Metrics[0]
	res := &EdgeScoresResult{Provenance: l.info.Provenance(),
		PerRow: array.Of(out.Scores, axes...).Named("change of the "+m.String(), m.Unit()),
		Base:   array.Of(float32s(out.Base), axes[0]).Named(m.String(), m.Unit())}
	res.Request = hash(s)
	return res, nil
}
