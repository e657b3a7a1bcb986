package discover_test

import (
	"context"
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

// passes counts, of what a runner does, forward passes of the batch: a variant is one,
// and a way back two.
type passes struct {
	model.Runner
	n int
}

func (p *passes) Do(ctx context.Context, ask model.Ask) (any, error) {
	answer, err := p.Runner.Do(ctx, ask)
	if err != nil {
		return answer, err
	}
	switch a := answer.(type) {
	case *model.Result:
		p.n++
	case *model.SubgraphResult:
		p.n += a.Metrics[0].Dim("variant") + 2
	case *model.EdgeScoresResult:
		p.n++ // the reference
		q := ask.(model.EdgeScores)
		if len(q.Runs) > 0 {
			p.n++
		}
		p.n += 3 * max(1, len(q.Runs)+len(q.Shares))
	}
	return answer, nil
}

// To doubt a circuit takes no more than twice the passes that it took to find it, by
// any method and for large circuits too; what is said to be run is what is run.
func TestDoubtTakesTwiceTheFinding(t *testing.T) {
	s, _ := recorded(t, "gpt2")
	for _, o := range []discover.Scoring{{}, {Method: discover.InputsIG}, {Method: discover.Exact}} {
		for _, edges := range []int{40, 120} {
			if o.Method == discover.Exact && edges > 40 {
				continue // hundreds of passes each
			}
			count := &passes{Runner: s.Model.Runner()}
			counted := *s
			counted.Model = model.New(count)
			scores, err := counted.Scores(o)
			if err != nil {
				t.Fatal(err)
			}
			scored := count.n
			judged, err := counted.Judge(scores, discover.Judgement{})
			if err != nil {
				t.Fatal(err)
			}
			found := count.n
			d, err := counted.Doubt(scores, discover.Doubt{Edges: edges})
			if err != nil {
				t.Fatal(err)
			}
			doubted := count.n - found
			if scored != scores.Passes || found-scored != judged.Passes || doubted != d.Passes {
				t.Errorf("%s: %d, %d and %d passes, said to be %d, %d and %d", o, scored, found-scored, doubted, scores.Passes, judged.Passes, d.Passes)
			}
			if doubted > 2*found {
				t.Errorf("%s, %d edges: found by %d passes, doubted by %d", o, d.Set.Len(), found, doubted)
			}
			t.Logf("%s, %d edges: scored by %d passes, judged by %d, doubted by %d", o.Method, d.Set.Len(), scored, found-scored, doubted)
			if m := d.Minimality; len(d.Rivals.Sets) == 0 || len(m.Edges) == 0 || m.Random == 0 || m.Of != d.Set.Len() || len(d.Ablations) != 4 {
				t.Errorf("%s: something is left out\n%s", o, d)
			}
		}
	}
	// With more room every edge is tried.
	scores, err := s.Scores(discover.Scoring{})
	if err != nil {
		t.Fatal(err)
	}
	if d, err := s.Doubt(scores, discover.Doubt{Edges: 120, Passes: 800}); err != nil || len(d.Minimality.Edges) != d.Set.Len() || d.Minimality.Random != 100 || d.Passes > 800 {
		t.Errorf("%v\n%s", err, d)
	}
	if _, err := s.Doubt(scores, discover.Doubt{Passes: 10}); err == nil || !strings.Contains(err.Error(), "10 passes") {
		t.Errorf("10 passes: %v", err)
	}
}
