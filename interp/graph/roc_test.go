package graph_test

import (
	"encoding/json"
	"math"
	"testing"

	"github.com/golens/golens/interp/graph"
)

func TestROC(t *testing.T) {
	g := graph.Of(gpt2(1, 2))
	logits, _ := g.Receiver(graph.Logits(), graph.ToLogits)
	want := g.None()
	want.Add(0, logits)
	want.Add(1, logits)
	others := float64(g.Len() - 2)
	half := g.None() // one of the two, and one other
	half.Add(0, logits)
	half.Add(0, 0)
	r, err := want.ROC(half)
	if err != nil {
		t.Fatal(err)
	}
	if area := (1 - 1/others) / 2; math.Abs(r.Area-area) > 1e-12 {
		t.Errorf("%s; want %g", r, area)
	}
	scores := g.Scores()
	scores.Set(-3, 0, logits)
	scores.Set(2, 1, logits)
	if r, err := want.ROCOf(scores, graph.Size); err != nil || r.Area != 1 {
		t.Errorf("the best two edges: %v, %v", r, err)
	}
	if r, err := want.ROCOf(g.Scores(), graph.Size); err != nil || r.Area != 0 {
		t.Errorf("all scores are equal: %v, %v", r, err) // the least that there can be
	}
	if r, err := want.ROC(want); err != nil || r.Area != 1 {
		t.Errorf("the reference itself: %v, %v", r, err)
	}
	if _, err := g.None().ROC(half); err == nil {
		t.Error("a reference without edges")
	}
	if want.Jaccard(half) != 1./3 || g.None().Jaccard(g.None()) != 1 {
		t.Error("Jaccard")
	}
}

// A file goes out and comes back, keys and values that heads share included, and a
// file of EAP-IG's own shape is read.
func TestEAPIGFiles(t *testing.T) {
	for _, kv := range []int{4, 2} {
		c := gpt2(2, 4)
		c.KVHeads, c.DModel = kv, 32
		g := graph.Of(c)
		scores, set := g.Scores(), g.None()
		i := 0
		for u, v := range g.All().Edges() {
			scores.Set(float64(i-20)/8, u, v)
			if i++; i%3 == 0 {
				set.Add(u, v)
			}
		}
		data, err := set.EAPIG(scores)
		if err != nil {
			t.Fatal(err)
		}
		back, again, err := g.ParseEAPIG(data)
		if err != nil {
			t.Fatal(err)
		}
		for u, v := range g.All().Edges() {
			if back.Has(u, v) != set.Has(u, v) || again.At(u, v) != scores.At(u, v) {
				t.Errorf("%d key heads: %s comes back as %t, %g", kv, g.Edge(u, v), back.Has(u, v), again.At(u, v))
			}
		}
		var f struct {
			Nodes, Edges map[string]any
		}
		if err := json.Unmarshal(data, &f); err != nil {
			t.Fatal(err)
		}
		if len(f.Edges) != graph.Of(gpt2(2, 4)).Len() || len(f.Nodes) != 12 { // as EAP-IG counts, which ungroups
			t.Errorf("%d key heads: %d edges and %d nodes", kv, len(f.Edges), len(f.Nodes))
		}
		if _, _, err := graph.Of(gpt2(3, 4)).ParseEAPIG(data); err == nil {
			t.Error("a file of another model is read")
		}
	}
	g := graph.Of(gpt2(1, 1))
	set, scores, err := g.ParseEAPIG([]byte(`{"cfg":{"n_layers":1,"n_heads":1,"parallel_attn_mlp":false,"d_model":4},
		"nodes":{"input":{"in_graph":true},"a0.h0":{"in_graph":true,"score":0.5},"m0":{"in_graph":false},"logits":{"in_graph":true}},
		"edges":{"input->a0.h0<v>":{"score":-0.25,"in_graph":true},"a0.h0->logits":{"score":1,"in_graph":true},"input->m0":{"in_graph":false}}}`))
	if err != nil {
		t.Fatal(err)
	}
	v, _ := g.Receiver(graph.Head(0, 0), graph.ToValue)
	mlp, _ := g.Receiver(graph.MLP(0), graph.ToMLP)
	if set.Len() != 2 || scores.At(0, v) != -0.25 || !math.IsNaN(scores.At(0, mlp)) {
		t.Errorf("%d edges, %g, %g", set.Len(), scores.At(0, v), scores.At(0, mlp))
	}
}
