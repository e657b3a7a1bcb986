package cluster_test

import (
	"math/rand/v2"
	"os"
	"testing"
	"time"

	"github.com/golens/golens/kernel/cluster"
	"github.com/golens/golens/model"
	"github.com/golens/golens/model/hook"
	"github.com/golens/golens/model/modeltest"
)

// TestCost says what it costs to deal to one worker of this machine, in the shape of
// GPT-2 small; with GOLENS_COST set, since it takes minutes.
func TestCost(t *testing.T) {
	if os.Getenv("GOLENS_COST") == "" {
		t.Skip("GOLENS_COST is not set")
	}
	os.Unsetenv("GOLENS_CLUSTER_PIECE")
	dir := modeltest.Random(t, modeltest.GPT2Small, 1)
	s := startServer(t, cluster.Options{})
	startWorker(t, s.Join, "GOLENS_TEST_MODEL="+dir).until(t, "worker ")
	open := func(where string) *model.Model {
		m, err := model.OpenContext(model.WithCluster(t.Context(), where), dir)
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	here, dealt := open(""), open(s.Join)
	prompts := func(n int) [][]int32 {
		rows := make([][]int32, n)
		rng := rand.New(rand.NewPCG(1, 1))
		for i := range rows {
			for range 15 {
				rows[i] = append(rows[i], rng.Int32N(50257))
			}
		}
		return rows
	}
	heads := func(n int, edit func(l, h int) [][]hook.Edit) model.Sweep {
		s := model.Sweep{Base: here.Rows(prompts(n)).Metric(model.LogProbOf(3))}
		for l := range 12 {
			for h := range 12 {
				for _, edits := range edit(l, h) {
					s.Variants = append(s.Variants, model.Variant{Edits: edits})
				}
			}
		}
		return s
	}
	for name, sweep := range map[string]model.Sweep{
		"144 heads x 32 prompts": heads(32, func(l, h int) [][]hook.Edit { return [][]hook.Edit{{hook.Z(l).Head(h).Zero()}} }),
		"2,160 cells of a prompt": heads(1, func(l, h int) (all [][]hook.Edit) {
			for pos := range 15 {
				all = append(all, []hook.Edit{hook.Z(l).Head(h).At(pos).Zero()})
			}
			return all
		}),
	} {
		small := sweep
		small.Variants = small.Variants[:4]
		for _, m := range []*model.Model{here} { // graphs are compiled, pages are there
			if _, err := m.Sweep(small); err != nil {
				t.Fatal(err)
			}
		}
		began := time.Now()
		want, err := here.Sweep(sweep)
		if err != nil {
			t.Fatal(err)
		}
		local := time.Since(began)
		plan, err := dealt.Explain(sweep)
		if err != nil {
			t.Fatal(err)
		}
		began = time.Now()
		got, err := dealt.Sweep(sweep)
		if err != nil {
			t.Fatal(err)
		}
		over := time.Since(began)
		if err := modeltest.SameSweep(want, got); err != nil {
			t.Error(err)
		}
		t.Logf("%s: here %.2f s, dealt to one worker %.2f s (%+.1f%%), %d messages, %.2f MB", name, local.Seconds(), over.Seconds(), 100*(over.Seconds()/local.Seconds()-1), plan.Messages, float64(plan.Bytes)/1e6)
	}
}
