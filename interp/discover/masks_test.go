package discover_test

import (
	"math"
	"testing"

	"github.com/golens/golens/interp/discover"
	"github.com/golens/golens/interp/graph"
	"github.com/golens/golens/model/modeltest"
)

// Masks and integrated gradients over them see both inputs of an OR gate, which
// single cuts do not.
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
		for _, o := range []discover.Masks{
			{Method: discover.SubnetworkProbing, Penalty: .5}, {Method: discover.EdgePruning, Rate: .1, Sparsity: .8},
			{Method: discover.UGS, Penalty: .02, Rate: .1}, {Method: discover.MAttr},
		} {
			o.Metric, o.Steps, o.Seed = k.Metric, 300, 1
			got, err := s.Masks(o)
			if err != nil {
				t.Fatal(err)
			}
			a, b, other := inputs(got.Scores)
			t.Logf("gate %d, %s: %.3f and %.3f kept, an idle edge %.3f; %v", gate, o.Method, -a, -b, -other, got.Fit)
		}
	}
}
