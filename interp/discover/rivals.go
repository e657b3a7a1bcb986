package discover

import (
	"fmt"
	"math"
	"slices"

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
// found, or no room is left for the passes of another.
func (s *search) rivals(scores *Scores, d *Doubted, room int) (Rivals, error) {
	r := Rivals{Level: d.Faithfulness - slack}
	if d.Faithfulness > 1 {
		r.Level = 1 - slack // better than the model is not asked for
	}
	used := map[pair]int{}
	for len(r.Sets) <= d.Settings.Rivals {
		left := room - s.passes
		if left < fewestLeast {
			break
		}
		share := max(fewestLeast, left/(d.Settings.Rivals+1-len(r.Sets)))
		set, faithful, err := s.fewest(scores, used, r.Level, d.Settings.Edges, share)
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

// fewestLeast is how many passes fewest takes at least: for five sizes.
const fewestLeast = 8

// fewest is the smallest subgraph that reaches a faithfulness, of those that a greedy
// walk takes; nil if none does. Sizes are tried up to eight at a time, since
// faithfulness may rise and fall with them: around the given one and up to half of all, and then
// between the least that is found and the one below, as long as there is room for the
// passes.
func (s *search) fewest(scores *Scores, used map[pair]int, level float64, around, room int) (best *graph.Set, faithful float64, err error) {
	worth := penalised(scores, used)
	most := max(around, s.graph.Len()/2) // what is nearly the model is no rival
	lo, hi, end := 0, most+1, s.passes+room
	for hi-lo > 1 {
		tries := min(8, end-s.passes-3) // beside the base, the reference and the empty graph
		if tries < 1 {
			break
		}
		sizes := between(lo, hi, tries)
		if best == nil {
			sizes = upTo(most, max(1, around/4), tries)
		}
		var cuts []edge.Cut
		var sets []*graph.Set
		for _, n := range sizes {
			set, err := s.graph.Greedy(worth, n, graph.Size)
			if err != nil {
				return nil, 0, err
			}
			set = set.Prune()
			sets, cuts = append(sets, set), append(cuts, set.Cut(""))
		}
		full, empty, each, _, err := s.measure(cuts)
		if err != nil {
			return nil, 0, err
		}
		for i, run := range each {
			if f := (mean(run) - mean(empty)) / (mean(full) - mean(empty)); f >= level {
				best, faithful, hi = sets[i], f, sizes[i]
				break
			}
			lo = sizes[i]
		}
		if best == nil {
			break
		}
	}
	return best, faithful, nil
}

// between are up to n numbers between two others, as far apart as can be.
func between(lo, hi, n int) (all []int) {
	for i := 1; i <= n; i++ {
		all = append(all, min(max(lo+(hi-lo)*i/(n+1), lo+1), hi-1))
	}
	return slices.Compact(all)
}

// upTo are up to n numbers that grow by one factor, the last of which is most.
func upTo(most, least, n int) (all []int) {
	for i := 1; i < n; i++ {
		all = append(all, int(float64(least)*math.Pow(float64(most)/float64(least), float64(i-1)/float64(n-1))))
	}
	return slices.Compact(append(all, most))
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
