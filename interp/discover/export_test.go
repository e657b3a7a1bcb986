package discover

import (
	"math/rand/v2"
	"slices"

	"github.com/golens/golens/interp/graph"
	"github.com/golens/golens/model"
	"github.com/golens/golens/model/edge"
	"github.com/golens/golens/model/hook"
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

// Reference is what takes the place of what is cut.
func (s *Search) Reference() (model.Reference, error) {
	w, err := s.check()
	if err != nil {
		return model.Reference{}, err
	}
	return w.reference, nil
}

// ScoresOver are the scores of a method over some of its runs, which may lie between the
// clean run and nothing, whatever the reference is.
func (s *Search) ScoresOver(o Scoring, toZero bool, keep func(run []hook.Edit) bool) (*Scores, error) {
	if err := o.defaults(); err != nil {
		return nil, err
	}
	w, err := s.check()
	if err != nil {
		return nil, err
	}
	by := scorers[o.Method]
	runs := by.runs
	by.runs = func(s *search, o Scoring) ([][]hook.Edit, error) {
		changed := *s
		if toZero {
			changed.reference = model.Reference{}
		}
		all, err := runs(&changed, o)
		return slices.DeleteFunc(all, func(run []hook.Edit) bool { return !keep(run) }), err
	}
	const some Method = "some runs"
	scorers[some] = by
	defer delete(scorers, some)
	o.Method = some
	return w.score(o)
}

// Gradients are the means over the runs of a method of the metric's gradient at some
// points, each for its own row.
func (s *Search) Gradients(o Scoring, points []hook.Point) (map[hook.ID][]float32, error) {
	if err := o.defaults(); err != nil {
		return nil, err
	}
	w, err := s.check()
	if err != nil {
		return nil, err
	}
	runs, err := scorers[o.Method].runs(w, o)
	if err != nil {
		return nil, err
	}
	return w.gradients(runs, points)
}
