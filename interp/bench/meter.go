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
func (m *meter) Do(ctx context.Context, r model.Request) (*model.Result, error) {
	m.mu.Lock()
	m.stage.Passes++
	m.mu.Unlock()
	return m.Runner.Do(ctx, r)
}

// Sweep implements [model.Runner].
func (m *meter) Sweep(ctx context.Context, s model.Sweep) (*model.SweepResult, error) {
	r, err := m.Runner.Sweep(ctx, s)
	if err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.stage.Sweeps++
	m.stage.Variants += r.Plan.Variants
	m.stage.FLOPs += r.Plan.FLOPs + r.Plan.Base
	m.stage.Naive += r.Plan.Naive
	return r, nil
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
