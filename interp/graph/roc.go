package graph

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"github.com/golens/golens/model/array"
)

// A ROC is how many edges of a reference are found, and how many others, by sets of
// edges of all sizes.
type ROC struct {
	False, True []float64 // shares of the other edges and of the reference's, rising
	// Area is that under steps: between two points as many of the reference's edges
	// are found as at the left one, which is the least that there can be.
	Area float64
}

// ROC holds sets of edges, such as those of several thresholds, against a reference.
// Of points of which another one finds more and takes fewer others only the better
// counts. Source: Conmy et al. 2023, appendix.
func (s *Set) ROC(found ...*Set) (*ROC, error) {
	var points [][2]float64
	for _, f := range found {
		if !s.like(f) {
			return nil, errors.New("ROC: the sets are of other graphs")
		}
		hit := f.Clone()
		for i, w := range s.words {
			hit.words[i] &= w
		}
		points = append(points, [2]float64{float64(f.Len() - hit.Len()), float64(hit.Len())})
	}
	return s.roc(points)
}

// ROCOf is [Set.ROC] of scores [sender, receiver], at every threshold. Edges with
// equal scores come together.
func (s *Set) ROCOf(scores *array.Array, by Rank) (*ROC, error) {
	all, err := s.every(scores, by)
	if err != nil {
		return nil, fmt.Errorf("ROC: %w", err)
	}
	var points [][2]float64
	hit := 0
	for i, e := range all {
		if s.Has(e.sender, e.receiver) {
			hit++
		}
		if i+1 == len(all) || all[i+1].score != e.score {
			points = append(points, [2]float64{float64(i + 1 - hit), float64(hit)})
		}
	}
	return s.roc(points)
}

// like tells whether two sets are of the same edges.
func (s *Set) like(o *Set) bool {
	return slices.Equal(s.Senders, o.Senders) && slices.Equal(s.Receivers, o.Receivers) && s.inside == o.inside
}

// roc is that of points (others, hits).
func (s *Set) roc(points [][2]float64) (*ROC, error) {
	hits, others := float64(s.Len()), float64(s.All().Len()-s.Len())
	if hits == 0 || others == 0 {
		return nil, errors.New("ROC: the reference has no edges, or all")
	}
	points = append(points, [2]float64{0, 0}, [2]float64{others, hits})
	slices.SortFunc(points, func(a, b [2]float64) int { return cmp.Or(cmp.Compare(a[0], b[0]), cmp.Compare(b[1], a[1])) })
	r := &ROC{}
	best := -1.
	for _, p := range points {
		if p[1] <= best {
			continue
		}
		best = p[1]
		r.False, r.True = append(r.False, p[0]/others), append(r.True, p[1]/hits)
	}
	for i, x := range r.False {
		next := 1.
		if i+1 < len(r.False) {
			next = r.False[i+1]
		}
		r.Area += (next - x) * r.True[i]
	}
	return r, nil
}

// String is the area.
func (r *ROC) String() string {
	return fmt.Sprintf("area under the ROC curve %.3f, of %d points", r.Area, len(r.True))
}

// Jaccard is how many edges two sets have in common, as a share of those of either;
// of two empty sets it is 1.
func (s *Set) Jaccard(o *Set) float64 {
	both, any := s.Clone(), 0
	for i, w := range o.words {
		both.words[i] &= w
	}
	common := both.Len()
	if any = s.Len() + o.Len() - common; any == 0 {
		return 1
	}
	return float64(common) / float64(any)
}
