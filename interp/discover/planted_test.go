package discover_test

import (
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"testing"

	"github.com/golens/golens/interp/ablate"
	"github.com/golens/golens/interp/discover"
	"github.com/golens/golens/interp/graph"
	"github.com/golens/golens/interp/task"
	"github.com/golens/golens/model"
	"github.com/golens/golens/model/array"
	"github.com/golens/golens/model/edge"
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

// plantedSearch is the planted network on four prompts.
func plantedSearch(t *testing.T) (*discover.Search, *task.IOITask) {
	t.Helper()
	m, err := model.Open("zoo:ioi-planted")
	if err != nil {
		t.Fatal(err)
	}
	k, err := task.IOI(m, task.IOIOptions{N: 4, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	return &discover.Search{Model: m, Task: k}, k
}

// named are the edges of these names.
func named(t *testing.T, g *graph.Graph, names ...string) *graph.Set {
	t.Helper()
	set := g.None()
	for u, v := range g.All().Edges() {
		if slices.Contains(names, g.Edge(u, v).String()) {
			set.Add(u, v)
		}
	}
	if set.Len() != len(names) {
		t.Fatalf("%d edges of %q", set.Len(), names)
	}
	return set
}

func TestROCOfThePlantedNetwork(t *testing.T) {
	s, k := plantedSearch(t)
	var err error
	all := map[discover.Method]*discover.Scores{}
	for _, method := range discover.Methods() {
		if all[method], err = s.Scores(discover.Scoring{Method: method, Steps: 3}); err != nil {
			t.Fatal(err)
		}
	}
	g := all[discover.Exact].Graph
	edges := func(names ...string) *graph.Set { return named(t, g, names...) }
	want := planted(g)
	// blind are the edges that a method misses; each for a reason that is tested below.
	first := edges("0.0 → 2.0 k")
	blind := map[discover.Method]*graph.Set{
		discover.EAP: first, discover.RelP: first, discover.CleanCorrupted: first,
		discover.Exact: edges("3.1 → 4.0 q", "4.0 → logits"),
	}
	// The value of 1.0 reads of 0.1 what it was not planted for, and the metric hangs on
	// that: neither found nor found wrongly.
	beside := edges("0.1 → 1.0 v")
	for method, scores := range all {
		if method == discover.Proximity {
			continue
		}
		values, reference := g.Scores(), want.Clone()
		for u, v := range g.All().Edges() {
			// What heads read of the text is no composition.
			if u == 0 || beside.Has(u, v) || blind[method] != nil && blind[method].Has(u, v) {
				reference.Remove(u, v)
			} else {
				values.Set(scores.At(u, v), u, v)
			}
		}
		roc, err := reference.ROCOf(values, graph.Size)
		if err != nil {
			t.Fatal(err)
		}
		if roc.Area < 1-1e-9 {
			t.Errorf("%s: %s beside what it cannot see", method, roc)
		}
		if blind[method] != nil {
			for u, v := range blind[method].Edges() {
				if x := scores.At(u, v); math.Abs(x) > 1e-30 {
					t.Errorf("%s sees %s: %g", method, g.Edge(u, v), x)
				}
			}
		}
	}

	// ACDC finds all but what a single cut does not show: of two duplicates it keeps one, and
	// nothing of the backup; by the metric, which the negative head only lowers, nothing of
	// that head. It keeps none that was not planted.
	gate := edges("1.0 → 2.0 k", "2.0 → 4.0 q", "3.0 → 4.0 q", "3.1 → 4.0 q", "4.0 → logits")
	for _, c := range []struct {
		metric model.Metric
		blind  []*graph.Set
	}{{model.Metric{}, []*graph.Set{gate}}, {k.Metric, []*graph.Set{gate, edges("2.0 → 3.1 q", "3.1 → logits")}}} {
		got, err := s.ACDC(discover.ACDC{Threshold: .01, Metric: c.metric})
		if err != nil {
			t.Fatal(err)
		}
		for u, v := range g.All().Edges() {
			is := want.Has(u, v)
			for _, missed := range c.blind {
				is = is && !missed.Has(u, v)
			}
			if u != 0 && !beside.Has(u, v) && got.Has(u, v) != is {
				t.Errorf("ACDC by %s: %s stays: %t", got.Options.Metric, g.Edge(u, v), got.Has(u, v))
			}
		}
	}

	// Cutting edges by themselves, and together.
	full, without, err := s.MeanWithout(beside, edges("4.0 → logits"), edges("3.0 → 4.0 q"), edges("3.0 → 4.0 q", "4.0 → logits"), edges("3.1 → 4.0 q"),
		edges("2.0 → 4.0 q", "3.0 → 4.0 q"), edges("2.0 → 4.0 q", "3.0 → 4.0 q", "3.1 → 4.0 q"), edges("0.0 → 2.0 k"), edges("1.0 → 2.0 k"), edges("0.0 → 2.0 k", "1.0 → 2.0 k"))
	if err != nil {
		t.Fatal(err)
	}
	off := func(i int, from float64) float64 { return math.Abs(without[i] - from) }
	for _, c := range []struct {
		why string
		is  bool
	}{
		{"the metric hangs on what the value of 1.0 reads of 0.1", off(0, full) > .1},
		{"4.0 is a backup: silent while 3.0 tells it that it speaks, and loud without", off(1, full) == 0 && off(3, without[2]) > 1},
		{"what 3.1 tells the backup is heard only without what 2.0 and 3.0 tell it", off(4, full) < 1e-5 && off(6, without[5]) > 1},
		{"2.0 finds a name by either of two duplicates, so a cut of one key does nothing and of both much", off(7, full) < 1e-5 && off(8, full) < 1e-5 && off(9, full) > 1},
	} {
		if !c.is {
			t.Errorf("it is not so that %s: %.6g with all, %.6g", c.why, full, without)
		}
	}
	// 2.0 is so sure of it that its softmax passes no gradient.
	clean := k.Paired().Clean
	run, err := s.Model.Run(clean.Capture(hook.Pattern(2).Head(0)))
	if err != nil {
		t.Fatal(err)
	}
	pattern := run.At(hook.Pattern(2).Head(0))
	n := pattern.Shape()[len(pattern.Shape())-1]
	for row := range clean.IDs {
		last := pattern.Values()[(row*n+len(clean.IDs[row])-1)*n:][:n]
		if most := slices.Max(last); most < .999 {
			t.Errorf("row %d: 2.0 looks at %.4f", row, last)
		}
	}
	// Information flow is how much is written, not what for: of another task on the same
	// prompts it says the same, and of a head's query what it says of its key.
	other := &discover.Search{Model: s.Model, Task: task.Pairs{Clean: k.Paired().Clean, Corrupted: k.Paired().Corrupted, Metric: model.Logit(model.IDs(0))}}
	flow, err := other.Scores(discover.Scoring{Method: discover.Proximity})
	if err != nil {
		t.Fatal(err)
	}
	mine := all[discover.Proximity]
	values, tied := g.Scores(), g.Scores()
	for u, v := range g.All().Edges() {
		to := g.Receivers[v]
		key, found := g.Receiver(to.Part, graph.ToKey)
		if flow.At(u, v) != mine.At(u, v) || found && mine.At(u, key) != mine.At(u, v) {
			t.Errorf("information flow of %s is %g, for another task %g", g.Edge(u, v), mine.At(u, v), flow.At(u, v))
		}
		if u == 0 {
			continue
		}
		values.Set(mine.At(u, v), u, v)
		for r, same := range g.Receivers { // an edge is as good as the best to the same head
			if same.Part == to.Part && want.Has(u, r) {
				tied.Set(1, u, v)
			}
		}
	}
	// So it cannot tell the planted edges: not even if it knew between which heads they
	// are. Of what it finds less than that is lost on the backup, which writes next to
	// nothing here, and on what moves for no task.
	best, err := want.ROCOf(tied, graph.Size)
	if err != nil {
		t.Fatal(err)
	}
	roc, err := want.ROCOf(values, graph.Size)
	if err != nil {
		t.Fatal(err)
	}
	if !(roc.Area < best.Area && best.Area < 1) {
		t.Errorf("information flow: an area of %.3f, at best %.3f", roc.Area, best.Area)
	}
	backup, _ := g.Sender(graph.Head(4, 0))
	logits, _ := g.Receiver(graph.Logits(), graph.ToLogits)
	if x := mine.At(backup, logits); math.Abs(x) > .01 {
		t.Errorf("information flow of the silent backup is %g", x)
	}
}

// Masks whose gates are drawn open or closed find the planted edges by the divergence,
// given room; a soft top k ranks keys last. By the metric there is another network.
func TestMasksOfThePlantedNetwork(t *testing.T) {
	s, k := plantedSearch(t)
	g := graph.Of(s.Model.Config())
	keys := named(t, g, "0.1 → 1.0 k", "0.0 → 2.0 k", "1.0 → 2.0 k")

	// What MAttr learns from is a network whose edges are all partly cut. A match is a query
	// times a key: with half of each it is less than rest, and the key is worth nothing; with
	// three quarters the head looks, and what it tells is mixed so that the network is
	// nearer to itself without. Cut by themselves, keys are missed.
	pairs := k.Paired()
	pairs.Metric = klOf(t, s)
	soft := &discover.Search{Model: s.Model, Task: pairs}
	reference, err := soft.Reference()
	if err != nil {
		t.Fatal(err)
	}
	divergence := func(share float64, without *graph.Set) float64 {
		a := array.New(array.Dim("receiver", len(g.Receivers)), array.Dim("sender", len(g.Senders)))
		for u, v := range g.All().Edges() {
			a.Set(share, v, u)
			if without.Has(u, v) {
				a.Set(1, v, u)
			}
		}
		got, err := s.Model.Subgraphs(model.Subgraphs{Base: pairs.Clean.Metric(pairs.Metric), Reference: reference, Cuts: []edge.Cut{{Share: a}}})
		if err != nil {
			t.Fatal(err)
		}
		return got.PerRow(0).Mean("row").At(0)
	}
	for _, c := range []struct {
		cut      float64
		low, top float64 // what the divergence may rise by
	}{{0, .5, math.Inf(1)}, {.25, math.Inf(-1), -.5}, {.5, -1e-4, 1e-4}, {.75, -1e-4, 1e-4}} {
		if d := divergence(c.cut, keys) - divergence(c.cut, g.None()); d < c.low || d > c.top {
			t.Errorf("%g of all edges cut: without the keys the divergence rises by %.4g", c.cut, d)
		}
	}
	// By the metric there is a better network than the planted one: a negative head that is
	// not told whom to look at denies the wrong name.
	full, without, err := s.MeanWithout(named(t, g, "2.0 → 3.1 q"), named(t, g, "2.0 → 3.1 q", "3.1 → logits"))
	if err != nil {
		t.Fatal(err)
	}
	if without[0] < full+.5 || without[1] > without[0]-.1 {
		t.Errorf("the metric is %.3f, without what 3.1 is told %.3f, without 3.1 too %.3f", full, without[0], without[1])
	}
	if os.Getenv("GOLENS_SLOW") == "" {
		return // 200 steps are 15 to 30 seconds
	}
	beside := named(t, g, "0.1 → 1.0 v") // as for scores
	// As published edge pruning leaves room for fewer edges than were planted, and has a
	// rate for thousands of steps.
	if room := math.Round(.06 * float64(g.Len())); room >= float64(planted(g).Len()) {
		t.Errorf("edge pruning has room for %g edges", room)
	}
	for _, o := range []discover.Masks{{Method: discover.MAttr}, {Method: discover.SubnetworkProbing}, {Method: discover.UGS}, {Method: discover.EdgePruning, Rate: .1, Sparsity: .8}} {
		method := o.Method
		got, err := s.Masks(o)
		if err != nil {
			t.Fatal(err)
		}
		// Of gates that are closed for good the share that is kept is 0, and only the parameter
		// says how far.
		free := got.Fit.Tensor("mask").Values()
		values, reference := g.Scores(), planted(g)
		least := math.Inf(1) // of edges that do nothing
		for u, v := range g.All().Edges() {
			if u == 0 || beside.Has(u, v) || method == discover.MAttr && keys.Has(u, v) {
				reference.Remove(u, v)
				continue
			}
			x := math.Exp(float64(free[v*len(g.Senders)+u]))
			values.Set(x, u, v)
			if !reference.Has(u, v) {
				least = min(least, x)
			}
		}
		roc, err := reference.ROCOf(values, graph.Size)
		if err != nil {
			t.Fatal(err)
		}
		if roc.Area < 1-1e-9 {
			t.Errorf("%s: %s", method, roc)
		}
		for u, v := range keys.Edges() {
			if x := math.Exp(float64(free[v*len(g.Senders)+u])); method == discover.MAttr && x >= least {
				t.Errorf("%s: %s is at %.4g, no edge that does nothing below %.4g", method, g.Edge(u, v), x, least)
			}
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
