package circuit

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"

	"github.com/golens/golens/interp/graph"
	"github.com/golens/golens/model/array"
)

// RandomFaithfulness measures how much of the metric random circuits recover,
// beside the circuit: [Test.Faithfulness] with its random circuits as a distribution.
// A circuit that recovers no more than they do has not been shown to be one,
// however faithful it is. That it recovers more does not show that it is complete.
// If the circuit is removed, lower scores are better.
//
// The passes of [Test.Faithfulness]: one for each random circuit. Source: after Wang
// et al. 2022, section 4, and its random circuits.
func (t *Test) RandomFaithfulness(c *Circuit) (*Baseline, error) {
	if t.Random < 0 {
		return nil, fmt.Errorf("random faithfulness: %w", errNoneDrawn)
	}
	f, err := t.Faithfulness(c)
	if err != nil {
		return nil, fmt.Errorf("random %w", err)
	}
	return f.Baseline(), nil
}

// RandomCompleteness measures the largest gap |F(C\K) - F(M\K)| of random
// circuits, beside the circuit's as [Test.Completeness] has it; lower is better. The
// same search looks for it in each of them; sets of one's own are moved to the
// nodes that stand in the places of theirs.
//
// It tells whether a gap as small is there by chance. It says little where
// circuits are most of the model, or where the search finds nothing: both make
// random circuits look complete.
//
// The passes of [Test.Completeness] for each circuit: 2,000 with the greedy search as
// published, so mind the search. Source: after Wang et al. 2022, section 4.
func (t *Test) RandomCompleteness(c *Circuit) (*Baseline, error) {
	fail := func(err error) (*Baseline, error) { return nil, fmt.Errorf("random completeness: %w", err) }
	search, err := t.Search.defaults()
	if err != nil {
		return fail(err)
	}
	b, err := t.againstRandom(c, func(w *withoutSets, rng *rand.Rand) (float64, error) {
		return search.moved(c, w.c).worst(w, rng)
	})
	if err != nil {
		return fail(err)
	}
	b.Score, b.Lower = "largest gap", true
	b.Array = b.Named("largest gap of random circuits of the same size", t.Task.Metric.Unit())
	b.Method += ", greedy search " + search.Greedy.Rule.String()
	return b, b.Err()
}

// moved is the search in another circuit, whose nodes stand for those of the
// first one by one.
func (s Search) moved(from, to *Circuit) Search {
	if from == to {
		return s
	}
	sets := s.Sets
	s.Sets = nil
	for _, k := range sets {
		s.Sets = append(s.Sets, moved(k, from, to))
	}
	return s
}

// worst is the largest gap that is found.
func (s Search) worst(w *withoutSets, rng *rand.Rand) (float64, error) {
	tried, err := s.tried(w, rng)
	if err != nil {
		return 0, err
	}
	var sets [][]graph.Part
	for _, g := range tried {
		sets = append(sets, g.K)
	}
	if err := w.measure(sets); err != nil {
		return 0, err
	}
	worst := 0.0
	for _, k := range sets {
		worst = max(worst, w.gap(k))
	}
	return worst, nil
}

// RandomMinimality measures the least change |F(C\(K+v)) - F(C\K)| by any node v
// of random circuits, in shares of |F(M) - F(∅)|, beside the circuit's as
// [Test.Minimality] has it; higher is better. Sets K for single nodes are moved to the nodes that
// stand in the places of theirs.
//
// Of heads drawn at random some are mostly idle, so that the least change is near
// nothing. A circuit's that is above shows that it has no such node, not that it
// does the task.
//
// The passes of [Test.Minimality] for each circuit: two for each node and set. Source:
// after Wang et al. 2022, section 4.
func (t *Test) RandomMinimality(c *Circuit) (*Baseline, error) {
	fail := func(err error) (*Baseline, error) { return nil, fmt.Errorf("random minimality: %w", err) }
	gap := 0.0 // what there is to lose
	b, err := t.againstRandom(c, func(w *withoutSets, _ *rand.Rand) (least float64, err error) {
		if gap == 0 {
			whole, empty, err := w.ends()
			if err != nil {
				return 0, err
			}
			gap = gapOf(whole, empty)
		}
		there := t.Beside.moved(c, w.c)
		if err := there.measure(w); err != nil {
			return 0, err
		}
		least = math.Inf(1)
		for _, n := range w.c.Nodes {
			_, change := there.most(w, n)
			least = min(least, change)
		}
		return least / gap, nil
	})
	if err != nil {
		return fail(err)
	}
	b.Score = "least change by a node"
	b.Array = b.Named("least change by a node of random circuits of the same size", ofGap)
	if t.Beside.Best {
		b.Method += ", the largest of several K"
	}
	return b, b.Err()
}

// moved is the sets in another circuit, whose nodes stand for those of the first
// one by one.
func (b Beside) moved(from, to *Circuit) Beside {
	if from == to {
		return b
	}
	of := b.Of
	b.Of = map[graph.Part][]graph.Part{}
	for v, k := range of {
		for _, p := range moved([]graph.Part{v}, from, to) {
			b.Of[p] = moved(k, from, to)
		}
	}
	return b
}

var errNoneDrawn = errors.New("no random circuits; Random must be 0, for 50, or above")

// againstRandom scores a circuit, with the draws that its own test makes, and
// random circuits, with draws of their own.
func (t *Test) againstRandom(c *Circuit, score func(*withoutSets, *rand.Rand) (float64, error)) (*Baseline, error) {
	s := t.Settings
	if s.Random < 0 {
		return nil, errNoneDrawn
	}
	if s.Random == 0 {
		s.Random = 50
	}
	k, err := t.of(c)
	if err != nil {
		return nil, err
	}
	b := &Baseline{Circuit: c.Title(), Settings: s}
	if b.Own, err = score(k.without(c), newRand(s.Seed)); err != nil {
		return nil, err
	}
	scores := array.New(array.Dim("circuit", s.Random))
	for i, drawn := range k.draws(c, s.Random) {
		v, err := score(k.without(drawn), rand.New(rand.NewPCG(s.Seed, uint64(i+1))))
		if err != nil {
			return nil, err
		}
		scores.Set(v, i)
	}
	b.Result = k.about()
	b.Method += ", random circuits " + s.Match.String()
	b.Array = scores
	return b, nil
}
