package graph

import (
	"cmp"
	"container/heap"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/golens/golens/model/array"
)

// A Rank says in which order edges are taken by their scores.
type Rank int

// The ranks.
const (
	Size   Rank = iota // the furthest from 0 first
	Signed             // the largest first
)

// String names the rank.
func (r Rank) String() string {
	switch r {
	case Size:
		return "by size"
	case Signed:
		return "signed"
	}
	return fmt.Sprintf("rank %d", int(r))
}

// A ranked edge and its score on the rank's scale.
type ranked struct {
	sender, receiver int
	score            float64
}

// ranked lists the edges into some receivers with their scores.
func (g *Graph) ranked(scores *array.Array, by Rank, receivers ...int) []ranked {
	var all []ranked
	for _, r := range receivers {
		for s := range g.Senders {
			if g.Has(s, r) {
				v := scores.At(s, r)
				if by == Size {
					v = math.Abs(v)
				}
				all = append(all, ranked{s, r, v})
			}
		}
	}
	return all
}

// every lists all edges, checked, best first; of equals the earlier receiver, then
// the earlier sender.
func (g *Graph) every(scores *array.Array, by Rank) ([]ranked, error) {
	if err := scores.Err(); err != nil {
		return nil, err
	}
	if want := []int{len(g.Senders), len(g.Receivers)}; !slices.Equal(scores.Shape(), want) {
		return nil, fmt.Errorf("scores have shape %v; want [sender, receiver] = %v, see Graph.Scores", scores.Shape(), want)
	}
	if by != Size && by != Signed {
		return nil, fmt.Errorf("%s is not known", by)
	}
	receivers := make([]int, len(g.Receivers))
	for r := range receivers {
		receivers[r] = r
	}
	all := g.ranked(scores, by, receivers...)
	for _, e := range all {
		if math.IsNaN(e.score) {
			return nil, fmt.Errorf("the score of %s is NaN", g.Edge(e.sender, e.receiver))
		}
	}
	slices.SortStableFunc(all, func(a, b ranked) int { return cmp.Compare(b.score, a.score) })
	return all, nil
}

// Top is the n edges of the best scores [sender, receiver], or all if there are
// fewer. Edges may hang in the air: see [Set.Prune].
func (g *Graph) Top(scores *array.Array, n int, by Rank) (*Set, error) {
	all, err := g.every(scores, by)
	if err != nil {
		return nil, fmt.Errorf("top edges: %w", err)
	}
	return g.first(all[:min(max(n, 0), len(all))]), nil
}

// Above is the edges whose scores [sender, receiver], or their sizes, are at least
// the threshold.
func (g *Graph) Above(scores *array.Array, threshold float64, by Rank) (*Set, error) {
	all, err := g.every(scores, by)
	if err != nil {
		return nil, fmt.Errorf("edges above %g: %w", threshold, err)
	}
	n := slices.IndexFunc(all, func(e ranked) bool { return e.score < threshold })
	if n < 0 {
		n = len(all)
	}
	return g.first(all[:n]), nil
}

func (g *Graph) first(edges []ranked) *Set {
	set := g.None()
	for _, e := range edges {
		set.Add(e.sender, e.receiver)
	}
	return set
}

// Greedy takes n edges one by one, backwards from the logits: always the best of
// those that lead to a part which an edge leads away from already. So none of them
// lacks a way to the logits. Source: Hanna et al. 2024.
func (g *Graph) Greedy(scores *array.Array, n int, by Rank) (*Set, error) {
	if _, err := g.every(scores, by); err != nil {
		return nil, fmt.Errorf("greedy edges: %w", err)
	}
	if g.inside {
		return nil, errors.New("greedy edges: the graph has edges inside heads, which lead to no earlier part; take that of Of")
	}
	set, open := g.None(), make([]bool, len(g.Receivers))
	var next queue
	join := func(p Part) {
		for _, input := range p.Inputs() {
			if r, found := g.Receiver(p, input); found && !open[r] {
				open[r] = true
				for _, e := range g.ranked(scores, by, r) {
					heap.Push(&next, e)
				}
			}
		}
	}
	join(Logits())
	joined := map[Part]bool{}
	for ; n > 0 && len(next) > 0; n-- {
		e := heap.Pop(&next).(ranked)
		set.Add(e.sender, e.receiver)
		p := g.Senders[e.sender]
		if !joined[p] {
			joined[p] = true
			join(p)
		}
	}
	return set, nil
}

// A queue gives the best edge first; of equals the earlier one.
type queue []ranked

func (q queue) Len() int { return len(q) }
func (q queue) Less(i, j int) bool {
	a, b := q[i], q[j]
	return cmp.Or(cmp.Compare(b.score, a.score), a.receiver-b.receiver, a.sender-b.sender) < 0
}
func (q queue) Swap(i, j int) { q[i], q[j] = q[j], q[i] }
func (q *queue) Push(x any)   { *q = append(*q, x.(ranked)) }
func (q *queue) Pop() any {
	last := (*q)[len(*q)-1]
	*q = (*q)[:len(*q)-1]
	return last
}
