package discover_test

import (
	"cmp"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/golens/golens/interp/ablate"
	"github.com/golens/golens/interp/discover"
	"github.com/golens/golens/interp/graph"
	"github.com/golens/golens/interp/task"
	"github.com/golens/golens/model"
	"github.com/golens/golens/model/hook"
	"github.com/golens/golens/model/modeltest"
)

// linear is a residual network without norms and MLPs, whose heads all look
// everywhere alike: the logits are linear in what each part writes.
func linear(t *testing.T) *discover.Search {
	t.Helper()
	const vocab, d, dHead, layers, heads = 7, 6, 2, 3, 2
	h := modeltest.ByHand(t, map[string]any{"n_layer": layers, "n_head": heads, "d_head": dHead, "n_embd": d, "vocab_size": vocab, "n_positions": 5})
	rng := rand.New(rand.NewPCG(2, 2))
	for i := range d {
		for v := range vocab {
			h.Add("embed.W_E", float32(rng.NormFloat64()), v, i).Add("unembed.W_U", float32(rng.NormFloat64()), v, i)
		}
		for l := range layers {
			for head := range heads {
				for k := range dHead {
					h.Head(l, head, "W_V", i, k, float32(rng.NormFloat64())/2).Head(l, head, "W_O", i, k, float32(rng.NormFloat64())/2)
				}
			}
		}
	}
	m, err := model.Open(h.Dir())
	if err != nil {
		t.Fatal(err)
	}
	return &discover.Search{Model: m, Task: task.Pairs{
		Clean: m.Rows([][]int32{{1, 2, 3, 4}, {5, 6, 1}}), Corrupted: m.Rows([][]int32{{3, 2, 0, 1}, {2, 6, 4}}), Metric: model.LogitDiff(model.IDs(3), model.IDs(5)),
	}}
}

// In a linear network every method says the same, which is what each part writes
// towards the logits.
func TestScoresOfALinearNetwork(t *testing.T) {
	s := linear(t)
	want, err := s.Scores(discover.Scoring{Method: discover.Exact})
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range []discover.Scoring{{}, {Method: discover.RelP, Patterns: true}, {Method: discover.InputsIG}, {Method: discover.CleanCorrupted}} {
		got, err := s.Scores(o)
		if err != nil {
			t.Fatal(err)
		}
		if d := modeltest.MaxDiff(got.Samples, want.Samples); d > 1e-4 {
			t.Errorf("%s: %.2g off the exact scores", o, d)
		}
	}
	W, err := s.Model.Product(model.WU())
	if err != nil {
		t.Fatal(err)
	}
	k := s.Task.Paired()
	logits, _ := want.Graph.Receiver(graph.Logits(), graph.ToLogits)
	for u, p := range want.Graph.Senders {
		at := hook.Embed()
		if p.IsHead() {
			at = hook.HeadResult(p.Layer).Head(p.Index)
		}
		clean, err := s.Model.Run(k.Clean.Capture(at.At(-1)))
		if err != nil {
			t.Fatal(err)
		}
		corrupted, err := s.Model.Run(k.Corrupted.Capture(at.At(-1)))
		if err != nil {
			t.Fatal(err)
		}
		a, b := clean.At(at.At(-1)).Values(), corrupted.At(at.At(-1)).Values()
		for row := range 2 {
			direct := 0.0
			for i := range s.Model.Config().DModel {
				j := row*s.Model.Config().DModel + i
				direct += float64(b[j]-a[j]) * (W.At(i, 3) - W.At(i, 5))
			}
			if got := want.Samples.At(row, u, logits); math.Abs(got-direct) > 1e-4 {
				t.Errorf("%s, row %d: %.5f to the logits, direct attribution %.5f", p, row, got, direct)
			}
		}
	}
}

// Relevance is conserved: against nothing, and without biases, what the embedding
// gets is minus the metric, through all layers, of attention with fixed patterns, gated
// MLPs and norms.
func TestRelevanceIsConserved(t *testing.T) {
	for _, name := range []string{"llama", "llama_gqa", "mistral"} {
		s, _ := recordedModel(t, name)
		s.Ablation, s.WholeEmbedding = &ablate.Ablation{Value: ablate.Zero}, true
		got, err := s.Nodes(discover.NodeScoring{Scoring: discover.Scoring{Method: discover.RelP, Patterns: true}})
		if err != nil {
			t.Fatal(err)
		}
		run, err := s.Model.Run(s.Task.Paired().Clean.Metric(s.Task.Paired().Metric))
		if err != nil {
			t.Fatal(err)
		}
		for row, metric := range run.PerRow(0).Values() {
			if r := got.Samples.At(row, 0); math.Abs(r+float64(metric)) > 1e-3 {
				t.Errorf("%s, row %d: relevance %.5f, metric %.5f", name, row, r, metric)
			}
		}
	}
}

// recordedModel is the recorded pairs on any family.
func recordedModel(t *testing.T, name string) (*discover.Search, *model.Model) {
	t.Helper()
	s, _ := recorded(t, "gpt2")
	m, err := model.Open(modeltest.Families(t)[name])
	if err != nil {
		t.Fatal(err)
	}
	k := s.Task.Paired()
	k.Clean, k.Corrupted = m.Rows(k.Clean.IDs), m.Rows(k.Corrupted.IDs)
	return &discover.Search{Model: m, Task: k}, m
}

// The compositions of heads that the planted network was made with.
func planted(g *graph.Graph) *graph.Set {
	set := g.None()
	add := func(from graph.Part, to graph.Part, inputs ...graph.Input) {
		for _, input := range inputs {
			u, _ := g.Sender(from)
			v, _ := g.Receiver(to, input)
			set.Add(u, v)
		}
	}
	add(graph.Head(0, 1), graph.Head(1, 0), graph.ToKey)
	for _, dup := range []graph.Part{graph.Head(0, 0), graph.Head(1, 0)} {
		add(dup, graph.Head(2, 0), graph.ToKey, graph.ToValue)
	}
	for _, speaks := range []graph.Part{graph.Head(3, 0), graph.Head(3, 1), graph.Head(4, 0)} {
		add(graph.Head(2, 0), speaks, graph.ToQuery)
		add(speaks, graph.Logits(), graph.ToLogits)
	}
	add(graph.Head(3, 0), graph.Head(4, 0), graph.ToQuery)
	add(graph.Head(3, 1), graph.Head(4, 0), graph.ToQuery)
	return set
}

func TestROCOfThePlantedNetwork(t *testing.T) {
	m, err := model.Open("zoo:ioi-planted")
	if err != nil {
		t.Fatal(err)
	}
	k, err := task.IOI(m, task.IOIOptions{N: 4, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	s := &discover.Search{Model: m, Task: k}
	// Of three edges no first-order score can see much: 4.0 is a backup, silent until
	// 3.0 is gone, and so are the edges to it. By single cuts they measure 0, among all
	// that do; their gradients are small, but not 0.
	// Heads that see what they look for are so sure that gradients there vanish: those
	// of the clean and the corrupted run miss what runs in between find.
	least := map[discover.Method]float64{discover.Exact: .84, discover.EAP: .91, discover.RelP: .91, discover.CleanCorrupted: .91, discover.Proximity: .5}
	for _, method := range discover.Methods() {
		scores, err := s.Scores(discover.Scoring{Method: method, Steps: 3})
		if err != nil {
			t.Fatal(err)
		}
		want := planted(scores.Graph)
		for v := range scores.Graph.Receivers {
			if scores.Graph.Has(0, v) {
				scores.Set(0, 0, v) // what heads read of the text is no composition
			}
		}
		roc, err := want.ROCOf(scores.Array, graph.Size)
		if err != nil {
			t.Fatal(err)
		}
		if min := cmp.Or(least[method], 0.99); roc.Area < min {
			t.Errorf("%s: %s, less than %g", method, roc, min)
		}
	}
}

// reluGate is two heads that write what they read, and a neuron that makes AND of
// them, max(0, S - 1), or OR, 1 - max(0, 1 - S).
func reluGate(t *testing.T, or bool) *discover.Search {
	t.Helper()
	const value, first, second, out, one = 0, 1, 2, 3, 4
	h := modeltest.ByHand(t, map[string]any{"n_head": 2, "d_head": 1, "n_embd": 5, "vocab_size": 3, "n_positions": 3, "n_inner": 1, "activation_function": "relu"})
	sign, constant := float32(1), float32(0)
	if or {
		sign, constant = -1, 1
	}
	h.Add("embed.W_E", 1, 1, value).Add("unembed.W_U", 1, 0, out).Add("unembed.W_U", constant, 0, one)
	for token := range 3 {
		h.Add("embed.W_E", 1, token, one)
	}
	for i, to := range []int{first, second} {
		h.Head(0, i, "W_V", value, 0, 1).Head(0, i, "W_O", to, 0, 1).Add("blocks.0.mlp.W_in", sign, to, 0)
	}
	h.Add("blocks.0.mlp.W_in", -sign, one, 0).Add("blocks.0.mlp.W_out", sign, 0, out)
	m, err := model.Open(h.Dir())
	if err != nil {
		t.Fatal(err)
	}
	return &discover.Search{Model: m, Task: task.Pairs{Clean: m.Rows([][]int32{{1}}), Corrupted: m.Rows([][]int32{{0}}), Metric: model.Logit(model.IDs(0))}}
}

// Of AND every method says what a cut does. Of OR a cut does nothing, and what is
// seen on the way hangs on where the steps are.
func TestScoresOfReLUGates(t *testing.T) {
	for _, c := range []struct {
		or   bool
		o    discover.Scoring
		want float64
	}{
		{false, discover.Scoring{}, -1}, {false, discover.Scoring{Method: discover.Exact}, -1}, {false, discover.Scoring{Method: discover.RelP}, -1},
		{true, discover.Scoring{}, 0}, {true, discover.Scoring{Method: discover.Exact}, 0},
		{true, discover.Scoring{Method: discover.InputsIG}, -.6}, {true, discover.Scoring{Method: discover.InputsIG, AtClean: true}, -.4},
		{true, discover.Scoring{Method: discover.InputsIG, Steps: 3}, -2. / 3}, {true, discover.Scoring{Method: discover.InputsIG, Steps: 3, AtClean: true}, -1. / 3},
	} {
		got, err := reluGate(t, c.or).Scores(c.o)
		if err != nil {
			t.Fatal(err)
		}
		mlp, _ := got.Graph.Receiver(graph.MLP(0), graph.ToMLP)
		for h := range 2 {
			u, _ := got.Graph.Sender(graph.Head(0, h))
			if math.Abs(got.At(u, mlp)-c.want) > 1e-5 {
				t.Errorf("OR %t, %s: head %d scores %.4f, want %g", c.or, c.o, h, got.At(u, mlp), c.want)
			}
		}
	}
}
