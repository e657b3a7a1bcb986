package circuit

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"

	"github.com/golens/golens/interp/task"
	"github.com/golens/golens/model"
	"github.com/golens/golens/model/array"
)

// RandomFaithfulness measures how much of the metric random circuits recover,
// beside the circuit: [Faithfulness] with its random circuits as a distribution.
// A circuit that recovers no more than they do has not been shown to be one,
// however faithful it is. That it recovers more does not show that it is complete.
// If the circuit is removed, lower scores are better.
//
// The passes of [Faithfulness]: one for each random circuit. Source: after Wang
// et al. 2022, section 4, and its random circuits.
func RandomFaithfulness(m *model.Model, t *task.Task, c *Circuit, s Settings) (*Baseline, error) {
	if s.Random < 0 {
		return nil, fmt.Errorf("random faithfulness: %w", errNoneDrawn)
	}
	f, err := Faithfulness(m, t, c, s)
	if err != nil {
		return nil, fmt.Errorf("random %w", err)
	}
	return f.Baseline(), nil
}

// RandomCompleteness measures the largest gap |F(C\K) - F(M\K)| of random
// circuits, beside the circuit's as [Completeness] has it; lower is better. The
// same search looks for it in each of them; sets of one's own are moved to the
// nodes that stand in the places of theirs.
//
// It tells whether a gap as small is there by chance. It says little where
// circuits are most of the model, or where the search finds nothing: both make
// random circuits look complete.
//
// The passes of [Completeness] for each circuit: 2,000 with the greedy search as
// published, so mind the search. Source: after Wang et al. 2022, section 4.
func RandomCompleteness(m *model.Model, t *task.Task, c *Circuit, s Settings, search Search) (*Baseline, error) {
	fail := func(err error) (*Baseline, error) { return nil, fmt.Errorf("random completeness: %w", err) }
	search, err := search.defaults()
	if err != nil {
		return fail(err)
	}
	b, err := againstRandom(m, t, c, s, func(p *pair, rng *rand.Rand) (float64, error) {
		return search.moved(c, p.c).worst(p, rng)
	})
	if err != nil {
		return fail(err)
	}
	b.Score, b.Lower = "largest gap", true
	b.Array = b.Named("largest gap of random circuits of the same size", t.Metric.Unit())
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
func (s Search) worst(p *pair, rng *rand.Rand) (float64, error) {
	tried, err := s.tried(p, rng)
	if err != nil {
		return 0, err
	}
	var sets [][]Part
	for _, w := range tried {
		sets = append(sets, w.K)
	}
	if err := p.need(sets); err != nil {
		return 0, err
	}
	worst := 0.0
	for _, k := range sets {
		worst = max(worst, p.gap(k))
	}
	return worst, nil
}

// RandomMinimality measures the least change |F(C\(K+v)) - F(C\K)| by any node v
// of random circuits, in shares of |F(M) - F(∅)|, beside the circuit's as [Minimality]
// has it; higher is better. Sets K for single nodes are moved to the nodes that
// stand in the places of theirs.
//
// Of heads drawn at random some are mostly idle, so that the least change is near
// nothing. A circuit's that is above shows that it has no such node, not that it
// does the task.
//
// The passes of [Minimality] for each circuit: two for each node and set. Source:
// after Wang et al. 2022, section 4.
func RandomMinimality(m *model.Model, t *task.Task, c *Circuit, s Settings, choice Choice) (*Baseline, error) {
	fail := func(err error) (*Baseline, error) { return nil, fmt.Errorf("random minimality: %w", err) }
	gap := 0.0 // what there is to lose
	b, err := againstRandom(m, t, c, s, func(p *pair, _ *rand.Rand) (least float64, err error) {
		if gap == 0 {
			whole, empty, err := p.ends()
			if err != nil {
				return 0, err
			}
			gap = gapOf(whole, empty)
		}
		there := choice.moved(c, p.c)
		if err := there.need(p); err != nil {
			return 0, err
		}
		least = math.Inf(1)
		for _, n := range p.c.Nodes {
			_, change := there.most(p, n)
			least = min(least, change)
		}
		return least / gap, nil
	})
	if err != nil {
		return fail(err)
	}
	b.Score = "least change by a node"
	b.Array = b.Named("least change by a node of random circuits of the same size", ofGap)
	if choice.Best {
		b.Method += ", the largest of several K"
	}
	return b, b.Err()
}

// moved is the choice in another circuit, whose nodes stand for those of the
// first one by one.
func (h Choice) moved(from, to *Circuit) Choice {
	if from == to {
		return h
	}
	of := h.Of
	h.Of = map[Part][]Part{}
	for v, k := range of {
		for _, w := range moved([]Part{v}, from, to) {
			h.Of[w] = moved(k, from, to)
		}
	}
	return h
}

var errNoneDrawn = errors.New("no random circuits; Random must be 0, for 50, or above")

// againstRandom scores a circuit, with the draws that its own test makes, and
// random circuits, with draws of their own.
func againstRandom(m *model.Model, t *task.Task, c *Circuit, s Settings, score func(*pair, *rand.Rand) (float64, error)) (*Baseline, error) {
	if s.Random < 0 {
		return nil, errNoneDrawn
	}
	if s.Random == 0 {
		s.Random = 50
	}
	p, err := newPair(m, t, c, s.Ablation)
	if err != nil {
		return nil, err
	}
	b := &Baseline{Circuit: c.Title(), Settings: s}
	if b.Own, err = score(p, newRand(s.Seed)); err != nil {
		return nil, err
	}
	scores := array.New(array.Dim("circuit", s.Random))
	for i, drawn := range p.draws(c, s.Match, s.Random, s.Seed) {
		v, err := score(p.pair(drawn), rand.New(rand.NewPCG(s.Seed, uint64(i+1))))
		if err != nil {
			return nil, err
		}
		scores.Set(v, i)
	}
	b.Result = p.about()
	b.Method += ", random circuits " + s.Match.String()
	b.Array = scores
	return b, nil
}
