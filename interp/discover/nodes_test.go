package discover_test

import (
	"math"
	"strings"
	"testing"

	"github.com/golens/golens/interp/ablate"
	"github.com/golens/golens/interp/discover"
	"github.com/golens/golens/interp/graph"
	"github.com/golens/golens/interp/task"
	"github.com/golens/golens/model"
	"github.com/golens/golens/model/config"
	"github.com/golens/golens/model/modeltest"
)

// Head importance is what ACDC's authors' experiment computes, against corrupted
// prompts and against nothing.
func TestHISPIsRecorded(t *testing.T) {
	s, _ := recorded(t, "gpt2")
	l := openLedger(t, "testdata/acdc", "auto_circuit.safetensors")
	for name, a := range map[string]*ablate.Ablation{"corrupted": nil, "zero": {Value: ablate.Zero}} {
		s.Ablation = a
		scores, err := s.Nodes(discover.NodeScoring{Kind: discover.HeadInputs})
		if err != nil {
			t.Fatal(err)
		}
		got, err := scores.HISP()
		if err != nil {
			t.Fatal(err)
		}
		// They have [layer, q k v mlp, head], the MLP as the first head.
		raw, normalised := make([]float64, 3*4*4), make([]float64, 3*4*4)
		for i := range got.Axes()[0].Labels {
			layer, k := i/13, i%13
			at := (layer*4+k/4)*4 + k%4
			normalised[at] = got.At(i)
			for row := range len(s.Task.Paired().Clean.IDs) {
				raw[at] += math.Abs(scores.Samples.At(row, i))
			}
		}
		l.near("hisp."+name+".normalised", normalised)
		l.near("hisp."+name+".raw", raw)
	}
}

// A node's score is the sum of its coordinates', and that of the embedding, heads and
// MLPs is that of all their edges: both are the same gradient. The steps are those of
// edges.
func TestNodesAreTheirEdges(t *testing.T) {
	s, _ := recorded(t, "llama_gqa")
	for _, m := range []discover.Method{discover.EAP, discover.InputsIG, discover.CleanCorrupted, discover.RelP} {
		edges, err := s.Scores(discover.Scoring{Method: m})
		if err != nil {
			t.Fatal(err)
		}
		nodes, err := s.Nodes(discover.NodeScoring{Scoring: discover.Scoring{Method: m}})
		if err != nil {
			t.Fatal(err)
		}
		wide, err := s.Nodes(discover.NodeScoring{Scoring: discover.Scoring{Method: m}, Kind: discover.Coordinates})
		if err != nil {
			t.Fatal(err)
		}
		top, _ := nodes.Max()
		for u, p := range edges.Graph.Senders {
			sum := 0.0
			for v := range edges.Graph.Receivers {
				if edges.Graph.Has(u, v) {
					sum += edges.At(u, v)
				}
			}
			if math.Abs(sum-nodes.At(u)) > 1e-4*max(top, 1) {
				t.Errorf("%s of %s: %.5f, of its edges %.5f", m, p, nodes.At(u), sum)
			}
			if all := wide.Sum("d_model").At(u); math.Abs(all-nodes.At(u)) > 1e-4*max(top, 1) {
				t.Errorf("%s of %s: %.5f, of its coordinates %.5f", m, p, nodes.At(u), all)
			}
		}
		best, err := nodes.Best(3)
		if err != nil || len(best) != 3 {
			t.Errorf("%v, %v", best, err)
		}
	}
	neurons, err := s.Nodes(discover.NodeScoring{Kind: discover.Neurons})
	if err != nil {
		t.Fatal(err)
	}
	nodes, _ := s.Nodes(discover.NodeScoring{})
	for l := range s.Model.Config().Layers {
		u, _ := graph.Of(s.Model.Config()).Sender(graph.MLP(l))
		if sum := neurons.Sum("neuron").At(l); math.Abs(sum-nodes.At(u)) > 1e-4 { // a bias is the same in both runs
			t.Errorf("neurons of layer %d: %.5f, the MLP %.5f", l, sum, nodes.At(u))
		}
	}
	if _, err := nodes.HISP(); err == nil {
		t.Error("HISP of outputs")
	}
}

// So it is in every family. Where a norm stands behind heads, its scale is held fixed
// for edges, and not for nodes.
func TestEdgesAddUpInEveryFamily(t *testing.T) {
	for name, dir := range modeltest.Families(t) {
		m, err := model.Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasPrefix(m.Info().Backend, "xla") && name != "gptj" {
			continue // whose graphs compile for minutes in all
		}
		s := &discover.Search{Model: m, WholeEmbedding: true, Task: task.Pairs{
			Clean: m.Rows([][]int32{{1, 2, 3, 4, 5}, {6, 7, 8, 9}}), Corrupted: m.Rows([][]int32{{1, 20, 3, 40, 5}, {60, 7, 8, 90}}),
			Metric: model.LogitDiff(model.IDs(3), model.IDs(7)),
		}}
		edges, err := s.Scores(discover.Scoring{})
		if _, none := m.Edges(); none != nil {
			if err == nil {
				t.Errorf("%s has no edges, but scores", name)
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		nodes, err := s.Nodes(discover.NodeScoring{})
		if err != nil {
			t.Fatal(err)
		}
		top, _ := nodes.Max()
		for u, p := range edges.Graph.Senders {
			if p.IsHead() && m.Config().NormAt != config.NormBefore {
				continue
			}
			sum := 0.0
			for v := range edges.Graph.Receivers {
				if edges.Graph.Has(u, v) {
					sum += edges.At(u, v)
				}
			}
			if math.Abs(sum-nodes.At(u)) > 2e-4*max(top, 1) {
				t.Errorf("%s, %s: %.5f, of its edges %.5f", name, p, nodes.At(u), sum)
			}
		}
	}
}
