package feature_test

import (
	"math"
	"slices"
	"testing"

	"github.com/golens/golens/interp/feature"
	"github.com/golens/golens/interp/sae"
	"github.com/golens/golens/model/modeltest"
)

// TestQK holds the pairs of every score to the score: with biases and LayerNorm,
// shared keys, norms of queries and keys, soft caps, norms behind sublayers, and with
// transcoders per layer and across layers.
func TestQK(t *testing.T) {
	for _, family := range []string{"gpt2", "llama_gqa", "qwen2", "qwen3", "gemma2", "gemma3_text", "olmo2", "gpt_neox", "phi_qk"} {
		m := open(t, family)
		text := m.Rows([][]int32{{1, 5, 9, 3, 7, 2}})
		c := m.Config()
		for _, at := range [][4]int{{c.Layers - 1, c.Heads - 1, 5, 2}, {1, 0, 4, 4}, {0, 1, 3, 0}} {
			q := must[*feature.QKAttribution](t)(feature.QK(m, nil, text, at[0], at[1], at[2], at[3]))
			if !(q.Error < 2e-6) || math.IsInf(q.Score, 0) {
				t.Errorf("%s %v: pairs add up within %.2g of the score %g\n%s", family, at, q.Error, q.Score, q)
			}
		}
	}
	for name, family := range cases {
		m := open(t, family)
		set := must[sae.Set](t)(sae.OpenTranscoders(m, "testdata/"+name))
		text := prompt(t, m, modeltest.OracleIn(t, "testdata/"+name, "graph.safetensors")["tokens"])
		q := must[*feature.QKAttribution](t)(feature.QK(m, set, text, 2, 1, 6, 3))
		features := 0
		for _, s := range q.QuerySources {
			if len(s) > 8 && s[:8] == "feature " {
				features++
			}
		}
		if !(q.Error < 2e-6) || features == 0 {
			t.Errorf("%s: pairs add up within %.2g, %d features\n%s", name, q.Error, features, q)
		}
	}
}

// TestLoadings holds the parts of edges by head to the edges.
func TestLoadings(t *testing.T) {
	for name, family := range cases {
		m := open(t, family)
		set := must[sae.Set](t)(sae.OpenTranscoders(m, "testdata/"+name))
		text := prompt(t, m, modeltest.OracleIn(t, "testdata/"+name, "graph.safetensors")["tokens"])
		g := must[*feature.Graph](t)(feature.Trace(m, set, text, feature.Tracing{}))
		tried, through := 0, 0
		for to, row := range slices.Backward(g.Rows) {
			target := g.Nodes[to]
			if target.Kind != feature.LogitNode && (target.Kind != feature.FeatureNode || target.Layer < 2) {
				continue
			}
			for _, e := range row {
				from := g.Nodes[e.Source]
				if (e.Source+to)%37 != 0 || tried > 12 {
					continue
				}
				tried++
				l := must[*feature.Loading](t)(feature.Loadings(m, set, text, target, from, 2))
				if math.Abs(l.Edge-float64(e.Weight)) > 2e-5*max(1, math.Abs(float64(e.Weight))) {
					t.Errorf("%s: %s to %s: parts add up to %g, the edge is %g", name, from, target, l.Edge, e.Weight)
				}
				for _, h := range l.Heads {
					if math.Abs(h) > 1e-4 {
						through++
					}
				}
				if from.Pos != target.Pos && from.Layer < 2 && math.Abs(l.Bypass-l.Edge) < 1e-9 && target.Layer == 2 && from.Layer == 1 && from.Kind == feature.FeatureNode && name != "llama_cross_layer" {
					t.Errorf("%s: %s to %s goes past attention between positions", name, from, target)
				}
			}
		}
		if tried == 0 || through == 0 {
			t.Errorf("%s: %d edges, %d parts through heads: this test tests nothing", name, tried, through)
		}
	}
}
