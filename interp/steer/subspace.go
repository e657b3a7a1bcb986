package steer

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"

	"gonum.org/v1/gonum/mat"

	"github.com/golens/golens/model"
	"github.com/golens/golens/model/array"
	"github.com/golens/golens/model/files"
	"github.com/golens/golens/model/formula"
	"github.com/golens/golens/model/hook"
)

// A Subspace is k orthonormal directions of an activation. Of an activation with
// heads it is one of all selected heads' coordinates together, head by head.
type Subspace struct {
	Point  hook.Point   // the activation, and which of its heads
	Basis  *array.Array // [coordinate, direction], orthonormal columns
	Method string       // how it was found
}

// NewSubspace is what some vectors span, the columns of an array
// [coordinate, direction].
func NewSubspace(at hook.Point, columns *array.Array, method string) (*Subspace, error) {
	if err := columns.Err(); err != nil {
		return nil, fmt.Errorf("subspace: %w", err)
	}
	if at.Kind.HeadAxis() >= 0 && at.Heads == nil {
		return nil, fmt.Errorf("subspace: %s has heads; select which", at)
	}
	shape := columns.Shape()
	if len(shape) != 2 || shape[0] < shape[1] || shape[1] == 0 {
		return nil, fmt.Errorf("subspace: shape %v; the columns of [coordinate, direction] span it, no more of them than coordinates", shape)
	}
	a := dense(columns)
	q := orthonormal(a)
	if _, k := q.Dims(); k < shape[1] {
		return nil, fmt.Errorf("subspace: the %d directions depend on each other: they span %d", shape[1], k)
	}
	return &Subspace{unplaced(at), columnsOf(q), method}, nil
}

// Random is a subspace of k directions that are drawn.
func Random(at hook.Point, coordinates, k int, seed uint64) (*Subspace, error) {
	if k < 1 || k > coordinates {
		return nil, fmt.Errorf("subspace: %d directions of %d coordinates", k, coordinates)
	}
	rng := rand.New(rand.NewPCG(seed, 0))
	a := mat.NewDense(coordinates, k, nil)
	for i := range coordinates {
		for j := range k {
			a.Set(i, j, rng.NormFloat64())
		}
	}
	return NewSubspace(at, columnsOf(a), fmt.Sprintf("drawn, seed %d", seed))
}

// unplaced is the point without positions, rows and coordinates.
func unplaced(p hook.Point) hook.Point { return hook.Point{ID: p.ID, Heads: p.Heads} }

// Dim is the number of directions.
func (s *Subspace) Dim() int { return s.Basis.Dim(directionAxis) }

const (
	coordinateAxis = "coordinate"
	directionAxis  = "direction"
)

// Exchange is what lies outside of the subspace here, and inside of it in the source
// run: a formula for hook.Point.Compute.
func (s *Subspace) Exchange(source formula.Expr) formula.Expr { return s.ExchangeBy(source, 1) }

// ExchangeBy is [Subspace.Exchange] with the difference times a strength.
func (s *Subspace) ExchangeBy(source formula.Expr, strength float32) formula.Expr {
	x := formula.Here()
	return x.Add(s.shaped(s.project(s.flat(source).Sub(s.flat(x))).Scale(strength)))
}

// FromSource puts in what the source run of a sweep has in the subspace, at the same
// positions.
func (s *Subspace) FromSource(at hook.Positions) hook.Edit {
	return s.Point.In(at).Compute(s.Exchange(formula.Source()))
}

// Remove takes out what lies in the subspace, at every position.
func (s *Subspace) Remove() hook.Edit { return s.RemoveAt(hook.Positions{}) }

// RemoveAt is [Subspace.Remove] at some positions.
func (s *Subspace) RemoveAt(at hook.Positions) hook.Edit {
	x := formula.Here()
	return s.Point.In(at).Compute(x.Sub(s.shaped(s.project(s.flat(x)))))
}

// Watch labels the coordinates in the subspace, [direction], so that a run captures
// them by s.Point.Label(label).
func (s *Subspace) Watch(label string) hook.Edit {
	return s.Point.Watch(label, s.flat(formula.Here()).Dot(s.tensor()))
}

// Direction is one of the basis.
func (s *Subspace) Direction(i int) (*Direction, error) {
	if i < 0 || i >= s.Dim() {
		return nil, fmt.Errorf("subspace: direction %d of %d", i, s.Dim())
	}
	return NewDirection(s.Point, s.Basis.Pick(directionAxis, i), s.Method)
}

// Cosines are those of the angles between this subspace and another one, the largest
// first: all 1 where one lies in the other, all 0 where they are orthogonal.
func (s *Subspace) Cosines(other *Subspace) (*array.Array, error) {
	a, b := dense(s.Basis), dense(other.Basis)
	n, _ := a.Dims()
	if m, _ := b.Dims(); m != n {
		return nil, fmt.Errorf("subspace: %d coordinates and %d", n, m)
	}
	var product mat.Dense
	product.Mul(a.T(), b)
	var svd mat.SVD
	if !svd.Factorize(&product, mat.SVDNone) {
		return nil, fmt.Errorf("subspace: no singular values of the product of the bases")
	}
	values := svd.Values(nil)
	out := array.New(array.Dim(directionAxis, len(values))).Named("cosines of principal angles", "")
	for i, v := range values {
		out.Set(min(1, v), i)
	}
	return out, nil
}

// Effective is the part of the subspace that the next matrix reads: of neurons
// (hook.MLPPost) by W_out, of heads' z by W_O. What lies in the null space of that
// matrix moves nothing by itself, and yet an exchange along a direction with such a
// part may work, by way of what is correlated with it: Makelov et al. 2023, "Is This
// the Subspace You Are Looking for?". Where the rest of the model is read by no single
// matrix, as the residual stream, there is no such part: the answer is nil.
func (s *Subspace) Effective(m *model.Model) (*Subspace, error) {
	var w model.Factor
	switch s.Point.Kind {
	case hook.KindPost:
		w = model.WOut(s.Point.Layer)
	case hook.KindZ:
		if w = model.WO(s.Point.Layer); s.Point.Heads != nil {
			w = w.Head(s.Point.Heads...)
		}
	default:
		return nil, nil
	}
	read, err := m.Products(model.Chain{w})
	if err != nil {
		return nil, fmt.Errorf("subspace: %w", err)
	}
	rows := orthonormal(dense(read[0])) // of W's column space, in the activation's coordinates
	var inside, part mat.Dense
	inside.Mul(rows.T(), dense(s.Basis))
	part.Mul(rows, &inside)
	q := orthonormal(&part)
	if _, k := q.Dims(); k == 0 {
		return nil, fmt.Errorf("subspace: all of it lies in the null space of %s", w)
	}
	return &Subspace{s.Point, columnsOf(q), s.Method + ", the part that " + w.String() + " reads"}, nil
}

// String says what it is.
func (s *Subspace) String() string {
	return fmt.Sprintf("%d of %d dimensions of %s (%s)", s.Dim(), s.Basis.Dim(coordinateAxis), s.Point, s.Method)
}

// Save writes the subspace to a file of JSON.
func (s *Subspace) Save(path string) error { return save(path, s) }

// OpenSubspace reads what [Subspace.Save] wrote.
func OpenSubspace(path string) (*Subspace, error) {
	s := &Subspace{}
	if err := load(path, s); err != nil {
		return nil, err
	}
	if s.Basis.Err() != nil || !s.Point.Kind.Valid() {
		return nil, fmt.Errorf("%s: it holds no subspace", path)
	}
	return s, nil
}

func save(path string, v any) error {
	data, err := json.MarshalIndent(v, "", " ")
	if err != nil {
		return err
	}
	return files.Write(path, append(data, '\n'))
}

func load(path string, v any) error {
	data, err := files.Read(path)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(data, v); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

// tensor is the basis in formulas. Its name is of its own, so that several subspaces
// may stand in one run.
func (s *Subspace) tensor() formula.Expr {
	return formula.Tensor("basis "+fingerprint(s.Basis.Values()), s.Basis)
}

// fingerprint tells the values of tensors apart.
func fingerprint(values []float32) string {
	h := uint64(len(values))
	for _, v := range values {
		h = (h ^ uint64(math.Float32bits(v))) * 0x100000001b3
	}
	return fmt.Sprintf("%x", h)
}

func (s *Subspace) project(x formula.Expr) formula.Expr {
	q := s.tensor()
	return x.Dot(q).Dot(q.Transpose())
}

// flat joins heads and their coordinates.
func (s *Subspace) flat(x formula.Expr) formula.Expr {
	if s.Point.Kind.HeadAxis() < 0 || len(s.Point.Heads) == 1 {
		return x
	}
	return x.Flatten()
}

// shaped undoes flat.
func (s *Subspace) shaped(x formula.Expr) formula.Expr {
	if s.Point.Kind.HeadAxis() < 0 || len(s.Point.Heads) == 1 {
		return x
	}
	return x.Split(len(s.Point.Heads))
}

func dense(a *array.Array) *mat.Dense {
	shape := a.Shape()
	m := mat.NewDense(shape[0], len(a.Values())/shape[0], nil)
	for i, v := range a.Values() {
		m.RawMatrix().Data[i] = float64(v)
	}
	return m
}

func columnsOf(m *mat.Dense) *array.Array {
	n, k := m.Dims()
	a := array.New(array.Dim(coordinateAxis, n), array.Dim(directionAxis, k))
	for i := range n {
		for j := range k {
			a.Values()[i*k+j] = float32(m.At(i, j))
		}
	}
	return a
}

// orthonormal is an orthonormal basis of what the columns of a matrix span.
func orthonormal(a *mat.Dense) *mat.Dense {
	var svd mat.SVD
	n, _ := a.Dims()
	if !svd.Factorize(a, mat.SVDThin) {
		return mat.NewDense(n, 1, nil).Slice(0, n, 0, 0).(*mat.Dense)
	}
	values, rank := svd.Values(nil), 0
	for rank < len(values) && values[rank] > 1e-6*values[0] && values[rank] > 0 {
		rank++
	}
	var u mat.Dense
	svd.UTo(&u)
	return mat.DenseCopyOf(u.Slice(0, n, 0, rank))
}
