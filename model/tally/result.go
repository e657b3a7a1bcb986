package tally

import (
	"math"

	"github.com/golens/golens/model/array"
)

// axes are those of an array over groups and units; a single group has none.
func (s *State) axes(by Group, more ...array.Axis) []array.Axis {
	axes := []array.Axis{array.Dim("unit", s.Units)}
	if by != All {
		axes = append([]array.Axis{array.Dim(string(by), s.Groups)}, axes...)
	}
	return append(axes, more...)
}

// of is an array of a number for each group and unit.
func (s *State) of(r Reducer, title, unit string, value func(i int, n int64) float64) *array.Array {
	out := make([]float32, s.Units*s.Groups)
	for i := range out {
		out[i] = float32(value(i, s.N(i)))
	}
	return array.Of(out, s.axes(r.By)...).Named(title, unit)
}

// Mean is the mean of each unit [(group,) unit]; NaN where nothing was read.
func (r Reducer) Mean(s *State) *array.Array {
	return s.of(r, "mean of "+r.Point.String(), "", func(i int, n int64) float64 { return s.Sum[i].Value() / float64(n) })
}

// Variance is the variance of each unit about its mean [(group,) unit].
func (r Reducer) Variance(s *State) *array.Array {
	return s.of(r, "variance of "+r.Point.String(), "", func(i int, n int64) float64 {
		mean := s.Sum[i].Value() / float64(n)
		return math.Max(0, s.Squares[i].Value()/float64(n)-mean*mean)
	})
}

// Share is the share of positions at which each unit is above the threshold
// [(group,) unit].
func (r Reducer) Share(s *State) *array.Array {
	return s.of(r, "share of positions above the threshold, "+r.Point.String(), "", func(i int, n int64) float64 { return float64(s.Count[i]) / float64(n) })
}

// CovarianceOf is the covariance of all pairs of units in a group [unit, unit].
func (r Reducer) CovarianceOf(s *State, group int) *array.Array {
	n := float64(s.N(group * s.Units)) // the same for all
	out := make([]float32, s.Units*s.Units)
	for i := range s.Units {
		for j := range s.Units {
			a, b := s.Sum[group*s.Units+i].Value()/n, s.Sum[group*s.Units+j].Value()/n
			out[i*s.Units+j] = float32(s.Products[(group*s.Units+i)*s.Units+j]/n - a*b)
		}
	}
	return array.Of(out, array.Dim("unit", s.Units), array.Dim("other unit", s.Units)).Named("covariance of "+r.Point.String(), "")
}
