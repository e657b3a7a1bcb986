package serve_test

import (
	"reflect"
	"testing"

	"github.com/golens/golens/model"
	"github.com/golens/golens/model/array"
	"github.com/golens/golens/model/edge"
	"github.com/golens/golens/model/hook"
	"github.com/golens/golens/model/modeltest"
)

// Subgraphs and the scores of edges are the same on both sides.
func TestEdgesCrossTheSocket(t *testing.T) {
	local, remote, _ := sides(t)
	base := local.Rows([][]int32{{5, 9, 11, 4}, {7, 7, 2}}).Metric(model.LogitDiff(model.IDs(3), model.IDs(8)))
	reference := model.Reference{Source: local.Rows([][]int32{{5, 9, 1, 4}, {7, 3, 2}}).Request()}
	g, err := remote.Edges()
	if err != nil {
		t.Fatal(err)
	}
	one := g.Cut("one")
	g.Add(one, g.Receiver(hook.MLPIn(2)), g.Sender(hook.HeadResult(1).Head(3)))
	half := array.New(array.Dim("receiver", len(g.Receivers)), array.Dim("sender", len(g.Senders)))
	half.Set(0.5, len(g.Receivers)-1, 4)
	s := model.Subgraphs{Base: base, Reference: reference, Cuts: []edge.Cut{one, {Share: half}}}
	want, err := local.Subgraphs(s)
	if err != nil {
		t.Fatal(err)
	}
	got, err := remote.Subgraphs(s)
	if err != nil {
		t.Fatal(err)
	}
	if d := modeltest.MaxDiff(want.PerRow(0), got.PerRow(0)); d > 1e-6 { // the batch may be cut differently
		t.Errorf("subgraphs differ by %g", d)
	}
	plan, err := remote.ExplainSubgraphs(s)
	if err != nil || !reflect.DeepEqual(*plan, want.Plan) || got.Request != want.Request {
		t.Errorf("plans differ (%v):\n%s\n%s", err, plan, want.Plan)
	}
	scores := model.EdgeScores{Base: base, Reference: reference, Runs: [][]hook.Edit{{}, {hook.Z(0).Head(1).Zero()}}}
	a, err := local.EdgeScores(scores)
	if err != nil {
		t.Fatal(err)
	}
	b, err := remote.EdgeScores(scores)
	if err != nil {
		t.Fatal(err)
	}
	if d := modeltest.MaxDiff(a.PerRow, b.PerRow); d > 1e-6 {
		t.Errorf("scores differ by %g", d)
	}
}
