package feature_test

import (
	"encoding/json"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/golens/golens/interp/feature"
	"github.com/golens/golens/interp/sae"
	"github.com/golens/golens/model"
	"github.com/golens/golens/model/array"
	"github.com/golens/golens/model/hook"
	"github.com/golens/golens/model/modeltest"
)

var cases = map[string]string{"gpt2_relu": "gpt2", "llama_jumprelu_skip": "llama", "gemma2_jumprelu": "gemma2", "llama_cross_layer": "llama"}

// prompt is one of token ids, which tiny models have no texts for.
func prompt(t testing.TB, m *model.Model, ids *array.Array) model.Prompts {
	t.Helper()
	row := make([]int32, len(ids.Values()))
	for i, v := range ids.Values() {
		row[i] = int32(v)
	}
	p := m.Rows([][]int32{row})
	if p.Err() != nil {
		t.Fatal(p.Err())
	}
	return p
}

// TestCircuitTracer holds graphs, influence, pruning and scores to circuit-tracer's, on
// three families and with transcoders per layer and across layers, and every row to
// what its target reads.
func TestCircuitTracer(t *testing.T) {
	for name, family := range cases {
		t.Run(name, func(t *testing.T) {
			m := open(t, family)
			set := must[sae.Set](t)(sae.OpenTranscoders(m, "testdata/"+name))
			o := modeltest.OracleIn(t, "testdata/"+name, "graph.safetensors")
			text := prompt(t, m, o["tokens"])
			g := must[*feature.Graph](t)(feature.Trace(m, set, text, feature.Tracing{}))
			if !(g.Conservation < 2e-6) {
				t.Errorf("rows add up within %.2g", g.Conservation)
			}
			adjacency(t, "adjacency", g, o["adjacency"], 1e-4)
			near(t, "influence", g.Influence(), o["node_influence"])
			replacement, completeness := g.Scores()
			near(t, "scores", []float64{replacement, completeness}, o["scores_replacement_completeness"])
			for _, shares := range []struct {
				name         string
				nodes, edges float64
			}{{"prune.0.8.0.98", 0.8, 0.98}, {"prune.0.5.0.9", 0.5, 0.9}} {
				p := g.Prune(shares.nodes, shares.edges)
				near(t, shares.name+" cumulative", p.Cumulative, o[shares.name+".cumulative"])
				kept := make([]float64, len(p.Kept))
				for i, k := range p.Kept {
					if k {
						kept[i] = 1
					}
				}
				near(t, shares.name+" nodes", kept, o[shares.name+".node_mask"])
				edges := make([]float64, len(kept)*len(kept))
				for to, row := range p.Edges {
					for _, e := range row {
						edges[to*len(kept)+e.Source] = 1
					}
				}
				near(t, shares.name+" edges", edges, o[shares.name+".edge_mask"])
			}
			small := must[*feature.Graph](t)(feature.Trace(m, set, text, feature.Tracing{Features: len(o["selected_features"].Values()) / 2, Batch: 4, Every: 1, Logits: 5, Mass: 0.8}))
			adjacency(t, "small", small, o["small.adjacency"], 1e-4)
			given := must[*feature.Graph](t)(feature.Trace(m, set, text, feature.Tracing{Targets: []int32{5, 60}, Keep: 0.9}))
			if given.Dropped <= 0 || given.Dropped > 0.11 {
				t.Errorf("%.2g of a row was dropped", given.Dropped)
			}
			n := len(given.Nodes)
			for k, want := range o["given_5_60.probabilities"].Values() {
				if got := given.Nodes[n-2+k].Prob; math.Abs(got-float64(want)) > 1e-5 {
					t.Errorf("probability %g, not %g", got, want)
				}
			}
			written(t, g)
		})
	}
}

func near(t *testing.T, what string, got []float64, want *array.Array) {
	t.Helper()
	w := want.Values()
	if len(got) != len(w) {
		t.Errorf("%s: %d values, circuit-tracer has %d", what, len(got), len(w))
		return
	}
	worst := 0.0
	for i := range w {
		worst = max(worst, math.Abs(got[i]-float64(w[i])))
	}
	if !(worst <= 1e-4) {
		t.Errorf("%s: off by %.2g", what, worst)
	}
}

func adjacency(t *testing.T, what string, g *feature.Graph, want *array.Array, tolerance float64) {
	t.Helper()
	n := len(g.Nodes)
	if n*n != len(want.Values()) {
		t.Fatalf("%s: %d nodes, circuit-tracer has %v", what, n, want.Shape())
	}
	dense := make([]float32, n*n)
	for to, row := range g.Rows {
		for _, e := range row {
			dense[to*n+e.Source] = e.Weight
		}
	}
	worst, size := 0.0, 0.0
	for i, v := range want.Values() {
		worst = max(worst, math.Abs(float64(dense[i]-v)))
		size = max(size, math.Abs(float64(v)))
	}
	if !(worst <= tolerance*max(1, size)) {
		t.Errorf("%s: off by %.2g; the largest weight is %.2g", what, worst, size)
	}
}

// written reads the JSON as circuit-tracer's front end does: links name nodes, each id
// once.
func written(t *testing.T, g *feature.Graph) {
	t.Helper()
	data := must[[]byte](t)(g.Prune(0.8, 0.98).JSON(feature.Naming{Slug: "tiny", Scan: "scan"}))
	var page struct {
		Metadata struct {
			Slug   string   `json:"slug"`
			Tokens []string `json:"prompt_tokens"`
			Schema int      `json:"schema_version"`
		} `json:"metadata"`
		Nodes []struct {
			ID    string `json:"node_id"`
			Type  string `json:"feature_type"`
			Layer string `json:"layer"`
			Clerp string `json:"clerp"`
		} `json:"nodes"`
		Links []struct {
			Source, Target string
			Weight         float64
		} `json:"links"`
	}
	if err := json.Unmarshal(data, &page); err != nil {
		t.Fatal(err)
	}
	ids := map[string]bool{}
	for _, n := range page.Nodes {
		if ids[n.ID] {
			t.Errorf("two nodes are %s", n.ID)
		}
		ids[n.ID] = true
		if n.Type == "logit" && !strings.HasPrefix(n.Clerp, "Output ") {
			t.Errorf("logit %q", n.Clerp)
		}
	}
	for _, l := range page.Links {
		if !ids[l.Source] || !ids[l.Target] || l.Weight == 0 {
			t.Errorf("link %+v", l)
		}
	}
	if page.Metadata.Schema != 1 || len(page.Metadata.Tokens) != len(g.Tokens) || len(page.Links) == 0 {
		t.Errorf("%+v, %d links", page.Metadata, len(page.Links))
	}
}

// TestEdgeIsEffect holds a column to what doubling its source does to every target with
// all else frozen, as an edit of the model.
func TestEdgeIsEffect(t *testing.T) {
	m := open(t, "llama")
	set := must[sae.Set](t)(sae.OpenTranscoders(m, "testdata/llama_jumprelu_skip"))
	o := modeltest.OracleIn(t, "testdata/llama_jumprelu_skip", "graph.safetensors")
	text := prompt(t, m, o["tokens"])
	g := must[*feature.Graph](t)(feature.Trace(m, set, text, feature.Tracing{}))
	c := m.Config()
	var points []hook.Point
	for l := range c.Layers {
		points = append(points, hook.Pattern(l), hook.LN1Scale(l), hook.LN2Scale(l), hook.MLPOut(l), set[l].Read)
	}
	points = append(points, hook.LNFinalScale())
	base := must[*model.Result](t)(m.Run(text.Capture(points...)))
	for i, source := range g.Nodes {
		if source.Kind != feature.FeatureNode || i%9 != 0 {
			continue
		}
		r := text.Request()
		for _, p := range points {
			switch p.Kind {
			case hook.KindLN2Norm:
				continue
			case hook.KindMLPOut: // constant, but for the skip connection, and the source twice
				out := slices.Clone(base.At(p).Values())
				d := set[p.Layer]
				x := base.At(d.Read).Values()
				for pos := range g.Tokens {
					for a := range d.Out {
						for b := range d.In {
							out[pos*d.Out+a] -= d.WSkip[a*d.In+b] * x[pos*d.In+b]
						}
					}
				}
				if p.Layer == source.Layer {
					for k := range d.Out {
						out[source.Pos*d.Out+k] += float32(source.Activation) * d.WDec[source.Feature*d.Out+k]
					}
				}
				splice := *d
				coder := *d.Coder
				splice.Coder = &coder
				coder.WDec, coder.BDec = make([]float32, len(d.WDec)), make([]float32, d.Out)
				skip := must[hook.Edit](t)(splice.Splice())
				r = r.Edit(skip, p.Add(array.Of(out, array.Dim("pos", len(g.Tokens)), array.Dim("d", d.Out))))
			default:
				r = r.Edit(p.Replace(base.At(p)))
			}
		}
		for l := range c.Layers {
			r = r.Capture(set[l].Read)
		}
		got := must[*model.Result](t)(m.Run(r))
		for j, target := range g.Nodes {
			if target.Kind != feature.FeatureNode {
				continue
			}
			want := 0.0
			for _, e := range g.Rows[j] {
				if e.Source == i {
					want = float64(e.Weight)
				}
			}
			d := set[target.Layer]
			moved := 0.0
			for k := range d.In {
				at := target.Pos*d.In + k
				moved += float64(got.At(d.Read).Values()[at]-base.At(d.Read).Values()[at]) * float64(d.WEnc[k*d.Features+target.Feature])
			}
			if math.Abs(moved-want) > 2e-4 {
				t.Fatalf("%s moves %s by %g; the edge is %g", source, target, moved, want)
			}
		}
	}
}
