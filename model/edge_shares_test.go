package model_test

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/golens/golens/model"
	"github.com/golens/golens/model/array"
	"github.com/golens/golens/model/edge"
	"github.com/golens/golens/model/modeltest"
)

// The derivative by shares is what subgraphs change when the shares do, in every
// structure of blocks and against every reference; where nothing is cut it is edge
// attribution patching, by positions too.
func TestEdgeSharesAreDerivatives(t *testing.T) {
	for _, name := range []string{"gpt2", "llama_gqa", "gemma2", "gptj", "olmo2", "bert"} {
		dir, ok := modeltest.Families(t)[name]
		if !ok {
			t.Fatal(name)
		}
		m, err := model.Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		g, err := m.Edges()
		if err != nil {
			continue // the stream of this family is no sum
		}
		xla := strings.HasPrefix(m.Info().Backend, "xla")
		if xla && name != "gpt2" {
			continue // which compiles a graph for each layer
		}
		rng := rand.New(rand.NewPCG(7, uint64(len(name))))
		rows := func(lens ...int) (all [][]int32) {
			for _, n := range lens {
				row := make([]int32, n)
				for i := range row {
					row[i] = rng.Int32N(int32(m.Config().Vocab))
				}
				all = append(all, row)
			}
			return all
		}
		base := model.Request{Rows: rows(5, 4, 5), Metrics: []model.Metric{model.LogitDiff(model.IDs(3), model.IDs(7))}}
		references := []model.Reference{{Source: model.Request{Rows: rows(5, 4, 5)}}, {Source: model.Request{Rows: rows(6, 5)}, Mean: true, WholeEmbedding: true}, {}}
		if name != "gpt2" || xla {
			references = references[:1]
		}
		for _, reference := range references {
			cut := cutShares(g, rng, 0, 0)
			ask := model.EdgeScores{Base: base, Reference: reference, Shares: []edge.Cut{cut}}
			got, err := m.EdgeScores(ask)
			if err != nil {
				t.Fatal(err)
			}
			// Along a random direction, both ways.
			const h = 0.01
			way := make([]float32, len(cut.Share.Values()))
			want := model.Subgraphs{Base: base, Reference: reference, Cuts: []edge.Cut{cut}}
			for _, sign := range []float32{1, -1} {
				x := make([]float32, len(way))
				for r := range g.Receivers {
					for s := range g.Before(r) {
						i := r*len(g.Senders) + s
						if v := cut.Share.Values()[i]; sign > 0 && v > h && v < 1-h {
							way[i] = rng.Float32()*2 - 1
						}
					}
				}
				for i, v := range cut.Share.Values() {
					x[i] = v + sign*h*way[i]
				}
				want.Cuts = append(want.Cuts, edge.Cut{Share: array.Of(x, cut.Share.Axes()...)})
			}
			moved, err := m.Subgraphs(want)
			if err != nil {
				t.Fatal(err)
			}
			if d := modeltest.MaxDiff(got.Cut, moved.PerRow(0).Select("variant", 0)); d > 2e-3 {
				t.Errorf("%s: the metric is %.2g off that of the subgraph", name, d)
			}
			for row := range base.Rows {
				by, sum := 0.0, 0.0
				for r := range g.Receivers {
					for s := range g.Senders {
						d := got.PerRow.At(row, r, s) * float64(way[r*len(g.Senders)+s])
						by, sum = by+d, sum+math.Abs(d)
					}
				}
				measured := (moved.PerRow(0).At(1, row) - moved.PerRow(0).At(2, row)) / (2 * h)
				if math.Abs(by-measured) > 0.01*max(sum/10, math.Abs(measured), 0.1) {
					t.Errorf("%s, row %d: derivative %.4f along a direction, measured %.4f (of terms of %.4f)", name, row, by, measured, sum)
				}
			}
			for _, byPosition := range []bool{false, true} {
				ask := model.EdgeScores{Base: base, Reference: reference, ByPosition: byPosition}
				eap, err := m.EdgeScores(ask)
				if err != nil {
					t.Fatal(err)
				}
				ask.Shares = []edge.Cut{g.Cut("none")}
				got, err := m.EdgeScores(ask)
				if err != nil {
					t.Fatal(err)
				}
				top, _ := eap.PerRow.Max()
				if d := modeltest.MaxDiff(got.PerRow, eap.PerRow); d > 1e-4*max(top, 1) {
					t.Errorf("%s, by position %t: nothing is cut and the scores are %.2g off EAP, up to %.2g", name, byPosition, d, top)
				}
			}
		}
	}
}
