package discover

import (
	"math/rand/v2"

	"github.com/golens/golens/interp/graph"
	"github.com/golens/golens/model/edge"
)

// Independent and SignTest are tested by themselves.
var SignTest = signTest

func Independent(x, y []float64) Independence {
	return independent(x, y, .05, rand.New(rand.NewPCG(1, 1)))
}

// MeanWithout is the mean of the task's metric with all edges, and without those of
// each set.
func (s *Search) MeanWithout(sets ...*graph.Set) (full float64, without []float64, err error) {
	w, err := s.check()
	if err != nil {
		return 0, nil, err
	}
	var cuts []edge.Cut
	for _, set := range sets {
		cuts = append(cuts, set.Rest().Cut(""))
	}
	all, _, each, _, err := w.measure(cuts)
	for _, x := range each {
		without = append(without, mean(x))
	}
	return mean(all), without, err
}
