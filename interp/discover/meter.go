package discover

import (
	"context"

	"github.com/golens/golens/model"
)

// A meter counts the passes of a batch that a runner is asked for: of subgraphs one
// each, beside their base and reference; a way back is two.
type meter struct {
	model.Runner
	passes int
}

// Do implements [model.Runner].
func (m *meter) Do(ctx context.Context, ask model.Ask) (any, error) {
	switch q := ask.(type) {
	case model.Request:
		m.passes++
		if len(q.Grads) > 0 {
			m.passes += 2
		}
	case model.Subgraphs:
		m.passes += 2 + len(q.Cuts)
	case model.EdgeScores:
		m.passes += 1 + 3*max(len(q.Runs), len(q.Shares), 1)
		if len(q.Runs) > 0 { // the clean run is none of them
			m.passes++
		}
	}
	return m.Runner.Do(ctx, ask)
}
