package graph_test

import (
	"encoding/json"
	"math"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/golens/golens/interp/graph"
	"github.com/golens/golens/model/array"
	"github.com/golens/golens/model/config"
	"github.com/golens/golens/model/edge"
	"github.com/golens/golens/model/modeltest"
)

// gpt2 has the layers and heads of a model, and MLPs.
func gpt2(layers, heads int) config.Config {
	return config.Config{Layers: layers, Heads: heads, KVHeads: heads, DMLP: 1}
}

// As the papers count them, where they print a number: GPT-2 small in Hanna et
// al. 2024 and Conmy et al. 2023, its docstring model there too.
func TestCounts(t *testing.T) {
	attention := func(layers, heads int) config.Config {
		c := gpt2(layers, heads)
		c.DMLP = 0
		return c
	}
	parallel, grouped := gpt2(3, 4), gpt2(3, 4)
	parallel.Parallel = true
	grouped.KVHeads = 2
	for _, c := range []struct {
		name       string
		conf       config.Config
		want, acdc int
	}{
		{"gpt2", gpt2(12, 12), 32491, 32923},
		{"gpt2-medium", gpt2(24, 16), 231877, 233029},
		{"docstring", attention(4, 8), 1281, 1377},
		{"two layers", attention(2, 8), 257, 305},
		{"parallel blocks", parallel, 3*4*(1+6+11) + 1 + 6 + 11 + 16, 3*4*(1+6+11) + 1 + 6 + 11 + 16 + 36},
		// Each sender reaches four queries, two keys and two values of a layer.
		{"grouped queries", grouped, 8*(1+6+11) + 5 + 10 + 15 + 16, 8*(1+6+11) + 5 + 10 + 15 + 16 + 36},
	} {
		if got := graph.Of(c.conf).Len(); got != c.want {
			t.Errorf("%s has %d edges, want %d", c.name, got, c.want)
		}
		if got := graph.ACDC(c.conf).Len(); got != c.acdc {
			t.Errorf("%s has %d edges as ACDC counts, want %d", c.name, got, c.acdc)
		}
	}
	if g := graph.Of(gpt2(12, 12)); len(g.Senders) != 157 || len(g.Receivers) != 445 {
		t.Errorf("%d senders and %d receivers", len(g.Senders), len(g.Receivers))
	}
}

// oracle is what EAP-IG did on the tiny GPT-2: scores, what was selected and
// pruned, and the names.
type oracle struct {
	Edges                          int
	Senders, Receivers, Selections []string
	Counts                         []int
	Tied                           map[string]map[string][]int `json:"tied_at_the_cut"`
}

func readOracle(t *testing.T) (o oracle, tensors map[string]*array.Array) {
	t.Helper()
	data, err := os.ReadFile("testdata/edges/edges.json")
	if err == nil {
		err = json.Unmarshal(data, &o)
	}
	if err != nil {
		t.Fatal(err)
	}
	return o, modeltest.OracleIn(t, "testdata/edges", "edges.safetensors")
}

// theirs is a name as EAP-IG writes it.
func theirs(p graph.Part, input graph.Input) string {
	name := map[graph.PartKind]string{graph.EmbedPart: "input", graph.LogitsPart: "logits", graph.MLPPart: "m" + strings.TrimPrefix(p.String(), "mlp ")}[p.Kind]
	if p.IsHead() {
		name = "a" + strings.Replace(p.String(), ".", ".h", 1)
		if input != "" {
			name += "<" + string(input) + ">"
		}
	}
	return name
}

// The order and the edges are those of EAP-IG.
func TestOrderIsThatOfEAPIG(t *testing.T) {
	o, tensors := readOracle(t)
	g := graph.Of(gpt2(3, 4))
	var senders, receivers []string
	for _, p := range g.Senders {
		senders = append(senders, theirs(p, ""))
	}
	for _, r := range g.Receivers {
		receivers = append(receivers, theirs(r.Part, r.Input))
	}
	if !slices.Equal(senders, o.Senders) || !slices.Equal(receivers, o.Receivers) || g.Len() != o.Edges {
		t.Fatalf("%v\n%v\n%d edges", senders, receivers, g.Len())
	}
	mask := tensors["real_edge_mask"]
	for s := range senders {
		for r := range receivers {
			if g.Has(s, r) != (mask.At(s, r) == 1) {
				t.Errorf("%s: there is an edge: %t", g.Edge(s, r), g.Has(s, r))
			}
			if v := g.Scores().At(s, r); (v == 0) != g.Has(s, r) {
				t.Fatalf("%s: the empty score is %g", g.Edge(s, r), v)
			}
		}
	}
}

// What is selected by any scores and pruned is what EAP-IG keeps, edge by edge.
func TestSelectionIsThatOfEAPIG(t *testing.T) {
	o, tensors := readOracle(t)
	g := graph.Of(gpt2(3, 4))
	compared := 0
	for method, tied := range o.Tied {
		scores, kept := tensors["scores."+method], tensors["kept."+method]
		for i, selection := range o.Selections {
			for k, n := range o.Counts {
				if slices.Contains(tied[selection], n) {
					continue // their sort is not stable
				}
				by, pick := graph.Size, g.Top
				if strings.HasSuffix(selection, "signed") {
					by = graph.Signed
				}
				if strings.HasPrefix(selection, "greedy") {
					pick = g.Greedy
				}
				set, err := pick(scores, n, by)
				if err != nil {
					t.Fatal(err)
				}
				pruned := set.Prune()
				for s := range g.Senders {
					for r := range g.Receivers {
						if pruned.Has(s, r) != (kept.At(i, k, s, r) == 1) {
							t.Errorf("%s, %s, %d edges: %s is kept: %t", method, selection, n, g.Edge(s, r), pruned.Has(s, r))
						}
					}
				}
				compared++
			}
		}
	}
	if compared < 200 {
		t.Errorf("only %d selections were compared", compared)
	}
}

func TestSets(t *testing.T) {
	g := graph.Of(gpt2(12, 12))
	logits, _ := g.Receiver(graph.Logits(), graph.ToLogits)
	last, _ := g.Sender(graph.MLP(11))
	set := g.None()
	set.Add(0, logits)
	set.Add(last, logits)
	set.Add(last, 0) // no edge: it comes later
	set.Add(-1, 0)
	if set.Len() != 2 || !set.Has(last, logits) || set.Has(last, 0) || set.Has(999, 0) {
		t.Errorf("%d edges", set.Len())
	}
	if got := slices.Collect(set.Into(logits)); !slices.Equal(got, []int{0, last}) {
		t.Errorf("into the logits: %v", got)
	}
	rest := set.Rest()
	if rest.Len() != g.Len()-2 || rest.Has(0, logits) || !rest.Has(1, logits) || rest.Rest().Len() != 2 {
		t.Errorf("%d other edges", rest.Len())
	}
	for s, r := range set.Edges() {
		if g.Edge(s, r).String() != "embed → logits" {
			t.Errorf("%s comes first", g.Edge(s, r))
		}
		break
	}
	other := set.Clone()
	other.Remove(last, logits)
	if other.Len() != 1 || set.Len() != 2 {
		t.Error("a clone shares its edges")
	}
	all := g.All()
	if all.Prune().Len() != g.Len() || other.Prune().Len() != 1 || g.None().Prune().Len() != 0 {
		t.Error("pruning takes what hangs nowhere in the air")
	}
}

// The engine's edges are the same, in the same order, also where keys are shared
// and where blocks run attention and MLP side by side.
func TestCutsAreTheEngines(t *testing.T) {
	for _, kv := range []int{1, 2, 4} {
		for _, parallel := range []bool{false, true} {
			c := gpt2(2, 4)
			c.KVHeads, c.Parallel = kv, parallel
			engine, err := edge.Of(c)
			if err != nil {
				t.Fatal(err)
			}
			for _, g := range []*graph.Graph{graph.Of(c), graph.ACDC(c)} {
				set := g.None()
				set.Add(0, 3)
				all, cut := g.None().Cut("nothing is left"), set.Cut("one is left")
				if len(engine.Senders) != len(g.Senders) || len(engine.Receivers) != len(g.Receivers) {
					t.Fatalf("%d senders and %d receivers", len(engine.Senders), len(engine.Receivers))
				}
				if err := engine.Check(all, 1, 1); err != nil {
					t.Fatal(err)
				}
				for s, p := range g.Senders {
					for r := range g.Receivers {
						if is := s < engine.Before(r); engine.Has(all, r, s) != is || engine.Has(cut, r, s) != (is && (s != 0 || r != 3)) {
							t.Errorf("%d key heads, parallel %t: the cut of %s differs", kv, parallel, g.Edge(s, r))
						}
					}
					if at := engine.Senders[s]; p.Layer != at.Layer || p.IsHead() && !slices.Equal(at.Heads, []int{p.Index}) {
						t.Errorf("sender %s is %s", p, at)
					}
				}
			}
		}
	}
}

// Query heads that share a key share the receiver, and keep each other's edges.
func TestSharedKeys(t *testing.T) {
	c := gpt2(2, 4)
	c.KVHeads = 2
	g := graph.Of(c)
	first, _ := g.Receiver(graph.Head(1, 2), graph.ToKey)
	second, found := g.Receiver(graph.Head(1, 3), graph.ToKey)
	other, _ := g.Receiver(graph.Head(1, 1), graph.ToKey)
	if !found || first != second || first == other || g.Receivers[first].String() != "1.2 k" {
		t.Errorf("receivers %d, %d, %d", first, second, other)
	}
	set := g.None()
	logits, _ := g.Receiver(graph.Logits(), graph.ToLogits)
	head, _ := g.Sender(graph.Head(1, 3))
	set.Add(0, first)
	set.Add(head, logits)
	if got := set.Prune().Len(); got != 2 {
		t.Errorf("%d edges are left of the way through the second head of a group", got)
	}
	set.Remove(head, logits)
	if got := set.Prune().Len(); got != 0 {
		t.Errorf("%d edges are left of a way that ends", got)
	}
}

// In ACDC's graph a head is led to only by inputs that its output reads.
func TestPruningInsideHeads(t *testing.T) {
	g := graph.ACDC(gpt2(1, 1))
	set := g.None()
	q, _ := g.Receiver(graph.Head(0, 0), graph.ToQuery)
	logits, _ := g.Receiver(graph.Logits(), graph.ToLogits)
	head, _ := g.Sender(graph.Head(0, 0))
	set.Add(0, q)
	set.Add(head, logits)
	if set.Prune().Len() != 0 {
		t.Error("the query is read by nothing")
	}
	set.Add(head, q)
	if got := set.Prune().Len(); got != 3 {
		t.Errorf("%d edges are left, want 3", got)
	}
	if _, err := g.Greedy(g.Scores(), 3, graph.Size); err == nil {
		t.Error("a greedy walk through heads is no error")
	}
}

func TestBadScores(t *testing.T) {
	g := graph.Of(gpt2(1, 2))
	nan := g.Scores()
	nan.Values()[0] = float32(math.NaN()) // of an edge
	for want, pick := range map[string]func() (*graph.Set, error){
		"shape [2]":              func() (*graph.Set, error) { return g.Top(array.New(array.Dim("x", 2)), 1, graph.Size) },
		"score of embed → 0.0 q": func() (*graph.Set, error) { return g.Greedy(nan, 1, graph.Size) },
		"rank 7 is not known":    func() (*graph.Set, error) { return g.Above(g.Scores(), 1, 7) },
		"edges above 1: invalid": func() (*graph.Set, error) { return g.Above(array.Failed(os.ErrInvalid), 1, graph.Size) },
	} {
		if _, err := pick(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v; it should say %q", err, want)
		}
	}
	scores := g.Scores()
	scores.Set(-2, 0, 0)
	if set, err := g.Above(scores, 1, graph.Size); err != nil || set.Len() != 1 {
		t.Errorf("%d edges, %v", set.Len(), err)
	}
	if set, err := g.Above(scores, 0, graph.Signed); err != nil || set.Len() != g.Len()-1 {
		t.Errorf("%d edges, %v", set.Len(), err)
	}
}

func BenchmarkPrune(b *testing.B) {
	all := graph.Of(gpt2(12, 12)).All()
	for b.Loop() {
		all.Prune()
	}
}
