//go:build !golens_cell

package model_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"

	"github.com/golens/golens/model"
	"github.com/golens/golens/model/hook"
	"github.com/golens/golens/model/modeltest"
	"github.com/golens/golens/model/tally"
)

// dealt does an ask by two processes' worth of models: each chunk, in any order, by
// either of them, joined by a third.
func dealt(t *testing.T, ask model.Ask, seed uint64) any {
	t.Helper()
	runner := func() model.Runner {
		r, err := model.OpenLocal(context.Background(), modeltest.Dir())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { r.Close() })
		return r
	}
	client := runner()
	cut := model.CutOf(client)
	deal := func(r model.Runner) *model.Deal {
		d, err := model.NewDeal(r, ask, cut)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(d.Close)
		return d
	}
	joins, workers := deal(client), []*model.Deal{deal(runner()), deal(runner())}
	rng := rand.New(rand.NewPCG(seed, 0))
	var starts []int
	for at := 0; at < len(joins.Chunks); at += 1 + rng.IntN(3) {
		starts = append(starts, at)
	}
	if len(starts) < 3 {
		t.Fatalf("%d chunks: nothing to deal", len(joins.Chunks))
	}
	pieces := make([][]byte, len(starts))
	for _, i := range rng.Perm(len(starts)) {
		until := len(joins.Chunks)
		if i+1 < len(starts) {
			until = starts[i+1]
		}
		var err error
		if pieces[i], err = workers[rng.IntN(2)].Do(t.Context(), starts[i], until); err != nil {
			t.Fatal(err)
		}
	}
	answer, err := joins.Join(starts, pieces)
	if err != nil {
		t.Fatal(err)
	}
	return answer
}

func testRows(n, longest, vocab int) (rows [][]int32) {
	rng := rand.New(rand.NewPCG(7, uint64(n)))
	for range n {
		row := make([]int32, 2+rng.IntN(longest-1))
		for i := range row {
			row[i] = rng.Int32N(int32(vocab))
		}
		rows = append(rows, row)
	}
	return rows
}

// A sweep whose chunks were dealt is the sweep, to the last bit: metrics, captures of
// all and of some rows, the base run, the source run, gradients.
func TestDealtSweepIsTheSweep(t *testing.T) {
	m := open(t)
	rows := testRows(9, 12, m.Config().Vocab)
	s := model.Sweep{
		Base:     m.Rows(rows).Metric(model.NLL(), model.LogProbOf(3)).Capture(hook.Pattern(1)).Grad(hook.ResidPre(1)),
		Source:   m.Rows(rows).Edit(hook.ResidPre(0).Scale(0.5)),
		Captures: []hook.Point{hook.ResidPost(2).At(-1), hook.Z(2).Row(1), hook.Logits().At(-1)},
	}
	for l := range m.Config().Layers {
		for h := range m.Config().Heads {
			s.Variants = append(s.Variants, model.Variant{Name: fmt.Sprintf("%d.%d", l, h), Edits: []hook.Edit{hook.Z(l).Head(h).FromSource()}})
			s.Variants = append(s.Variants, model.Variant{Rows: []int{2, 5}, Edits: []hook.Edit{hook.Z(l).Head(h).At(-1).Zero()}})
		}
	}
	want, err := m.Sweep(s)
	if err != nil {
		t.Fatal(err)
	}
	seeds := uint64(3)
	if strings.HasPrefix(m.Info().Backend, "xla") { // where each of a deal's models compiles its own graphs
		seeds = 1
	}
	for seed := range seeds {
		got := dealt(t, s, seed).(*model.SweepResult)
		if err := modeltest.SameSweep(want, got); err != nil {
			t.Error(err)
		}
		if !reflect.DeepEqual(want.Plan, got.Plan) || got.Request != want.Request {
			t.Errorf("plans differ:\n%s\n%s", want.Plan, got.Plan)
		}
	}
}

// A tally likewise, in all that is read of it: sums round to the same, whichever way
// they were added up.
func TestDealtTallyIsTheTally(t *testing.T) {
	m := open(t)
	at := hook.MLPPost(1)
	ask := model.Tally{Rows: testRows(700, 12, m.Config().Vocab), First: 5, Reducers: []tally.Reducer{
		{Point: at, Kind: tally.Moments},
		{Point: at, Kind: tally.Above, By: tally.ByToken},
		{Point: at, Kind: tally.Top, K: 3},
		{Point: hook.ResidPost(2), Kind: tally.Histogram, Low: -1, High: 1, Bins: 5, By: tally.ByPosition},
	}}
	want, err := m.Tally(ask)
	if err != nil {
		t.Fatal(err)
	}
	got := dealt(t, ask, 1).(*model.TallyResult)
	if err := modeltest.SameTally(want, got); err != nil {
		t.Error(err)
	}
}

func TestDealRefuses(t *testing.T) {
	r, err := model.OpenLocal(t.Context(), modeltest.Dir())
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if d, err := model.NewDeal(r, model.Encode{Texts: []string{"a"}}, model.DealCut{}); d != nil || err != nil {
		t.Errorf("texts are dealt: %v", err)
	}
	m := model.New(r)
	s := model.Sweep{Base: m.Rows([][]int32{{1, 2}}).Metric(model.NLL()), Variants: []model.Variant{{Edits: []hook.Edit{hook.Z(0).Zero()}}}}
	d, err := model.NewDeal(r, s, model.DealCut{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.Do(t.Context(), 0, len(d.Chunks)+1); err == nil {
		t.Error("chunks that there are not are done")
	}
	for _, bad := range [][]byte{nil, {1, 2, 3}, []byte("{\x00")} {
		if _, err := d.Join([]int{0}, [][]byte{bad}); err == nil {
			t.Errorf("%q is joined", bad)
		}
	}
}
