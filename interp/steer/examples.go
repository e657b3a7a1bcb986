package steer

import (
	"errors"
	"fmt"
	"math"

	"gonum.org/v1/gonum/mat"

	"github.com/golens/golens/model"
	"github.com/golens/golens/model/array"
	"github.com/golens/golens/model/hook"
)

// Examples are activations, one row for each prompt and position [example, coordinate].
type Examples struct {
	Point hook.Point
	X     *mat.Dense
	model.Provenance
}

// String says how many there are, and of what.
func (e *Examples) String() string {
	n, d := e.X.Dims()
	return fmt.Sprintf("%d examples of %s, %d coordinates\n%s", n, e.Point, d, e.Provenance)
}

// Collect reads activations of prompts at the positions that the point selects, all of
// them if it selects none; heads are joined. One pass up to the activation.
func Collect(m *model.Model, at hook.Point, prompts model.Prompts) (*Examples, error) {
	if at.Kind.HeadAxis() >= 0 && at.Heads == nil {
		return nil, fmt.Errorf("examples: %s has heads; select which", at)
	}
	run, err := m.Run(prompts.Capture(at))
	if err != nil {
		return nil, fmt.Errorf("examples: %w", err)
	}
	a := run.At(at)
	if err := a.Err(); err != nil {
		return nil, err
	}
	dims := m.Config().Dims(at.Kind, 1)
	width := dims[len(dims)-1]
	if at.Coords != nil {
		return nil, fmt.Errorf("examples: %s selects coordinates; directions are of all of them", at)
	}
	if at.Heads != nil {
		width *= len(at.Heads)
	}
	var data []float64
	n := 0
	for i := 0; i < len(a.Values()); i += width {
		if math.IsNaN(float64(a.Values()[i])) {
			continue // past a row's end
		}
		for _, v := range a.Values()[i : i+width] {
			data = append(data, float64(v))
		}
		n++
	}
	if n == 0 {
		return nil, errors.New("examples: no activations were selected")
	}
	return &Examples{unplaced(at), mat.NewDense(n, width, data), run.Provenance}, nil
}

// Mean is the mean of the examples.
func (e *Examples) Mean() []float64 {
	n, d := e.X.Dims()
	mean := make([]float64, d)
	for i := range n {
		for j, v := range e.X.RawRowView(i) {
			mean[j] += v / float64(n)
		}
	}
	return mean
}

// MeanDifference is the direction from the mean of some examples to that of others: what
// is added to make the first like the second on average. Its source, as "mass-mean":
// Marks and Tegmark 2023, "The Geometry of Truth".
func MeanDifference(m *model.Model, at hook.Point, from, to model.Prompts) (*Direction, error) {
	a, err := Collect(m, at, from)
	if err != nil {
		return nil, err
	}
	b, err := Collect(m, at, to)
	if err != nil {
		return nil, err
	}
	return a.To(b, "difference in means")
}

// To is the direction from the mean of the examples to that of others.
func (e *Examples) To(other *Examples, method string) (*Direction, error) {
	a, b := e.Mean(), other.Mean()
	if len(a) != len(b) {
		return nil, fmt.Errorf("direction: examples of %d coordinates and of %d", len(a), len(b))
	}
	v := make([]float32, len(a))
	for i := range a {
		v[i] = float32(b[i] - a[i])
	}
	d, err := NewDirection(e.Point, array.Of(v, array.Dim(coordinateAxis, len(v))), method)
	if err != nil {
		return nil, err
	}
	for i, w := range d.Unit().Vector.Values() {
		d.Low += a[i] * float64(w)
		d.High += b[i] * float64(w)
	}
	return d, nil
}

// PCA is the subspace of the k principal components of examples, the largest first, and
// the share of the variance that each has.
func PCA(m *model.Model, at hook.Point, prompts model.Prompts, k int) (*Subspace, *array.Array, error) {
	e, err := Collect(m, at, prompts)
	if err != nil {
		return nil, nil, err
	}
	return e.PCA(k)
}

// PCA is as the function [PCA].
func (e *Examples) PCA(k int) (*Subspace, *array.Array, error) {
	n, d := e.X.Dims()
	if k < 1 || k > min(n-1, d) {
		return nil, nil, fmt.Errorf("principal components: %d of %d examples of %d coordinates", k, n, d)
	}
	mean := e.Mean()
	centred := mat.NewDense(n, d, nil)
	for i := range n {
		for j, v := range e.X.RawRowView(i) {
			centred.Set(i, j, v-mean[j])
		}
	}
	var svd mat.SVD
	if !svd.Factorize(centred, mat.SVDThin) {
		return nil, nil, errors.New("principal components: no singular values")
	}
	var v mat.Dense
	svd.VTo(&v)
	total := 0.0
	values := svd.Values(nil)
	for _, s := range values {
		total += s * s
	}
	share := array.New(array.Dim(directionAxis, k)).Named("share of the variance", "")
	for i := range k {
		share.Set(values[i]*values[i]/total, i)
	}
	s := &Subspace{e.Point, columnsOf(mat.DenseCopyOf(v.Slice(0, d, 0, k))), fmt.Sprintf("principal components of %d examples", n)}
	return s, share, nil
}
