package steer

import (
	"fmt"
	"math"

	"github.com/golens/golens/model"
	"github.com/golens/golens/model/array"
	"github.com/golens/golens/model/hook"
)

// A Direction is a vector of an activation: what is added to it to move it.
type Direction struct {
	Point  hook.Point   // the activation, and which one of its heads, if it has heads
	Vector *array.Array // [coordinate]
	Method string       // how it was found

	// Low and High are where the examples that it was found from lie along the unit
	// direction, on average: those that it points away from, and those that it points
	// to. Both 0 where it was not found from examples.
	Low, High float64
}

// NewDirection is a vector [coordinate] of an activation.
func NewDirection(at hook.Point, vector *array.Array, method string) (*Direction, error) {
	if err := vector.Err(); err != nil {
		return nil, fmt.Errorf("direction: %w", err)
	}
	if at.Kind.HeadAxis() >= 0 && len(at.Heads) != 1 {
		return nil, fmt.Errorf("direction: %s has heads; select one, or make a subspace of several", at)
	}
	d := &Direction{Point: unplaced(at), Vector: array.Of(vector.Values(), array.Dim(coordinateAxis, len(vector.Values()))), Method: method}
	if n := d.Norm(); !(n > 0) || math.IsInf(n, 0) {
		return nil, fmt.Errorf("direction: a vector of length %g has none", n)
	}
	return d, nil
}

// Norm is the length of the vector.
func (d *Direction) Norm() float64 {
	sum := 0.0
	for _, v := range d.Vector.Values() {
		sum += float64(v) * float64(v)
	}
	return math.Sqrt(sum)
}

// Add adds the vector times a strength, at every position.
func (d *Direction) Add(strength float64) hook.Edit { return d.AddAt(hook.Positions{}, strength) }

// AddAt is [Direction.Add] at some positions.
func (d *Direction) AddAt(at hook.Positions, strength float64) hook.Edit {
	return d.Point.In(at).Add(hook.Vec(d.times(strength)...))
}

func (d *Direction) times(by float64) []float32 {
	out := make([]float32, len(d.Vector.Values()))
	for i, v := range d.Vector.Values() {
		out[i] = float32(by * float64(v))
	}
	return out
}

// Remove takes out what lies along the direction, at every position.
func (d *Direction) Remove() hook.Edit { return d.Point.ProjectOut(d.Vector) }

// RemoveAt is [Direction.Remove] at some positions.
func (d *Direction) RemoveAt(at hook.Positions) hook.Edit {
	return d.Point.In(at).ProjectOut(d.Vector)
}

// Unit is the direction with a vector of length 1.
func (d *Direction) Unit() *Direction {
	u := *d
	u.Vector = array.Of(d.times(1/d.Norm()), d.Vector.Axes()...)
	return &u
}

// Neg is the direction that points the other way.
func (d *Direction) Neg() *Direction {
	n := *d
	n.Vector = array.Of(d.times(-1), d.Vector.Axes()...)
	n.Low, n.High = -d.High, -d.Low
	return &n
}

// Subspace is the line of the direction.
func (d *Direction) Subspace() (*Subspace, error) {
	return NewSubspace(d.Point, array.Of(d.Vector.Values(), array.Dim(coordinateAxis, len(d.Vector.Values())), array.Dim(directionAxis, 1)), d.Method)
}

// Cosine is that of the angle between two directions.
func (d *Direction) Cosine(other *Direction) float64 {
	if len(d.Vector.Values()) != len(other.Vector.Values()) {
		return math.NaN()
	}
	dot := 0.0
	for i, v := range d.Vector.Values() {
		dot += float64(v) * float64(other.Vector.Values()[i])
	}
	return dot / d.Norm() / other.Norm()
}

// Along is how far activations lie along the unit direction: of every row at the
// positions [batch, pos]. One pass up to the activation.
func (d *Direction) Along(m *model.Model, prompts model.Prompts, at hook.Positions) (*array.Array, error) {
	const label = "along"
	line, err := d.Subspace()
	if err != nil {
		return nil, err
	}
	p := d.Point.Label(label).In(at)
	run, err := m.Run(prompts.Edit(line.Watch(label)).Capture(p))
	if err != nil {
		return nil, fmt.Errorf("direction: %w", err)
	}
	got := run.At(p)
	out := array.New(array.Dim(hook.Batch, len(prompts.IDs)), array.Dim(hook.Pos, len(got.Values())/max(1, len(prompts.IDs))))
	copy(out.Values(), got.Values())
	// The basis may point the other way.
	if line.Basis.Values()[d.largest()]*d.Vector.Values()[d.largest()] < 0 {
		for i := range out.Values() {
			out.Values()[i] = -out.Values()[i]
		}
	}
	return out.Named("along the direction", ""), got.Err()
}

func (d *Direction) largest() (at int) {
	for i, v := range d.Vector.Values() {
		if math.Abs(float64(v)) > math.Abs(float64(d.Vector.Values()[at])) {
			at = i
		}
	}
	return at
}

// String says what it is.
func (d *Direction) String() string {
	return fmt.Sprintf("direction of %s, length %.3g (%s)", d.Point, d.Norm(), d.Method)
}

// Save writes the direction to a file of JSON.
func (d *Direction) Save(path string) error { return save(path, d) }

// OpenDirection reads what [Direction.Save] wrote.
func OpenDirection(path string) (*Direction, error) {
	d := &Direction{}
	if err := load(path, d); err != nil {
		return nil, err
	}
	if d.Vector.Err() != nil || !d.Point.Kind.Valid() {
		return nil, fmt.Errorf("%s: it holds no direction", path)
	}
	return d, nil
}
