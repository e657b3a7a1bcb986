package discover_test

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/golens/golens/interp/discover"
	"github.com/golens/golens/interp/graph"
	"github.com/golens/golens/interp/task"
	"github.com/golens/golens/model"
	"github.com/golens/golens/model/modeltest"
)

// Of an OR gate there are exactly two circuits, which share nothing but what both
// need; of an AND gate there is one, of which every edge is needed.
func TestDoubtOfGates(t *testing.T) {
	for _, gate := range []int{modeltest.OR, modeltest.AND} {
		s := gateSearch(t, gate)
		scores, err := s.Scores(discover.Scoring{Method: discover.MaskIG, Steps: 20})
		if err != nil {
			t.Fatal(err)
		}
		d, err := s.Doubt(scores, discover.Doubt{Edges: 5})
		if err != nil {
			t.Fatal(err)
		}
		rivals := 2
		if gate == modeltest.AND {
			rivals = 1
		}
		if d.Set.Len() != 5 || math.Abs(d.Faithfulness-1) > 1e-4 || len(d.Rivals.Sets) != rivals {
			t.Errorf("gate %d: %d edges, faithfulness %g, %d rivals", gate, d.Set.Len(), d.Faithfulness, len(d.Rivals.Sets))
		}
		if d.Stability != 1 { // there is one prompt
			t.Errorf("gate %d: stability %g", gate, d.Stability)
		}
		switch {
		case gate == modeltest.AND && d.Minimality.Needed != 5:
			t.Errorf("AND: %s: %v", d.Minimality, d.Minimality.Effect)
		case gate == modeltest.OR && d.Minimality.Needed != 1: // alone each input can be left out
			t.Errorf("OR: %s: %v", d.Minimality, d.Minimality.Effect)
		case gate == modeltest.OR && (d.Rivals.Beyond != 0 || d.Rivals.Common.Len() != 1 || d.Rivals.Sets[0].Len() != 3):
			t.Errorf("OR: %s", d.Rivals)
		}
		for _, want := range []string{"stability", "equivalence", "independence", "minimality", "ablation", "rivals"} {
			if !strings.Contains(d.String(), want) {
				t.Errorf("%q is not in\n%s", want, d)
			}
		}
	}
}

// Stability is what drawing prompts again and choosing edges anew gives, and where
// all prompts are one it is 1.
func TestStability(t *testing.T) {
	s, _ := recorded(t, "gpt2")
	scores, err := s.Scores(discover.Scoring{})
	if err != nil {
		t.Fatal(err)
	}
	d, err := s.Doubt(scores, discover.Doubt{Edges: 60, Draws: 200})
	if err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(9, 9))
	var sets []*graph.Set
	size := len(scores.Values())
	for range 200 {
		mean := scores.Graph.Scores()
		for range 4 {
			row := rng.IntN(4)
			for i := range mean.Values() {
				mean.Values()[i] += scores.Samples.Values()[row*size+i] / 4
			}
		}
		set, err := scores.Graph.Top(mean, 60, graph.Size)
		if err != nil {
			t.Fatal(err)
		}
		sets = append(sets, set.Prune())
	}
	sum, pairs := 0.0, 0.0
	for i, a := range sets {
		for _, b := range sets[:i] {
			sum, pairs = sum+a.Jaccard(b), pairs+1
		}
	}
	if math.Abs(d.Stability-sum/pairs) > .03 || d.Stability > .95 { // both of 200 draws
		t.Errorf("stability %.3f; with other draws %.3f", d.Stability, sum/pairs)
	}
	lo, hi := d.Spread()
	if len(d.Ablations) != 4 || !(lo < hi) || len(d.Often) != d.Set.Len() {
		t.Errorf("%v", d)
	}
	k := s.Task.Paired()
	k.Clean, k.Corrupted, k.Metric = k.Clean.Row(0), k.Corrupted.Row(0), model.LogitDiff(model.IDs(k.Metric.Answer.IDs[0]), model.IDs(k.Metric.Wrong.IDs[0]))
	one := &discover.Search{Model: s.Model, Task: task.Pairs(k)}
	if scores, err = one.Scores(discover.Scoring{}); err != nil {
		t.Fatal(err)
	}
	if d, err := one.Doubt(scores, discover.Doubt{Edges: 60}); err != nil || d.Stability != 1 {
		t.Errorf("one prompt: %v, %v", d.Stability, err)
	}
}

func TestHypotheses(t *testing.T) {
	// 2 (1 + 8) / 2^8 and so on, by hand.
	for _, c := range []struct {
		heads, n int
		p        float64
	}{{1, 8, 2 * 9. / 256}, {8, 8, 2. / 256}, {4, 8, 1}, {0, 1, 1}} {
		if p := discover.SignTest(c.heads, c.n); math.Abs(p-c.p) > 1e-9 {
			t.Errorf("%d heads of %d: p = %g, want %g", c.heads, c.n, p, c.p)
		}
	}
	rng := rand.New(rand.NewPCG(4, 4))
	x, square, other := make([]float64, 60), make([]float64, 60), make([]float64, 60)
	for i := range x {
		x[i], other[i] = rng.NormFloat64(), rng.NormFloat64()
		square[i] = x[i] * x[i] // not correlated, but not independent
	}
	if i := discover.Independent(x, square); !i.Rejected || i.P > .01 {
		t.Errorf("a square: %s", i)
	}
	if i := discover.Independent(x, other); i.Rejected {
		t.Errorf("other draws: %s", i)
	}
}
