package discover_test

import (
	"math"
	"testing"

	"github.com/golens/golens/interp/discover"
	"github.com/golens/golens/interp/graph"
	"github.com/golens/golens/model"
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
