package circuit_test

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/golens/golens/interp/ablate"
	"github.com/golens/golens/interp/circuit"
	"github.com/golens/golens/interp/graph"
	"github.com/golens/golens/interp/patch"
	"github.com/golens/golens/interp/task"
	"github.com/golens/golens/model"
	"github.com/golens/golens/model/hook"
	"github.com/golens/golens/model/modeltest"
)

// As the papers count them where they print a number, attention-only models
// without the edges from a head's inputs to its output.
func TestEdgesOf(t *testing.T) {
	shape := modeltest.Shape{Name: "gpt2-small, thin", Layers: 12, Heads: 12, DModel: 12, DMLP: 12, Vocab: 97, Context: 16}
	for _, c := range []struct {
		name string
		want int
	}{
		{modeltest.Random(t, shape, 1), 32491},
		{modeltest.Dir(), 3*4*(1+6+11) + 5 + 10 + 15 + 16},
		{"zoo:ioi-4l", 3*4*(1+5+9+13) + 17},
		{familyDir(t, "gptj"), 3*4*(1+6+11) + 1 + 6 + 11 + 16}, // an MLP does not see the heads of its layer
	} {
		m := open(t, c.name)
		all := circuit.EdgesOf(m)
		if len(all) != c.want {
			t.Errorf("%s has %d edges, want %d", c.name, len(all), c.want)
		}
		whole := &circuit.Circuit{Name: "all", Nodes: every(m), Edges: all}
		// Measured at 10 ms for GPT-2 small; quadratic it took 15 s. A busy machine may
		// take one try for long, not each.
		least := time.Hour
		for try := 0; try < 10 && least > 2*time.Second; try++ {
			start := time.Now()
			if err := whole.Check(m); err != nil {
				t.Fatal(err)
			}
			least = min(least, time.Since(start))
		}
		if least > 2*time.Second {
			t.Errorf("%s: checking %d edges took %s", c.name, len(all), least)
		}
	}
}

func BenchmarkCheck(b *testing.B) {
	shape := modeltest.Shape{Name: "gpt2-small, thin", Layers: 12, Heads: 12, DModel: 12, DMLP: 12, Vocab: 97, Context: 16}
	m := open(b, modeltest.Random(b, shape, 1))
	whole := &circuit.Circuit{Name: "all", Nodes: every(m), Edges: circuit.EdgesOf(m)}
	for b.Loop() {
		if err := whole.Check(m); err != nil {
			b.Fatal(err)
		}
	}
}

func familyDir(t *testing.T, name string) string {
	t.Helper()
	dir, ok := modeltest.Families(t)[name]
	if !ok {
		t.Fatalf("no family %s", name)
	}
	return dir
}

// every node of a model, at all positions.
func every(m *model.Model) (all []circuit.Node) {
	for l := range m.Config().Layers {
		for h := range m.Config().Heads {
			all = append(all, circuit.Node{Part: graph.Head(l, h)})
		}
		if !m.Config().AttnOnly() {
			all = append(all, circuit.Node{Part: graph.MLP(l)})
		}
	}
	return all
}

// induced gives a circuit all edges between its nodes, from the embeddings and
// to the logits.
func induced(m *model.Model, c *circuit.Circuit, between func(e circuit.Edge) bool) *circuit.Circuit {
	in := map[graph.Part]bool{graph.Embed(): true, graph.Logits(): true}
	for _, n := range c.Nodes {
		in[n.Part] = true
	}
	for _, e := range circuit.EdgesOf(m) {
		if in[e.From] && in[e.To] && between(e) {
			c.Edges = append(c.Edges, e)
		}
	}
	return c
}

func betweenHeads(e circuit.Edge) bool {
	return e.From.IsHead() && e.To.Kind != graph.MLPPart
}

// A circuit with all edges between its nodes is the circuit of its nodes, whose
// knock-outs are held against a naive twin elsewhere.
func TestAllEdgesBetweenNodesAreTheNodes(t *testing.T) {
	for name, dir := range map[string]string{"gpt2": modeltest.Dir(), "gptj": familyDir(t, "gptj"), "llama_gqa": familyDir(t, "llama_gqa")} {
		m := open(t, dir)
		if name != "gpt2" {
			t.Logf("%s", m.Config())
		}
		k := ragged(m)
		c := &circuit.Circuit{Name: "some", Nodes: []circuit.Node{
			{Part: graph.Head(0, 1), At: []string{"A", "B"}, Class: "a"}, {Part: graph.Head(1, 0), Class: "a"},
			{Part: graph.Head(1, 2), At: []string{"END"}, Class: "b"}, {Part: graph.Head(0, 3), Class: "c"},
		}}
		withMLPs := &circuit.Circuit{Name: "with MLPs", Nodes: append([]circuit.Node{
			{Part: graph.MLP(0)}, {Part: graph.MLP(1), At: []string{"A", "END"}}}, c.Nodes...)}
		for _, pair := range []struct {
			nodes, edges circuit.Components
			c            *circuit.Circuit
			between      func(circuit.Edge) bool
		}{
			{circuit.HeadsOnly, circuit.HeadEdges, c, betweenHeads},
			{circuit.HeadsAndMLPs, circuit.AllEdges, withMLPs, func(circuit.Edge) bool { return true }},
		} {
			c := induced(m, pair.c, pair.between)
			for _, a := range []circuit.Settings{{}, {Ablation: of(ablate.Mean)}, {Ablation: of(ablate.Zero), Where: circuit.Everywhere}, {Ablation: of(ablate.Resample)}} {
				if a.Ablation.Value != 0 && name != "gpt2" {
					continue // the reference does not hang on the family
				}
				var f [2]*circuit.Faithfulness
				var g [2]*circuit.Completeness
				for i, what := range []circuit.Components{pair.nodes, pair.edges} {
					a.Components, a.Random = what, -1
					var err error
					if f[i], err = faithfulness(m, k, c, a); err != nil {
						t.Fatal(err)
					}
					if g[i], err = completeness(m, k, c, a, circuit.Search{Random: 2, Greedy: circuit.Greedy{Runs: -1}}); err != nil {
						t.Fatal(err)
					}
				}
				for row := range k.Len() {
					for i, name := range []string{"F(M)", "F(C)", `F(M\C)`, "F(∅)"} {
						if i == 2 || i == 3 && pair.edges == circuit.AllEdges {
							continue // edges to other nodes stay; the embeddings' go
						}
						if x, y := f[0].Samples.At(row, i), f[1].Samples.At(row, i); math.Abs(x-y) > noise {
							t.Errorf("%s, %s, row %d: %s is %g, by nodes %g", m.Info().Name, a, row, name, y, x)
						}
					}
					for i, w := range g[0].Sets {
						if x, y := g[0].Samples.At(row, i), g[1].Samples.At(row, i); math.Abs(x-y) > 2*noise {
							t.Errorf("%s, %s, row %d: gap at %s is %g, by nodes %g", m.Info().Name, a, row, w.Name, y, x)
						}
					}
				}
			}
		}
	}
}

// One edge cut in the whole model is path patching along that edge alone.
func TestOneEdgeIsAPath(t *testing.T) {
	m := open(t, modeltest.Dir())
	k := ragged(m)
	all := circuit.EdgesOf(m)
	for _, c := range []struct {
		edge   circuit.Edge
		sender hook.Point
		to     []hook.Point
	}{
		{circuit.Edge{From: graph.Head(0, 1), To: graph.Head(2, 3), Input: graph.ToQuery}, hook.Z(0).Head(1), []hook.Point{hook.QInput(2).Head(3)}},
		{circuit.Edge{From: graph.Head(1, 2), To: graph.Head(2, 0), Input: graph.ToKey}, hook.Z(1).Head(2), []hook.Point{hook.KInput(2).Head(0)}},
		{circuit.Edge{From: graph.MLP(0), To: graph.Head(1, 1), Input: graph.ToValue}, hook.MLPOut(0), []hook.Point{hook.VInput(1).Head(1)}},
		{circuit.Edge{From: graph.Head(0, 0), To: graph.MLP(1), Input: graph.ToMLP}, hook.Z(0).Head(0), []hook.Point{hook.MLPIn(1)}},
		{circuit.Edge{From: graph.Head(1, 3), To: graph.Logits(), Input: graph.ToLogits}, hook.Z(1).Head(3), nil},
		{circuit.Edge{From: graph.Embed(), To: graph.Logits(), Input: graph.ToLogits}, hook.ResidPre(0), nil},
	} {
		less := &circuit.Circuit{Name: "all but " + c.edge.String(), Nodes: every(m)}
		for _, e := range all {
			if e != c.edge {
				less.Edges = append(less.Edges, e)
			}
		}
		if len(less.Edges) != len(all)-1 {
			t.Fatalf("%s is no edge", c.edge)
		}
		s := circuit.Settings{Components: circuit.AllEdges, Ablation: of(ablate.Resample), Random: -1}
		f, err := faithfulness(m, k, less, s)
		if err != nil {
			t.Fatal(err)
		}
		want := directly(t, m, k, c.sender, c.to)
		for row := range k.Len() {
			if got := f.Samples.At(row, 1) - f.Samples.At(row, 0); math.Abs(got-want[row]) > 2*noise {
				t.Errorf("%s, row %d: cut, the metric changes by %g, path patching by %g", c.edge, row, got, want[row])
			}
		}
		// The edge taken out of the model is the model without it.
		alone := &circuit.Circuit{Name: c.edge.String(), Nodes: every(m), Edges: []circuit.Edge{c.edge}}
		g, err := faithfulness(m, k, alone, s)
		if err != nil {
			t.Fatal(err)
		}
		if d := math.Abs(g.Without.Value - f.Alone.Value); d > noise {
			t.Errorf("%s: taken out and left out differ by %g", c.edge, d)
		}
	}
}

// directly is by how much the metric of each row changes when a sender's
// corrupted output reaches the receivers alone, MLPs frozen.
func directly(t *testing.T, m *model.Model, k *task.Task, sender hook.Point, receivers []hook.Point) []float64 {
	t.Helper()
	if sender.Kind == hook.KindResidPre { // the embeddings: what the stream is longer by
		at := m.Config().Layers
		stream := func(p model.Prompts, points ...hook.Point) *model.Result {
			run, err := m.Run(p.Capture(points...).Metric(k.Metric))
			if err != nil {
				t.Fatal(err)
			}
			return run
		}
		clean, corrupted := stream(k.Clean, sender, hook.ResidPost(at-1)), stream(k.Corrupted, sender)
		last := clean.At(hook.ResidPost(at - 1))
		for i, v := range last.Values() {
			if v != v {
				last.Values()[i] = 0
				continue
			}
			last.Values()[i] = v + corrupted.At(sender).Values()[i] - clean.At(sender).Values()[i]
		}
		run, err := m.Run(k.Clean.Start(at, last).Metric(k.Metric))
		if err != nil {
			t.Fatal(err)
		}
		return less(run.PerRow(0).Values(), clean.PerRow(0).Values())
	}
	set := patch.Parts{Sets: []patch.Set{patch.Together(sender)}}
	e, err := patch.Paths{Senders: set, Receivers: receivers, FreezeMLPs: true}.Patch(m, k)
	if err != nil {
		t.Fatal(err)
	}
	return less(e.Samples.Values(), make([]float32, k.Len()))
}

func less(a, b []float32) []float64 {
	d := make([]float64, len(a))
	for i := range d {
		d[i] = float64(a[i] - b[i])
	}
	return d
}

// All edges are the model, none are the reference, and random circuits have as
// many edges.
func TestEdgesAtBothEnds(t *testing.T) {
	m := open(t, modeltest.Dir())
	k := ragged(m)
	a := circuit.Settings{Components: circuit.AllEdges, Ablation: of(ablate.Resample), Random: -1}
	whole := &circuit.Circuit{Name: "all", Nodes: every(m), Edges: circuit.EdgesOf(m)}
	f, err := faithfulness(m, k, whole, a)
	if err != nil {
		t.Fatal(err)
	}
	corrupted, err := m.Run(k.Corrupted.Metric(k.Metric))
	if err != nil {
		t.Fatal(err)
	}
	for row, v := range corrupted.PerRow(0).Values() {
		for i, want := range []float64{f.Samples.At(row, 0), f.Samples.At(row, 0), float64(v), float64(v)} {
			if d := math.Abs(f.Samples.At(row, i) - want); d > noise {
				t.Errorf("row %d: run %d is off by %g", row, i, d)
			}
		}
	}
	some := induced(m, blurred(), betweenHeads)
	a.Components, a.Random = circuit.HeadEdges, 3
	b, err := (&circuit.Test{Model: m, Task: k, Settings: a}).RandomMinimality(some)
	if err != nil {
		t.Fatal(err)
	}
	if v := b.Values(); len(v) != 3 || v[0] == v[1] && v[1] == v[2] {
		t.Errorf("random circuits score %v", v)
	}
	if !strings.Contains(b.String(), "edges (between heads)") {
		t.Errorf("the settings are not printed: %s", b)
	}
}

func TestBadEdges(t *testing.T) {
	m := open(t, modeltest.Dir())
	faithful := func(m *model.Model, c *circuit.Circuit, what circuit.Components) error {
		_, err := faithfulness(m, ragged(m), c, circuit.Settings{Components: what, Random: -1})
		return err
	}
	whole := &circuit.Circuit{Name: "all", Nodes: every(m), Edges: circuit.EdgesOf(m)}
	gemma := open(t, familyDir(t, "gemma2"))
	gptj := open(t, familyDir(t, "gptj"))
	for name, c := range map[string]struct {
		err  error
		want string
	}{
		"none":           {faithful(m, blurred(), circuit.HeadEdges), `circuit "blurred": it has no edges`},
		"of embeddings":  {faithful(m, whole, circuit.HeadEdges), "edges (between heads) leave the edge embed → 0.0 q alone"},
		"under a norm":   {faithful(gemma, induced(gemma, heads("0.0", "1.0"), betweenHeads), circuit.HeadEdges), "normalizes what is written"},
		"parallel block": {faithful(gptj, &circuit.Circuit{Name: "c", Nodes: every(gptj), Edges: []circuit.Edge{{From: graph.Head(1, 0), To: graph.MLP(1), Input: graph.ToMLP}}}, circuit.AllEdges), "run in parallel in gptj"},
	} {
		if c.err == nil || !strings.Contains(c.err.Error(), c.want) {
			t.Errorf("%s: error %v; it should say %q", name, c.err, c.want)
		}
	}
}
