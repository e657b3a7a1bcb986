//go:build !golens_cell

package model_test

import (
	"strings"
	"testing"

	"github.com/golens/golens/model"
	"github.com/golens/golens/model/edge"
	"github.com/golens/golens/model/formula"
	"github.com/golens/golens/model/hook"
	"github.com/golens/golens/model/internal/products"
)

// What edge scores are said to cost: two passes, the way back, the gradients at what each
// head reads and their products with what each sender wrote. A step of a fit of edges
// costs what the gradient by its shares does.
func TestCostOfEdgeScores(t *testing.T) {
	m := open(t)
	if !strings.HasPrefix(m.Info().Backend, "go") {
		t.Skip("elsewhere rows are padded; run with GOLENS_BACKEND=go")
	}
	g, err := m.Edges()
	if err != nil {
		t.Fatal(err)
	}
	c := m.Config()
	base := model.Request{Rows: [][]int32{{1, 2, 3, 4}, {5, 6, 7, 8}}, Metrics: []model.Metric{model.LogProbOf(3)}}
	scores := model.EdgeScores{Base: base, Reference: model.Reference{Source: model.Request{Rows: [][]int32{{1, 20, 3, 40}, {5, 60, 7, 80}}}}}
	cost := func(s model.EdgeScores) *model.Cost {
		t.Helper()
		got, err := m.ExplainEdgeScores(s)
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	flops := func(r model.Request) int64 { t.Helper(); return costOf(t, m, r).FLOPs }
	blocks := flops(model.Request{Rows: base.Rows, Captures: []hook.Point{hook.ResidPost(c.Layers - 1)}})
	both, multiplied := flops(base.Grad(hook.Embed())), 0
	for r, p := range g.Receivers {
		n := 1 + p.Layer*g.Writes() // with so few layers each group is a stack
		switch {
		case products.Wide: // by the host, and no more than is needed
			n = g.Before(r)
		case p.Kind == hook.KindMLPIn || p.Kind == hook.KindResidPost:
			n = len(g.Senders)
		}
		multiplied += n
	}
	tokens := int64(2 * 2 * 4 * c.DModel)
	inputs := tokens * int64(c.Layers*(c.Heads+2*c.KVHeads)*c.DHead)
	got := cost(scores)
	if want := both + inputs + tokens*int64(multiplied); got.FLOPs != want { // the reference's pass in place of the one again on the way back
		t.Errorf("%d multiplications and additions, by hand %d", got.FLOPs, want)
	}
	if want := int64(4 * 2 * len(g.Receivers) * len(g.Senders)); got.Kept != want || got.Memory <= want {
		t.Errorf("%d bytes of scores, want %d, and %d at the peak", got.Kept, want, got.Memory)
	}
	// Five runs from the second block on take a pass from there and a way back to there
	// each, in the last block at the one position that is read; they are added up before
	// they are brought to what heads read and multiplied, and the first block has one way
	// back.
	several := scores
	for range 5 {
		several.Runs = append(several.Runs, []hook.Edit{hook.ResidPre(1).Zero()})
	}
	logits, upper := flops(base)-blocks, blocks/int64(c.Layers)*int64(c.Layers-1)
	const rows, pos = 2, 4
	unread := int64(2 * rows * (pos - 1) * (2*c.DModel*c.Heads*c.DHead + 2*pos*c.Heads*c.DHead + 2*c.DModel*c.DMLP))
	if want := got.FLOPs + 4*(2*logits+2*upper) + 5*(logits+upper) - 5*3*unread; cost(several).FLOPs != want {
		t.Errorf("five runs: %d, by hand %d", cost(several).FLOPs, want)
	}
	if s := scores; true {
		s.ByPosition = true
		if c := cost(s); c.Kept != 4*got.Kept || c.FLOPs != got.FLOPs {
			t.Errorf("by position: %s", c)
		}
	}
	one, two := scores, scores
	one.Shares, two.Shares = []edge.Cut{g.All()}, []edge.Cut{g.All(), g.Cut("none")}
	if a, b := cost(one).FLOPs-blocks, cost(two).FLOPs-blocks; b != 2*a || a <= 4*blocks {
		t.Errorf("a cut %d, two %d; a pass of the blocks is %d", a, b, blocks)
	}
	fit := model.Fit{Base: base, Find: []model.Find{{Name: "mask"}}, Steps: 10,
		Edges: &model.EdgeMask{Cut: formula.Free("mask", len(g.Receivers), len(g.Senders)).Sigmoid(), Reference: scores.Reference}}
	step, err := m.ExplainFit(fit)
	if err != nil {
		t.Fatal(err)
	}
	if step.FLOPs != cost(one).FLOPs || step.Total() != 10*step.FLOPs || step.Memory <= cost(one).Memory {
		t.Errorf("a fit of edges: %s\nof %s", step, cost(one))
	}
	fit.Base.Metrics = []model.Metric{{Kind: model.KindKL}} // from the model itself
	if own, err := m.ExplainFit(fit); err != nil || own.FLOPs != step.FLOPs || own.Below <= 0 {
		t.Errorf("with a divergence: %v, %v", own, err)
	}
}
