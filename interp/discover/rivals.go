package discover

import (
	"fmt"

	"github.com/golens/golens/interp/graph"
	"github.com/golens/golens/model/array"
	"github.com/golens/golens/model/edge"
)

// Rivals are subgraphs that are as faithful as a circuit and share as few of its
// edges as could be found. Where there are several, none of them is the circuit.
type Rivals struct {
	Sets         []*graph.Set // the first is found without a look at others
	Faithfulness []float64
	Level        float64    // of faithfulness, from which on a subgraph is a rival
	Common       *graph.Set // edges that all of them have
	// Overlap is the mean Jaccard of pairs, and Beyond that without the edges that all
	// have: 0 where they go ways of their own wherever they can. With one rival both
	// are 1.
	Overlap, Beyond float64
}

// String says how many there are.
func (r Rivals) String() string {
	if len(r.Sets) < 2 {
		return fmt.Sprintf("none was found with a faithfulness of %.3f or more that has other edges", r.Level)
	}
	sizes := make([]int, len(r.Sets))
	for i, s := range r.Sets {
		sizes[i] = s.Len()
	}
	return fmt.Sprintf("%d subgraphs of %v edges are as faithful (%.3f or more); they share %.2f of their edges, and %.2f of those that not all have",
		len(r.Sets), sizes, r.Level, r.Overlap, r.Beyond)
}

// reuse is what the size of an edge's score is worth in a rival for each rival before
// that has it.
const reuse = 0.25

// slack is how much less faithful a rival may be than the circuit.
const slack = 0.02

// rivals looks for subgraphs as faithful as a circuit: the fewest edges, taken
// backwards from the logits by the size of their scores, that reach its
// faithfulness, where edges of earlier rivals count less. It ends when no new one is
// found.
func (s *search) rivals(scores *Scores, d *Doubted) (Rivals, error) {
	r := Rivals{Level: d.Faithfulness - slack}
	if d.Faithfulness > 1 {
		r.Level = 1 - slack // better than the model is not asked for
	}
	used := map[pair]int{}
	for len(r.Sets) <= d.Settings.Rivals {
		set, faithful, err := s.fewest(scores, used, r.Level)
		if err != nil {
			return r, err
		}
		if set == nil || contains(r.Sets, set) {
			break
		}
		r.Sets, r.Faithfulness = append(r.Sets, set), append(r.Faithfulness, faithful)
		for u, v := range set.Edges() {
			used[pair{u, v}]++
		}
	}
	r.compare(s.graph)
	return r, nil
}

func contains(sets []*graph.Set, set *graph.Set) bool {
	for _, s := range sets {
		if s.Jaccard(set) == 1 {
			return true
		}
	}
	return false
}

// compare finds what rivals share.
func (r *Rivals) compare(g *graph.Graph) {
	r.Common = g.All()
	for u, v := range g.All().Edges() {
		for _, set := range r.Sets {
			if !set.Has(u, v) {
				r.Common.Remove(u, v)
			}
		}
	}
	r.Overlap, r.Beyond = 1, 1
	if len(r.Sets) < 2 {
		return
	}
	own := make([]*graph.Set, len(r.Sets))
	for i, set := range r.Sets {
		own[i] = set.Clone()
		for u, v := range r.Common.Edges() {
			own[i].Remove(u, v)
		}
	}
	r.Overlap, r.Beyond = 0, 0
	pairs := 0.0
	for i := range r.Sets {
		for j := range i {
			r.Overlap, r.Beyond, pairs = r.Overlap+r.Sets[i].Jaccard(r.Sets[j]), r.Beyond+own[i].Jaccard(own[j]), pairs+1
		}
	}
	r.Overlap, r.Beyond = r.Overlap/pairs, r.Beyond/pairs
}

// fewest is the smallest subgraph that reaches a faithfulness, of those that a greedy
// walk takes; nil if none does. Sizes are tried eight at a time, since faithfulness
// may rise and fall with them: the least that is found, and then between that and the
// one below.
func (s *search) fewest(scores *Scores, used map[pair]int, level float64) (best *graph.Set, faithful float64, err error) {
	worth := penalised(scores, used)
	lo, hi := 0, s.graph.Len()
	const tries = 8
	for hi-lo > 1 {
		var sizes []int
		var cuts []edge.Cut
		var sets []*graph.Set
		for i := 1; i <= tries; i++ {
			n := lo + (hi-lo)*i/tries
			if n == lo || len(sizes) > 0 && sizes[len(sizes)-1] == n {
				continue
			}
			set, err := s.graph.Greedy(worth, n, graph.Size)
			if err != nil {
				return nil, 0, err
			}
			set = set.Prune()
			sizes, sets, cuts = append(sizes, n), append(sets, set), append(cuts, set.Cut(""))
		}
		full, empty, each, _, err := s.measure(cuts)
		if err != nil {
			return nil, 0, err
		}
		found := false
		for i, run := range each {
			f := (mean(run) - mean(empty)) / (mean(full) - mean(empty))
			if f >= level {
				best, faithful, hi, found = sets[i], f, sizes[i], true
				break
			}
			lo = sizes[i]
		}
		if !found {
			return best, faithful, nil
		}
	}
	return best, faithful, nil
}

// penalised are scores of which those of edges that are used count less.
func penalised(scores *Scores, used map[pair]int) *array.Array {
	out := scores.Graph.Scores()
	for u, v := range scores.Graph.All().Edges() {
		x := scores.At(u, v)
		for range used[pair{u, v}] {
			x *= reuse
		}
		out.Set(x, u, v)
	}
	return out
}
