package model_test

import (
	"math"
	"strings"
	"testing"

	"github.com/golens/golens/model"
	"github.com/golens/golens/model/array"
	"github.com/golens/golens/model/edge"
	"github.com/golens/golens/model/formula"
	"github.com/golens/golens/model/hook"
)

// A fit of edges follows the gradient by shares: one step of SGD is that gradient
// through the formula. It goes on as it would have, with rows that are drawn, too.
func TestFitsOfEdges(t *testing.T) {
	m := open(t)
	g, err := m.Edges()
	if err != nil {
		t.Fatal(err)
	}
	R, S := len(g.Receivers), len(g.Senders)
	base := model.Request{Rows: [][]int32{{1, 2, 3, 4}, {5, 6, 7, 8}, {9, 1, 2, 3}}, Metrics: []model.Metric{model.LogitDiff(model.IDs(3), model.IDs(7))}}
	reference := model.Reference{Source: model.Request{Rows: [][]int32{{1, 20, 3, 40}, {5, 60, 7, 80}, {90, 1, 20, 3}}}}
	start := array.New(array.Dim("receiver", R), array.Dim("sender", S))
	cut := array.New(start.Axes()...)
	for r := range g.Receivers {
		for s := range g.Before(r) {
			start.Set(float64((r+s)%5-2)/2, r, s)
			cut.Set(1/(1+math.Exp(-start.At(r, s))), r, s)
		}
	}
	fit := model.Fit{Base: base, Edges: &model.EdgeMask{Cut: formula.Free("mask", R, S).Sigmoid(), Reference: reference},
		Find: []model.Find{{Name: "mask", Start: start}}, Optimizer: model.Optimizer{Kind: "sgd", Rate: .5}, Steps: 1}
	one, err := m.Fit(fit)
	if err != nil {
		t.Fatal(err)
	}
	by, err := m.EdgeScores(model.EdgeScores{Base: base, Reference: reference, Shares: []edge.Cut{{Share: cut}}})
	if err != nil {
		t.Fatal(err)
	}
	if d := math.Abs(one.Curve[0].Loss - by.Cut.Mean(hook.Batch).At(0)); d > 1e-5 {
		t.Errorf("the loss is %.2g off the metric of the subgraph", d)
	}
	scores := by.Scores()
	for r := range g.Receivers {
		for s := range g.Before(r) {
			c := cut.At(r, s)
			want := start.At(r, s) - .5*scores.At(r, s)*c*(1-c)
			if d := math.Abs(one.Tensor("mask").At(r, s) - want); d > 1e-5 {
				t.Errorf("mask of %s to %s is %.6f after a step, want %.6f", g.SenderNames()[s], g.ReceiverNames()[r], one.Tensor("mask").At(r, s), want)
			}
		}
	}
	fit.Batch, fit.Seed, fit.Steps = 2, 3, 4
	fit.Base.Metrics = []model.Metric{{Kind: model.KindKL}} // from the model itself
	whole, err := m.Fit(fit)
	if err != nil {
		t.Fatal(err)
	}
	fit.Steps = 2
	if one, err = m.Fit(fit); err != nil {
		t.Fatal(err)
	}
	fit.Steps, fit.From = 4, one
	again, err := m.Fit(fit)
	if err != nil || again.Tensor("mask").Minus(whole.Tensor("mask")).Values()[7] != 0 {
		t.Errorf("it goes on elsewhere: %v", err)
	}
	for want, bad := range map[string]func(f *model.Fit){
		"has shape":           func(f *model.Fit) { f.Edges.Cut = formula.Free("mask", S, R) },
		"of tensors alone":    func(f *model.Fit) { f.Edges.Cut = formula.Here().Mul(formula.Free("mask", R, S)) },
		"no source of its":    func(f *model.Fit) { f.Base = f.Base.Edit(hook.Z(0).Zero()) },
		"paired row by row":   func(f *model.Fit) { f.Edges.Reference.Source.Rows = [][]int32{{1}} },
		"2 metrics in the":    func(f *model.Fit) { f.Loss = []model.Loss{{}, {}} },
		"no formula has a fr": func(f *model.Fit) { f.Find[0].Name = "other" },
	} {
		edges := *fit.Edges
		f := fit
		f.From, f.Edges, f.Find = nil, &edges, []model.Find{{Name: "mask"}}
		bad(&f)
		if err := m.Check(f); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v; it should say %q", err, want)
		}
	}
}
