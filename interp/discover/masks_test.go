package discover_test

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/golens/golens/interp/discover"
	"github.com/golens/golens/interp/graph"
	"github.com/golens/golens/model"
	"github.com/golens/golens/model/array"
	"github.com/golens/golens/model/edge"
	"github.com/golens/golens/model/formula"
	"github.com/golens/golens/model/hook"
	"github.com/golens/golens/model/modeltest"
)

// Integrated gradients over masks see both inputs of an OR gate, which single cuts do
// not; so do masks that are learned, or it is known why not.
func TestMasksOfGates(t *testing.T) {
	for _, gate := range []int{modeltest.OR, modeltest.AND} {
		s := gateSearch(t, gate)
		k := s.Task.Paired()
		inputs := func(scores *discover.Scores) (first, second, other float64) {
			q, _ := scores.Graph.Receiver(graph.Head(1, 0), graph.ToQuery)
			a, _ := scores.Graph.Sender(graph.Head(0, 0))
			b, _ := scores.Graph.Sender(graph.Head(0, 1))
			idle, _ := scores.Graph.Receiver(graph.Head(1, 1), graph.ToQuery)
			return scores.At(a, q), scores.At(b, q), scores.At(a, idle)
		}
		ig, err := s.Scores(discover.Scoring{Method: discover.MaskIG, Steps: 20})
		if err != nil {
			t.Fatal(err)
		}
		if a, b, other := inputs(ig); !(a < -.05 && math.Abs(a-b) < 1e-3 && math.Abs(other) < 1e-4) {
			t.Errorf("gate %d, mask-space IG: %.3f and %.3f, an idle edge %.3f", gate, a, b, other)
		}
		var seed uint64
		// fit is how much is kept of the two inputs and of an idle edge.
		fit := func(o discover.Masks) (a, b, other float64, got *discover.Learned) {
			o.Metric, o.Steps, o.Seed = k.Metric, 200, seed
			got, err := s.Masks(o)
			if err != nil {
				t.Fatal(err)
			}
			a, b, other = inputs(got.Scores)
			return -a, -b, -other, got
		}
		found := func(o discover.Masks, want bool) {
			t.Helper()
			a, b, other, got := fit(o)
			if both := a > .5 && b > .5 && other < .5; both != want {
				t.Errorf("gate %d, seed %d, %s: %.3f and %.3f are kept, an idle edge %.3f; %v", gate, seed, o.Method, a, b, other, got.Fit)
			}
		}
		full, empty, err := s.MeanWithout(ig.Graph.All())
		if err != nil {
			t.Fatal(err)
		}
		edges := ig.Graph.Len()
		for seed = range uint64(3) {
			// As published, and all for as many steps.
			found(discover.Masks{Method: discover.MAttr}, true)
			found(discover.Masks{Method: discover.SubnetworkProbing}, false)

			// UGS finds one input of OR and, by the draws, the other. Of AND a metric hangs on
			// five edges together, and so do gradients; and Adam makes full steps of the smallest
			// penalty, so that an input closes as idle edges do before five are drawn. Without the
			// penalty both open.
			if a, b, other, _ := fit(discover.Masks{Method: discover.UGS}); gate == modeltest.OR && (max(a, b) < .5 || min(a, b) < other+.1) || gate == modeltest.AND && min(a, b) > other+1e-3 || other > .5 {
				t.Errorf("gate %d, seed %d, UGS: %.4f and %.4f are kept, an idle edge %.4f", gate, seed, a, b, other)
			}
			if gate == modeltest.AND {
				if a, b, other, _ := fit(discover.Masks{Method: discover.UGS, Penalty: 1e-9}); min(a, b) < other+.1 {
					t.Errorf("UGS without its penalty: %.4f and %.4f of AND are kept, an idle edge %.4f", a, b, other)
				}
			}
			// Subnetwork probing: a penalty for thousands of edges makes the gate's own of 29
			// dearer than all that the metric can lose by them. A cheaper one finds AND, and of
			// OR one input: it pays for the other.
			need := map[int]int{modeltest.OR: 3, modeltest.AND: 5}[gate]
			if cost := 10 * float64(need) / float64(edges); cost < full-empty[0] {
				t.Errorf("gate %d: %d edges cost %.2f, the metric loses %.2f", gate, need, cost, full-empty[0])
			}
			// Edge pruning: 94% closed leaves room for two edges, which are no way through the
			// gate; with room for its five, and a rate for hundreds of steps in place of
			// thousands, it finds AND, and of OR one input at least: the metric needs no other.
			if _, _, _, got := fit(discover.Masks{Method: discover.EdgePruning}); got.Kept.Len() != 0 || math.Round(.06*float64(edges)) >= float64(need) {
				t.Errorf("gate %d, edge pruning: %d of %d edges are kept", gate, got.Kept.Len(), edges)
			}
			for _, o := range []discover.Masks{{Method: discover.SubnetworkProbing, Penalty: .05}, {Method: discover.EdgePruning, Rate: .1, Sparsity: .8}} {
				a, b, other, _ := fit(o)
				if other > .5 || max(a, b) < .5 || gate == modeltest.AND && min(a, b) < .5 {
					t.Errorf("gate %d, %s made for it: %.3f and %.3f are kept, an idle edge %.3f", gate, o.Method, a, b, other)
				}
			}
		}
	}
}

// Three steps of subnetwork probing are auto-circuit's: the divergence, its gradient
// by masks against a mean reference, and the penalty.
func TestMasksAreAutoCircuits(t *testing.T) {
	s, _ := recorded(t, "gpt2")
	o := modeltest.OracleIn(t, "testdata/acdc", "auto_circuit.safetensors")
	k := s.Task.Paired()
	for name, start := range map[string]float32{"sigmoid": 2, "none": .5} {
		want := o["subnetwork_probing."+name+".tree.3epochs.masks"]
		R, S := want.Shape()[0], want.Shape()[1]
		free := formula.Free("mask", R, S)
		cut := free
		if name == "sigmoid" {
			cut = free.Sigmoid()
		}
		first, is := array.New(want.Axes()...), array.New(want.Axes()...)
		for i, v := range want.Values() {
			if first.Values()[i] = start; v != 0 { // an edge
				is.Values()[i] = 1
			}
		}
		got, err := s.Model.Fit(model.Fit{
			Base:  k.Clean.Metric(model.Metric{Kind: model.KindKL}),
			Edges: &model.EdgeMask{Cut: cut, Reference: model.Reference{Source: k.Corrupted.Request(), Mean: true, WholeEmbedding: true}},
			Find:  []model.Find{{Name: "mask", Start: first}}, Optimizer: model.Optimizer{Rate: .1}, Steps: 3,
			Loss: []model.Loss{{}, {Penalty: formula.Number(1).Sub(cut).Mul(formula.Tensor("edges", is)), Weight: .5 / 262}},
		})
		if err != nil {
			t.Fatal(err)
		}
		for i, v := range got.Tensor("mask").Values() {
			if is.Values()[i] == 1 && math.Abs(float64(v-want.Values()[i])) > 1e-4 {
				t.Errorf("%s: mask %d is %.5f, recorded %.5f", name, i, v, want.Values()[i])
			}
		}
	}
}

// Masks of Edge Pruning, sampled by hard-concrete gates of given draws, and the
// divergence of the run with these masks: each edge is kept by the product of its own
// and its writer's.
func TestMasksAreEdgePrunings(t *testing.T) {
	s, _ := recorded(t, "gpt2")
	o := modeltest.OracleIn(t, "testdata/edge_pruning", "edge_pruning.safetensors")
	var info struct{ Writers []string }
	readJSON(t, "testdata/edge_pruning/edge_pruning.json", &info)
	g := graph.Of(s.Model.Config())
	name := func(layer int, what string) string { return fmt.Sprintf("transformer.h.%d.%s_log_alphas", layer, what) }
	for key, alpha := range o {
		if len(key) < 10 || key[:10] != "log_alpha." {
			continue
		}
		u := o["u."+key[10:]]
		for i, a := range alpha.Values() {
			odds := math.Log(float64(u.Values()[i])) - math.Log1p(-float64(u.Values()[i]))
			z := math.Max(0, math.Min(1, 1.2/(1+math.Exp(-1.5*(odds+float64(a))))-.1))
			if math.Abs(z-float64(o["z."+key[10:]].Values()[i])) > 1e-5 {
				t.Fatalf("%s: gate %d is %.5f, recorded %.5f", key, i, z, o["z."+key[10:]].Values()[i])
			}
		}
	}
	cut := array.New(array.Dim("receiver", len(g.Receivers)), array.Dim("sender", len(g.Senders)))
	for u, v := range g.All().Edges() {
		from, to := g.Senders[u], g.Receivers[v]
		row := slices.Index(info.Writers, map[bool]string{true: "tok_embeds", false: writer(from)}[from == graph.Embed()])
		if row < 0 {
			t.Fatalf("no writer %s in %q", from, info.Writers)
		}
		var keep float64
		switch to.Input {
		case graph.ToLogits:
			keep = o["z.transformer.final_read_log_alphas"].At(row)
		case graph.ToMLP:
			keep = o["z."+name(to.Part.Layer, "mlp_read")].At(row)
		default:
			keep = o["z."+name(to.Part.Layer, string(to.Input)+"_read")].At(row, to.Part.Index)
		}
		switch {
		case from == graph.Embed():
			keep *= o["z.transformer.token_write_log_alpha"].At(0)
		case from.IsHead():
			keep *= o["z."+name(from.Layer, "attn_write")].At(from.Index)
		default:
			keep *= o["z."+name(from.Layer, "mlp_write")].At(0)
		}
		cut.Set(1-keep, v, u)
	}
	k := s.Task.Paired()
	want := o["train.kl"].At(0)
	got, err := s.Model.EdgeScores(model.EdgeScores{Base: k.Clean.Metric(klOf(t, s)), Reference: model.Reference{Source: k.Corrupted.Request()}, Shares: []edge.Cut{{Share: cut}}})
	if err != nil {
		t.Fatal(err)
	}
	if d := math.Abs(got.Cut.Mean("batch").At(0) - want); d > 1e-4 {
		t.Errorf("the divergence is %.5f, recorded %.5f", got.Cut.Mean("batch").At(0), want)
	}
}

// writer is a sender as Edge Pruning names it.
func writer(p graph.Part) string {
	if p.IsHead() {
		return fmt.Sprintf("a%d.h%d", p.Layer, p.Index)
	}
	return fmt.Sprintf("m%d", p.Layer)
}

// klOf is the divergence from the model's own predictions.
func klOf(t *testing.T, s *discover.Search) model.Metric {
	t.Helper()
	at := hook.Logits().At(-1)
	run, err := s.Model.Run(s.Task.Paired().Clean.Capture(at))
	if err != nil {
		t.Fatal(err)
	}
	return model.KL(run.At(at)).In(at.Pos)
}
