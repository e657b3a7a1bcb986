package bench

import (
	"context"
	"sync"
	"time"

	"github.com/golens/golens/model"
)

// A meter is a runner that counts what it is asked for.
type meter struct {
	model.Runner
	mu    sync.Mutex // guards stage
	stage Stage
}

// Do implements [model.Runner].
func (m *meter) Do(ctx context.Context, ask model.Ask) (any, error) {
	answer, err := m.Runner.Do(ctx, ask)
	if err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	switch a := answer.(type) {
	case *model.Result:
		m.stage.Passes++
	case *model.SweepResult:
		m.stage.Sweeps++
		m.stage.Variants += a.Plan.Variants
		m.stage.FLOPs += a.Plan.FLOPs + a.Plan.Base
		m.stage.Naive += a.Plan.Naive
	}
	return answer, nil
}

// measure runs a stage and says what it cost.
func (m *meter) measure(name string, run func() error) (Stage, error) {
	m.mu.Lock()
	m.stage = Stage{Name: name, Reset: resetPeak()}
	m.mu.Unlock()
	start := time.Now()
	err := run()
	m.mu.Lock()
	defer m.mu.Unlock()
	m.stage.Seconds, m.stage.PeakRSS = time.Since(start).Seconds(), peak()
	return m.stage, err
}
