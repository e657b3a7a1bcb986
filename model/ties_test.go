package model_test

import (
	"math"
	"strings"
	"testing"

	"github.com/golens/golens/model"
	"github.com/golens/golens/model/modeltest"
)

// Of equal logits none is the largest, and they share the mean of their places;
// NaN comes last.
func TestTies(t *testing.T) {
	nan := float32(math.NaN())
	for _, c := range []struct {
		name   string
		logits [5]float32
		top    [5]float64
		rank   [5]float64
	}{
		{"all equal", [5]float32{2, 2, 2, 2, 2}, [5]float64{}, [5]float64{3, 3, 3, 3, 3}},
		{"two on top", [5]float32{7, 1, 7, 0, -1}, [5]float64{}, [5]float64{1.5, 3, 1.5, 4, 5}},
		{"one on top", [5]float32{7, 1, 8, 1, 1}, [5]float64{0, 0, 1}, [5]float64{2, 4, 1, 4, 4}},
		{"NaN", [5]float32{nan, 1, nan, 3, 2}, [5]float64{0, 0, 0, 1}, [5]float64{4.5, 3, 4.5, 1, 2}},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := modeltest.ByHand(t, map[string]any{"d_head": 1, "n_embd": 3, "vocab_size": 5, "n_positions": 2})
			const huge = 1e30 // its square is infinite
			h.Add("embed.W_E", 1, 0, 0).Add("embed.W_E", huge, 0, 1).Add("embed.W_E", huge, 0, 2)
			for id, v := range c.logits {
				if v != v { // weights may not be NaN; infinity less infinity is
					h.Add("unembed.W_U", huge, id, 1).Add("unembed.W_U", -huge, id, 2)
					continue
				}
				h.Add("unembed.W_U", v, id, 0)
			}
			m, err := model.Open(h.Dir())
			if err != nil {
				t.Fatal(err)
			}
			defer m.Close()
			if c.name == "NaN" && strings.HasPrefix(m.Info().Backend, "xla") {
				t.Skip("XLA adds the products of a row up in another way, so that the infinities that make the NaN may not meet")
			}
			for id := range int32(5) {
				run, err := m.Run(m.Rows([][]int32{{0}}).Metric(model.Top1(model.IDs(id)), model.Rank(model.IDs(id))))
				if err != nil {
					t.Fatal(err)
				}
				if top, rank := run.PerRow(0).At(0), run.PerRow(1).At(0); top != c.top[id] || rank != c.rank[id] {
					t.Errorf("token %d: top-1 %g and rank %g, want %g and %g", id, top, rank, c.top[id], c.rank[id])
				}
			}
		})
	}
}
