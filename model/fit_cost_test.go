//go:build !golens_cell

package model_test

import (
	"strings"
	"testing"

	"github.com/golens/golens/model"
	"github.com/golens/golens/model/formula"
	"github.com/golens/golens/model/hook"
)

// What a fit is said to cost: a step's blocks there and back, from the lowest formula
// on, with its matrix products; what lies below once, or in every step where there is
// no room for it.
func TestCostOfAFit(t *testing.T) {
	m := open(t)
	c := m.Config()
	if !strings.HasPrefix(m.Info().Backend, "go") {
		t.Skip("elsewhere rows are padded; run with GOLENS_BACKEND=go")
	}
	x, W := formula.Here(), formula.Free("W", c.DModel, c.DModel)
	rows := m.Rows([][]int32{{1, 2, 3, 4}, {4, 5, 6, 7}, {1, 2, 3, 4}}).Metric(model.LogProbOf(1))
	fit := func(p hook.Point) model.Fit {
		return model.Fit{Base: rows.Edit(p.Compute(x.Dot(W))), Find: []model.Find{{Name: "W"}}, Steps: 10}
	}
	cost := func(f model.Fit) *model.FitCost {
		t.Helper()
		got, err := m.ExplainFit(f)
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	flops := func(r model.Request) int64 { t.Helper(); return costOf(t, m, r).FLOPs }
	got := cost(fit(hook.ResidPre(1)))
	distinct := m.Rows([][]int32{{1, 2, 3, 4}, {4, 5, 6, 7}})
	if want := flops(distinct.Capture(hook.ResidPre(1))); got.Below != want || got.Kept != 4*2*4*int64(c.DModel) {
		t.Errorf("below: %d multiplications and additions and %d bytes kept; want %d of the two rows that differ, and their residual streams", got.Below, got.Kept, want)
	}
	// A block costs one pass there and two back, as what it needs is kept, and so does what
	// the formula adds to its block. Behind the last block one position of four is read:
	// its keys and values are computed at all, the rest there. Logits are, there and back.
	block := flops(m.Rows([][]int32{{1, 2, 3, 4}, {4, 5, 6, 7}, {1, 2, 3, 4}}).Start(0, nil).Capture(hook.ResidPost(0)))
	logits := 2 * int64(3*c.DModel*c.Vocab)
	product := 2 * int64(3*4*c.DModel*c.DModel)
	d, heads := c.DModel, c.Heads*c.DHead
	last := 2 * int64(3*(4*2*d*heads+2*d*heads+2*4*heads+2*d*c.DMLP))
	if want := 3 * (int64(c.Layers-2)*block + last + product + logits); got.FLOPs != want || got.Blocks != c.Layers-1 {
		t.Errorf("a step of %d blocks: %d, by hand %d", got.Blocks, got.FLOPs, want)
	}
	if got.Total() != got.Below+10*got.FLOPs || got.Memory <= got.Kept {
		t.Errorf("in all: %s", got)
	}
	tight := fit(hook.ResidPre(1))
	tight.Cache = 1
	if c := cost(tight); c.Kept != 0 || c.Total() != 10*(c.Below+c.FLOPs) || !strings.Contains(c.String(), "in every step") {
		t.Errorf("without room: %s", c)
	}
	if high := cost(fit(hook.ResidPre(2))); high.FLOPs >= got.FLOPs || high.Below <= got.Below {
		t.Errorf("one block higher: %s\nthan %s", high, got)
	}
	if _, err := m.ExplainFit(model.Fit{Base: rows, Steps: 1}); err == nil {
		t.Error("a fit of nothing has a cost")
	}
}
