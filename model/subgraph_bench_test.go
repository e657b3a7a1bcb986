package model_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/golens/golens/model"
	"github.com/golens/golens/model/edge"
	"github.com/golens/golens/model/hook"
	"github.com/golens/golens/model/modeltest"
)

// BenchmarkEdges times edges beside what a user pays without them: full passes, in
// the same run. A subgraph is one in which half of all edges are cut.
func BenchmarkEdges(b *testing.B) {
	for _, shape := range []modeltest.Shape{modeltest.Small, modeltest.GPT2Small} {
		m, err := model.Open(modeltest.Random(b, shape, 1))
		if err != nil {
			b.Fatal(err)
		}
		g, err := m.Edges()
		if err != nil {
			b.Fatal(err)
		}
		rng := rand.New(rand.NewPCG(1, 2))
		batch := func() (rows [][]int32) {
			for range 32 {
				row := make([]int32, 15)
				for i := range row {
					row[i] = rng.Int32N(int32(shape.Vocab))
				}
				rows = append(rows, row)
			}
			return rows
		}
		base := model.Request{Rows: batch(), Metrics: []model.Metric{model.LogitDiff(model.IDs(1), model.IDs(2))}}
		reference := model.Reference{Source: model.Request{Rows: batch()}}
		pass := func() {
			if _, err := m.Run(base); err != nil {
				b.Fatal(err)
			}
		}
		cuts := func(n int) (all []edge.Cut) {
			for range n {
				all = append(all, cutRandom(g, rng, 0.5))
			}
			return all
		}
		subgraphs := func(cuts []edge.Cut) {
			if _, err := m.Subgraphs(model.Subgraphs{Base: base, Reference: reference, Cuts: cuts}); err != nil {
				b.Fatal(err)
			}
		}
		pass()
		for _, n := range []int{1, 8} {
			all := cuts(n)
			subgraphs(all) // compiles
			b.Run(fmt.Sprintf("%s/subgraphs=%d", shape.Name, n), func(b *testing.B) {
				passes := clock(b, func() { pass(); pass(); pass() }) / 3
				both := clock(b, func() { subgraphs(all[:1]) })
				took := clock(b, func() {
					for b.Loop() {
						subgraphs(all)
					}
				}) / float64(b.N)
				each := took / float64(n)
				if n > 1 {
					each = (took - both) / float64(n-1) // without the base and the reference
				}
				b.ReportMetric(each/passes, "passes/subgraph")
				b.ReportMetric(passes*1000, "ms/pass")
			})
		}
		b.Run(shape.Name+"/sweep=1000", func(b *testing.B) {
			s := model.Subgraphs{Base: base, Reference: reference}
			s.Base.Rows, s.Reference.Source.Rows = base.Rows[:1], reference.Source.Rows[:1]
			for range 1000 { // of one receiver half of the edges
				c, r := g.Cut(""), rng.IntN(len(g.Receivers))
				for u := range g.Before(r) {
					if u == 0 || rng.IntN(2) == 0 {
						g.Add(c, r, u)
					}
				}
				s.Cuts = append(s.Cuts, c)
			}
			full := func() {
				if _, err := m.Run(s.Base); err != nil {
					b.Fatal(err)
				}
			}
			full()
			naive := clock(b, full) * 1000
			var plan model.SubgraphPlan
			took := clock(b, func() {
				for b.Loop() {
					got, err := m.Subgraphs(s)
					if err != nil {
						b.Fatal(err)
					}
					plan = got.Plan
				}
			}) / float64(b.N)
			b.Logf("%v", plan)
			b.ReportMetric(took/naive, "of-1000-passes")
			b.ReportMetric(float64(plan.FLOPs)/float64(plan.Naive), "of-their-FLOPs")
		})
		scores := func() {
			if _, err := m.EdgeScores(model.EdgeScores{Base: base, Reference: reference}); err != nil {
				b.Fatal(err)
			}
		}
		back := base.Grad(hook.Embed())
		both := func() {
			pass()
			if _, err := m.Run(back); err != nil {
				b.Fatal(err)
			}
		}
		for range 3 { // compiles, and holds the pages that both need
			scores()
			both()
		}
		b.Run(shape.Name+"/scores", func(b *testing.B) {
			naive := clock(b, both)
			took := clock(b, func() {
				for b.Loop() {
					scores()
				}
			}) / float64(b.N)
			b.ReportMetric(took/naive, "x(2passes+back)")
		})
	}
}

// clock is how long f takes, in seconds.
func clock(b *testing.B, f func()) float64 {
	b.Helper()
	began := time.Now()
	f()
	return time.Since(began).Seconds()
}
