package causal

import (
	"errors"
	"fmt"
	"math"

	"gonum.org/v1/gonum/mat"

	"github.com/golens/golens/interp/steer"
	"github.com/golens/golens/model"
	"github.com/golens/golens/model/array"
)

// Names of the ways in [Baselines].
const (
	WayWhole       = "whole activation"
	WayPCA         = "principal components"
	WayDifferences = "SVD of differences"
	WayMeans       = "difference in means"
)

// Baselines are the ways to hold a variable at a site that need no gradient: the whole
// activation; k principal components of the training inputs; k right singular vectors
// of the differences of training pairs; and what the means of the variable's values
// span, at most k directions of it. Their pairs are those of [DAS.Find] with the same
// Split. A dictionary's features are compared by a search of their own ([DAS.Code]).
// Source: Mueller et al. 2025 (MIB, causal variable localisation).
func Baselines(m *model.Model, d *Data, variable string, at Site, k int, split Split) (*Scores, map[string]*steer.Subspace, error) {
	fail := func(err error) (*Scores, map[string]*steer.Subspace, error) {
		return nil, nil, fmt.Errorf("baselines of %s at %s: %w", variable, at.Point, err)
	}
	s, err := DAS{K: k, Split: split}.start(m, d, variable, at)
	if err != nil {
		return fail(err)
	}
	x, err := d.states(m, at)
	if err != nil {
		return fail(err)
	}
	inputs := s.trainInputs()
	var states, differences, means [][]float64
	values := map[string][]int{}
	for _, i := range inputs {
		states = append(states, s.vectors(x.of(i))...)
		run, err := d.Model.Run(d.Inputs[i], nil)
		if err != nil {
			return fail(err)
		}
		values[run[variable]] = append(values[run[variable]], i)
	}
	for _, p := range s.pairs[0] {
		a, b := s.vectors(x.of(p.Base)), s.vectors(x.of(p.Source))
		for i := range a {
			differences = append(differences, minus(b[i], a[i]))
		}
	}
	whole := mean(states)
	for i := range states {
		states[i] = minus(states[i], whole)
	}
	for _, of := range values {
		var own [][]float64
		for _, i := range of {
			own = append(own, s.vectors(x.of(i))...)
		}
		// Weighted, so that a value of few inputs does not outvote the rest.
		centred := minus(mean(own), whole)
		for i := range centred {
			centred[i] *= math.Sqrt(float64(len(of)))
		}
		means = append(means, centred)
	}
	found := map[string]*steer.Subspace{}
	ways := []way{{WayWhole, m, at, s.labels}}
	for _, w := range []struct {
		name string
		rows [][]float64
	}{{WayPCA, states}, {WayDifferences, differences}, {WayMeans, means}} {
		basis, err := leading(w.rows, s.K)
		if err != nil {
			return fail(fmt.Errorf("%s: %w", w.name, err))
		}
		if found[w.name], err = steer.NewSubspace(at.Point, basis, fmt.Sprintf("%s of %s in %s", w.name, variable, d.Model.Name)); err != nil {
			return fail(err)
		}
		site := at
		site.Subspace = found[w.name]
		ways = append(ways, way{w.name, m, site, s.labels})
	}
	scores, err := d.score(ways, s.pairs, fmt.Sprintf("baselines, %d directions, %d pairs, %d held out", s.K, len(s.pairs[0]), len(s.pairs[1])), "Mueller et al. 2025")
	if err != nil {
		return fail(err)
	}
	return scores, found, nil
}

// vectors are the activations of an input at each position.
func (s *search) vectors(x []float32) (all [][]float64) {
	for at := 0; at < len(x); at += s.width {
		v := make([]float64, s.width)
		for i := range v {
			v[i] = float64(x[at+i])
		}
		all = append(all, v)
	}
	return all
}

func mean(rows [][]float64) []float64 {
	out := make([]float64, len(rows[0]))
	for _, r := range rows {
		for i, v := range r {
			out[i] += v / float64(len(rows))
		}
	}
	return out
}

func minus(a, b []float64) []float64 {
	out := make([]float64, len(a))
	for i := range a {
		out[i] = a[i] - b[i]
	}
	return out
}

// leading are the first k right singular vectors of rows, fewer where these span less.
func leading(rows [][]float64, k int) (*array.Array, error) {
	n := len(rows[0])
	// By the eigenvectors of the sum of squares: rows may be many.
	square := mat.NewSymDense(n, nil)
	for _, r := range rows {
		square.SymRankOne(square, 1, mat.NewVecDense(n, r))
	}
	var eigen mat.EigenSym
	if !eigen.Factorize(square, true) {
		return nil, errors.New("no eigenvectors")
	}
	var vectors mat.Dense
	eigen.VectorsTo(&vectors)
	values := eigen.Values(nil) // rising
	rank := 0
	for rank < min(k, n) && values[n-1-rank] > 1e-9*values[n-1] && values[n-1-rank] > 0 {
		rank++
	}
	if rank == 0 {
		return nil, errors.New("all activations are the same")
	}
	out := array.New(array.Dim("coordinate", n), array.Dim("direction", rank))
	for i := range n {
		for j := range rank {
			out.Values()[i*rank+j] = float32(vectors.At(i, n-1-j))
		}
	}
	return out, nil
}
