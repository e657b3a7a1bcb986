package fit

import (
	"fmt"
	"math"
	"math/rand/v2"

	"gonum.org/v1/gonum/mat"
)

// An Orthogonal is a matrix Q [n, k] with orthonormal columns as a function of a
// free matrix, so that steps of any optimizer keep it one.
//
// A square one is Q = S (I+A)⁻¹(I-A), the Cayley transform of A = D - Dᵀ, where D is
// how far X moved in its last step and S was Q before it: the transform is then
// always that of a small matrix, at which it has no preferred directions. It keeps
// its determinant; one that is drawn is a rotation. One with fewer columns is the
// first k columns of k Householder
// reflections, Q = H(v₁)···H(v_k) I[:, :k] with H(v) = I - 2vvᵀ/vᵀv, where v_i are the
// columns of X.
type Orthogonal struct {
	n, k   int
	square bool

	x *mat.Dense
	q *mat.Dense
}

// NewOrthogonal starts from Q, whose columns must be orthonormal, or, if that is
// nil, from one that is drawn.
func NewOrthogonal(n, k int, q []float32, rng *rand.Rand) (*Orthogonal, error) {
	if k > n {
		return nil, fmt.Errorf("a matrix [%d, %d] has more columns than orthonormal ones there are", n, k)
	}
	start := mat.NewDense(n, k, nil)
	if q == nil {
		for i := range n * k {
			start.RawMatrix().Data[i] = rng.NormFloat64()
		}
		start = reflected(reflectionsTo(start), n, k) // the Q of a QR decomposition of a normal matrix
		if n == k && mat.Det(start) < 0 {
			for i := range n {
				start.Set(i, n-1, -start.At(i, n-1))
			}
		}
	} else {
		set(start, q)
		var gram mat.Dense
		gram.Mul(start.T(), start)
		for i := range k {
			for j := range k {
				want := 0.0
				if i == j {
					want = 1
				}
				if d := math.Abs(gram.At(i, j) - want); !(d < 1e-3) { // float32 files of large matrices are 1e-4 off
					return nil, fmt.Errorf("the start is not orthonormal: columns %d and %d have the product %.3g", i, j, gram.At(i, j))
				}
			}
		}
	}
	o := &Orthogonal{n: n, k: k, square: n == k}
	if o.square {
		o.x, o.q = mat.NewDense(n, n, nil), start
	} else {
		o.x = reflectionsTo(start)
		round(o.x)
		o.q = reflected(o.x, n, k)
	}
	round(o.q)
	return o, nil
}

// round leaves what float32 keeps, so that nothing hangs on more when a fit goes on
// from what was kept of another.
func round(m *mat.Dense) {
	for i, v := range m.RawMatrix().Data {
		m.RawMatrix().Data[i] = float64(float32(v))
	}
}

// Free is a copy of the free matrix X [n, k].
func (o *Orthogonal) Free() []float32 { return values(o.x) }

// Restore sets the free matrix beside a Q that was reached with it.
func (o *Orthogonal) Restore(x []float32) {
	set(o.x, x)
	if !o.square {
		o.q = reflected(o.x, o.n, o.k)
		round(o.q)
	}
}

// Set moves the free matrix.
func (o *Orthogonal) Set(x []float32) error {
	before := mat.DenseCopyOf(o.x)
	o.Restore(x)
	if !o.square {
		return nil
	}
	var moved, plus, minus, inverse, next mat.Dense
	moved.Sub(o.x, before)
	plus.Sub(&moved, moved.T())
	minus.Scale(-1, &plus)
	for i := range o.n {
		plus.Set(i, i, 1)
		minus.Set(i, i, 1)
	}
	if err := inverse.Inverse(&plus); err != nil { // I+A of a skew A is never singular, but may be of huge numbers
		return fmt.Errorf("orthogonal matrix: %w; take a smaller rate", err)
	}
	next.Product(o.q, &inverse, &minus)
	// Half a step towards the nearest orthogonal matrix makes up for the rounding.
	var gram mat.Dense
	gram.Mul(next.T(), &next)
	gram.Scale(-.5, &gram)
	for i := range o.n {
		gram.Set(i, i, gram.At(i, i)+1.5)
	}
	o.q = mat.NewDense(o.n, o.n, nil)
	o.q.Mul(&next, &gram)
	round(o.q)
	return nil
}

func set(m *mat.Dense, x []float32) {
	for i, v := range x {
		m.RawMatrix().Data[i] = float64(v)
	}
}

// Value is Q [n, k].
func (o *Orthogonal) Value() []float32 { return values(o.q) }

// Gradient is that with respect to X, from that with respect to Q.
func (o *Orthogonal) Gradient(byQ []float64) []float64 {
	g := mat.NewDense(o.n, o.k, byQ)
	if !o.square {
		return o.reflectBack(g)
	}
	// dQ = -2 Q dA at A = 0, and A = dX - dXᵀ.
	var byA mat.Dense
	byA.Mul(o.q.T(), g)
	byX := mat.NewDense(o.n, o.n, nil)
	byX.Sub(byA.T(), &byA)
	byX.Scale(2, byX)
	return byX.RawMatrix().Data
}

// reflectBack goes through the reflections in the order opposite to that in which
// they were applied; each is its own inverse, so nothing need be kept.
func (o *Orthogonal) reflectBack(g *mat.Dense) []float64 {
	byX := mat.NewDense(o.n, o.k, nil)
	y, back := mat.DenseCopyOf(o.q), mat.DenseCopyOf(g)
	v := mat.NewVecDense(o.n, nil)
	for i := range o.k {
		v.CopyVec(o.x.ColView(i))
		reflect(y, v) // what the reflection was applied to
		s := mat.Dot(v, v)
		var u, w, d, e mat.VecDense
		u.MulVec(y.T(), v)
		w.MulVec(back.T(), v)
		d.MulVec(back, &u)
		e.MulVec(y, &w)
		for r := range o.n {
			byX.Set(r, i, -2/s*(d.AtVec(r)+e.AtVec(r))+4/(s*s)*mat.Dot(&u, &w)*v.AtVec(r))
		}
		reflect(back, v)
	}
	return byX.RawMatrix().Data
}

// reflect is y = H(v) y.
func reflect(y *mat.Dense, v *mat.VecDense) {
	var along mat.VecDense
	along.MulVec(y.T(), v)
	y.RankOne(y, -2/mat.Dot(v, v), v, &along)
}

// reflected are the first k columns of the reflections.
func reflected(x *mat.Dense, n, k int) *mat.Dense {
	q := mat.NewDense(n, k, nil)
	for i := range k {
		q.Set(i, i, 1)
	}
	v := mat.NewVecDense(n, nil)
	for i := k - 1; i >= 0; i-- {
		v.CopyVec(x.ColView(i))
		reflect(q, v)
	}
	return q
}

// reflectionsTo are reflections that take the first k columns of the identity to
// the orthonormal columns that a has, or that its QR decomposition gives it, up to
// their signs where a is not orthonormal.
func reflectionsTo(a *mat.Dense) *mat.Dense {
	n, k := a.Dims()
	x, rest := mat.NewDense(n, k, nil), mat.DenseCopyOf(a)
	v := mat.NewVecDense(n, nil)
	for i := range k {
		// H(v) takes the part of column i from row i on to its length times e_i.
		length := 0.0
		for r := range n {
			v.SetVec(r, 0)
			if r >= i {
				v.SetVec(r, rest.At(r, i))
				length += rest.At(r, i) * rest.At(r, i)
			}
		}
		v.SetVec(i, v.AtVec(i)-math.Sqrt(length))
		if mat.Norm(v, 2) < 1e-6 { // it lies there already: two reflections undo each other, none is not to be had
			v.Zero()
			v.SetVec(n-1, 1) // leaves the columns so far as they are
			if i == n-1 {
				v.SetVec(n-1, -1)
			}
		}
		x.SetCol(i, v.RawVector().Data)
		reflect(rest, v)
	}
	return x
}

func values(m *mat.Dense) []float32 {
	all := make([]float32, len(m.RawMatrix().Data))
	for i, v := range m.RawMatrix().Data {
		all[i] = float32(v)
	}
	return all
}
