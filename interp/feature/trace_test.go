package feature_test

import (
	"bytes"
	"encoding/json"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
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

// written reads the files as circuit-tracer's server and front end do: its schema
// (frontend/graph_models.py) has these keys of these types and no others, and util-cg.js
// finds a probability in the label of a logit, a token for every position, and the ends of
// links by their ids.
func written(t *testing.T, g *feature.Graph) {
	t.Helper()
	dir := t.TempDir()
	for range 2 { // the second takes the place of the first
		if err := g.Prune(0.8, 0.98).Save(dir, feature.Naming{Slug: "tiny", Scan: "scan", SourceSet: "set", URL: "https://example.org/features"}); err != nil {
			t.Fatal(err)
		}
	}
	type metadata struct {
		Slug        *string   `json:"slug"`
		Scan        *string   `json:"scan"`
		Transcoders *[]string `json:"transcoder_list"`
		Tokens      *[]string `json:"prompt_tokens"`
		Prompt      *string   `json:"prompt"`
		Threshold   *float64  `json:"node_threshold"`
		Schema      *int      `json:"schema_version"`
		Details     *struct {
			Set string `json:"neuronpedia_source_set"`
			URL string `json:"feature_json_base_url"`
		} `json:"feature_details"`
		Info *struct {
			Generator struct{ Name, URL string }
		} `json:"info"`
		Pruning *struct {
			Nodes float64 `json:"node_threshold"`
			Edges float64 `json:"edge_threshold"`
		} `json:"pruning_settings"`
	}
	var page struct {
		Metadata *metadata `json:"metadata"`
		Params   *struct {
			Pinned     *[]string   `json:"pinnedIds"`
			Supernodes *[][]string `json:"supernodes"`
			Links      *string     `json:"linkType"`
			Clicked    *string     `json:"clickedId"`
			Subgraph   *string     `json:"sg_pos"`
		} `json:"qParams"`
		Nodes []struct {
			ID         *string  `json:"node_id"`
			Feature    *int     `json:"feature"`
			Layer      *string  `json:"layer"`
			Pos        *int     `json:"ctx_idx"`
			Type       *string  `json:"feature_type"`
			Prob       *float64 `json:"token_prob"`
			Target     *bool    `json:"is_target_logit"`
			Run        *int     `json:"run_idx"`
			Reverse    *int     `json:"reverse_ctx_idx"`
			JS         *string  `json:"jsNodeId"`
			Clerp      *string  `json:"clerp"`
			Influence  *float64 `json:"influence"`
			Activation *float64 `json:"activation"`
		} `json:"nodes"`
		Links []struct {
			Source, Target *string
			Weight         *float64
		} `json:"links"`
	}
	read := func(name string, to any) {
		t.Helper()
		data, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		strict := json.NewDecoder(bytes.NewReader(data))
		strict.DisallowUnknownFields()
		if err := strict.Decode(to); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
	}
	read("tiny.json", &page)
	var list struct {
		Graphs []metadata `json:"graphs"`
	}
	read("graph-metadata.json", &list)
	if len(list.Graphs) != 1 || !reflect.DeepEqual(&list.Graphs[0], page.Metadata) {
		t.Errorf("the list of graphs has %+v, the graph %+v", list.Graphs, page.Metadata)
	}
	given := func(v any) { // required keys, which are pointers that were set
		t.Helper()
		for s, i := reflect.Indirect(reflect.ValueOf(v)), 0; i < s.NumField(); i++ {
			name := s.Type().Field(i).Name
			if s.Field(i).IsNil() && name != "Influence" && name != "Activation" {
				t.Fatalf("%s is missing in %+v", name, v)
			}
		}
	}
	given(page.Metadata)
	given(page.Params)
	ids, targets := map[string]bool{}, 0
	for _, n := range page.Nodes {
		given(n)
		if ids[*n.ID] {
			t.Errorf("two nodes are %s", *n.ID)
		}
		ids[*n.ID] = true
		if numbers := strings.Split(*n.ID, "_"); len(numbers) != 3 || numbers[2] != strconv.Itoa(*n.Pos) || numbers[0] != *n.Layer {
			t.Errorf("%s is not LAYER_FEATURE_POSITION of %s at %d", *n.ID, *n.Layer, *n.Pos)
		}
		if *n.Pos < 0 || *n.Pos >= len(*page.Metadata.Tokens) {
			t.Errorf("position %d", *n.Pos)
		}
		if _, err := strconv.Atoi(*n.Layer); err != nil && *n.Layer != "E" {
			t.Errorf("layer %q", *n.Layer)
		}
		switch *n.Type {
		case "logit":
			_, after, _ := strings.Cut(*n.Clerp, "(p=")
			number, _, ok := strings.Cut(after, ")")
			if p, err := strconv.ParseFloat(number, 64); !ok || err != nil || math.Abs(p-*n.Prob) > 1e-3 {
				t.Errorf("logit %q of probability %g", *n.Clerp, *n.Prob)
			}
			if *n.Target {
				targets++
			}
		case "cross layer transcoder":
			if n.Influence == nil || n.Activation == nil {
				t.Errorf("feature %s without influence or activation", *n.ID)
			}
		case "embedding", "mlp reconstruction error":
		default:
			t.Errorf("a node of type %q", *n.Type)
		}
	}
	for _, l := range page.Links {
		if !ids[*l.Source] || !ids[*l.Target] || *l.Weight == 0 {
			t.Errorf("link %s to %s of %g", *l.Source, *l.Target, *l.Weight)
		}
	}
	if m := page.Metadata; m.Details.Set != "set" || m.Details.URL == "" || m.Info.Generator.Name != "golens" || m.Pruning.Nodes != 0.8 || m.Pruning.Edges != 0.98 {
		t.Errorf("%+v", m)
	}
	if *page.Metadata.Schema != 1 || len(*page.Metadata.Tokens) != len(g.Tokens) || len(page.Links) == 0 || targets != 1 {
		t.Errorf("%+v, %d links, %d logits are the target", page.Metadata, len(page.Links), targets)
	}
	python, checkout := os.Getenv("GOLENS_PYTHON"), os.Getenv("GOLENS_CIRCUIT_TRACER")
	if python == "" || checkout == "" {
		return // a Python with pydantic and a checkout of circuit-tracer: its own model of the file
	}
	out, err := exec.Command(python, "-c", `
import sys, importlib.util
spec = importlib.util.spec_from_file_location("m", sys.argv[1] + "/circuit_tracer/frontend/graph_models.py")
m = importlib.util.module_from_spec(spec); spec.loader.exec_module(m)
print(len(m.Model.model_validate_json(open(sys.argv[2]).read()).nodes))
`, checkout, filepath.Join(dir, "tiny.json")).CombinedOutput()
	if n, e := strconv.Atoi(strings.TrimSpace(string(out))); err != nil || e != nil || n != len(page.Nodes) {
		t.Errorf("circuit-tracer's model of the file: %v\n%s", err, out)
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
