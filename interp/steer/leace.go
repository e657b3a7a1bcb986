package steer

import (
	"errors"
	"fmt"
	"math"

	"gonum.org/v1/gonum/mat"

	"github.com/golens/golens/model/array"
	"github.com/golens/golens/model/formula"
	"github.com/golens/golens/model/hook"
)

// An Eraser takes a concept out of an activation so that no linear classifier finds it,
// and moves activations as little as that allows: x - W⁺ P W (x - μ), with W = Σ^-1/2 the
// whitening of the examples and P the projection onto W Σxz, what correlates with the
// concept. Source: Belrose et al. 2023, "LEACE: Perfect linear concept erasure in closed
// form".
type Eraser struct {
	Point       hook.Point
	Mean        *array.Array // [coordinate]
	Read, Write *array.Array // [coordinate, direction], [direction, coordinate]: what is taken is (x - μ) Read Write
}

// String says where it erases, and how much it takes.
func (e *Eraser) String() string {
	return fmt.Sprintf("eraser at %s: takes %d of %d directions (LEACE, Belrose et al. 2023)", e.Point, e.Read.Dim("direction"), e.Mean.Dim("coordinate"))
}

// LEACE finds the eraser of a concept with a label, from 0 on, for every example.
func LEACE(e *Examples, labels []int) (*Eraser, error) {
	n, d := e.X.Dims()
	if len(labels) != n {
		return nil, fmt.Errorf("LEACE: %d labels for %d examples", len(labels), n)
	}
	classes := 0
	for _, z := range labels {
		if z < 0 || z >= n {
			return nil, fmt.Errorf("LEACE: label %d; they count from 0", z)
		}
		classes = max(classes, z+1)
	}
	mean, share := e.Mean(), make([]float64, classes)
	for _, z := range labels {
		share[z] += 1 / float64(n)
	}
	covariance, cross := mat.NewSymDense(d, nil), mat.NewDense(d, classes, nil)
	x := mat.NewVecDense(d, nil)
	for i, z := range labels {
		for j, v := range e.X.RawRowView(i) {
			x.SetVec(j, v-mean[j])
		}
		covariance.SymRankOne(covariance, 1/float64(n), x)
		for k := range classes {
			one := -share[k]
			if k == z {
				one++
			}
			for j := range d {
				cross.Set(j, k, cross.At(j, k)+x.AtVec(j)*one/float64(n))
			}
		}
	}
	var eigen mat.EigenSym
	if !eigen.Factorize(covariance, true) {
		return nil, errors.New("LEACE: the covariance has no eigenvectors")
	}
	var vectors mat.Dense
	eigen.VectorsTo(&vectors)
	values := eigen.Values(nil)
	power := func(by float64) *mat.Dense { // directions in which nothing varies are left out
		scaled := mat.NewDense(d, d, nil)
		for j, v := range values {
			if v > 1e-10*values[d-1] {
				for i := range d {
					scaled.Set(i, j, vectors.At(i, j)*math.Pow(v, by))
				}
			}
		}
		var out mat.Dense
		out.Mul(scaled, vectors.T())
		return &out
	}
	var whitened mat.Dense
	whitened.Mul(power(-.5), cross)
	u := orthonormal(&whitened)
	_, r := u.Dims()
	if r == 0 {
		return nil, errors.New("LEACE: the examples do not differ between the labels: there is nothing to erase")
	}
	var read, write mat.Dense // x' = x - (W⁺ U)(Uᵀ W)(x - μ); rows: (x - μ) (W U) (Uᵀ W⁺)
	read.Mul(power(-.5), u)
	write.Mul(u.T(), power(.5))
	out := &Eraser{Point: e.Point, Read: columnsOf(&read), Write: array.New(array.Dim(directionAxis, r), array.Dim(coordinateAxis, d)), Mean: array.New(array.Dim(coordinateAxis, d))}
	for i := range r {
		for j := range d {
			out.Write.Values()[i*d+j] = float32(write.At(i, j))
		}
	}
	for j, v := range mean {
		out.Mean.Values()[j] = float32(v)
	}
	return out, nil
}

// Edit erases the concept at every position.
func (e *Eraser) Edit() hook.Edit { return e.EditAt(hook.Positions{}) }

// EditAt erases the concept at some positions.
func (e *Eraser) EditAt(at hook.Positions) hook.Edit {
	s := Subspace{Point: e.Point}
	name := "erase " + fingerprint(e.Read.Values()) + " "
	x := formula.Here()
	taken := s.flat(x).Sub(formula.Tensor(name+"mean", e.Mean)).Dot(formula.Tensor(name+"read", e.Read)).Dot(formula.Tensor(name+"write", e.Write))
	return e.Point.In(at).Compute(x.Sub(s.shaped(taken)))
}

// Erase is examples with the concept taken out.
func (e *Eraser) Erase(x *Examples) *Examples {
	n, d := x.X.Dims()
	out := mat.DenseCopyOf(x.X)
	read, write := dense(e.Read), dense(e.Write)
	centred := mat.NewDense(n, d, nil)
	for i := range n {
		for j, v := range x.X.RawRowView(i) {
			centred.Set(i, j, v-float64(e.Mean.Values()[j]))
		}
	}
	var along, taken mat.Dense
	along.Mul(centred, read)
	taken.Mul(&along, write)
	out.Sub(out, &taken)
	return &Examples{x.Point, out, x.Provenance}
}
