//go:build !golens_cell

package model_test

import (
	"testing"

	"github.com/golens/golens/model"
	"github.com/golens/golens/model/array"
	"github.com/golens/golens/model/hook"
)

// costOf is what a run is said to take.
func costOf(t *testing.T, m *model.Model, r model.Request) *model.Cost {
	t.Helper()
	c, err := m.ExplainRun(r)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// What a run is said to give back is what it gives back; its pass costs what the
// base of a sweep costs, and gradients cost more the deeper they go.
func TestCostOfARun(t *testing.T) {
	m := open(t)
	base := m.Rows([][]int32{{1, 2, 3}, {4, 5, 6}}).Metric(model.LogProbOf(1)).Capture(hook.Pattern(1), hook.Z(0).Head(1).At(-1))
	cost := func(r model.Request) *model.Cost { t.Helper(); return costOf(t, m, r) }
	got := cost(base)
	run, err := m.Run(base)
	if err != nil {
		t.Fatal(err)
	}
	bytes := func(all []model.Captured) (n int64) {
		for _, c := range all {
			n += 4 * int64(len(c.Array.Values()))
		}
		return n
	}
	if got.Rows != 2 || got.Blocks != m.Config().Layers || got.Kept != bytes(run.Captures) || got.Memory <= got.Kept {
		t.Errorf("cost %s; %d bytes came back", got, bytes(run.Captures))
	}
	plan, err := m.Explain(model.Sweep{Base: base, Variants: []model.Variant{{Edits: []hook.Edit{hook.Z(0).Zero()}}}})
	if err != nil {
		t.Fatal(err)
	}
	if m.Info().Backend[:2] == "go" && got.FLOPs != plan.Base { // elsewhere a run is padded
		t.Errorf("the run takes %d multiplications and additions, as the base of a sweep %d", got.FLOPs, plan.Base)
	}
	high, low := cost(base.Grad(hook.Z(2))), cost(base.Grad(hook.Z(0)))
	if high.FLOPs <= got.FLOPs || low.FLOPs <= high.FLOPs || low.Kept <= got.Kept || low.Memory <= got.Memory {
		t.Errorf("without gradients %s\nof the last block %s\nof the first %s", got, high, low)
	}
	stopped := cost(m.Rows([][]int32{{1, 2}}).Capture(hook.ResidPost(0)))
	if stopped.Blocks != 1 {
		t.Errorf("a capture of the first block: %s", stopped)
	}
	resid := array.New(array.Dim("batch", 1), array.Dim("pos", 2), array.Dim("d_model", m.Config().DModel))
	if from := cost(m.Rows([][]int32{{1, 2}}).Start(2, resid).Capture(hook.ResidPost(2))); from.Blocks != 1 {
		t.Errorf("the last block alone: %s", from)
	}
	if _, err := m.ExplainRun(base.Capture(hook.Z(9))); err == nil {
		t.Error("a layer that does not exist has a cost")
	}
}
