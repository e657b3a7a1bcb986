package probe

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"

	"gonum.org/v1/gonum/mat"

	"github.com/golens/golens/interp"
	"github.com/golens/golens/interp/steer"
	"github.com/golens/golens/model"
	"github.com/golens/golens/model/array"
	"github.com/golens/golens/model/hook"
)

// A Kind is what a probe is.
type Kind string

// The kinds.
const (
	Logistic Kind = ""
	Linear   Kind = "linear"    // least squares on the classes, regularised
	MassMean Kind = "mass-mean" // nearest along the differences of the classes' means; Marks and Tegmark 2023
)

// A Probe says how a probe is trained.
type Probe struct {
	Kind    Kind
	Penalty float64 // of the squared weights, on standardised coordinates; 0 means 0.01
	HeldOut float64 // share of the types that are held out; 0 means a quarter
	Seed    uint64  // of the split and the control's labels
}

// Labelled are prompts with a class for each, from 0 on.
type Labelled struct {
	Prompts model.Prompts
	Labels  []int
	// Types say which prompts are of one type, such as those with the same word: they are
	// on the same side of the split, and the control task gives them one label. Nil means
	// that each prompt is of its own.
	Types []string
}

// A Trained is a probe and how well it reads.
type Trained struct {
	Point hook.Point
	Probe Probe

	Weights *array.Array // [coordinate, class]
	Biases  *array.Array // [class]

	// Direction, of two classes, points from class 0 to class 1, as far as their means lie
	// apart along it; nil for more classes.
	Direction *steer.Direction

	// Scores are accuracies [probe, examples]: of the probe and of its control, on the
	// training and the held-out examples. Lo and Hi are the 95% interval of held-out ones
	// [probe], Wilson's, which is wide where they are few, whatever was hit.
	Scores   *interp.Result
	Lo, Hi   *array.Array
	Majority float64 // share of the most frequent class among held-out examples
}

// Train trains a probe on what the point selects of each prompt: one position. One pass
// up to the activation.
func (p Probe) Train(m *model.Model, at hook.Point, d Labelled) (*Trained, error) {
	t, err := p.train(m, at, d)
	if err != nil {
		return nil, fmt.Errorf("probe of %s: %w", at, err)
	}
	return t, nil
}

func (p Probe) train(m *model.Model, at hook.Point, d Labelled) (*Trained, error) {
	if err := d.Prompts.Err(); err != nil {
		return nil, err
	}
	if len(d.Labels) != len(d.Prompts.IDs) || d.Types != nil && len(d.Types) != len(d.Labels) {
		return nil, fmt.Errorf("%d prompts with %d labels and %d types", len(d.Prompts.IDs), len(d.Labels), len(d.Types))
	}
	x, err := steer.Collect(m, at, d.Prompts)
	if err != nil {
		return nil, err
	}
	if n, _ := x.X.Dims(); n != len(d.Labels) {
		return nil, fmt.Errorf("%d activations of %d prompts; select one position of each", n, len(d.Labels))
	}
	return p.On(x, d)
}

// On trains a probe on examples that were collected, one for each prompt of d, whose
// Prompts are not read.
func (p Probe) On(x *steer.Examples, d Labelled) (*Trained, error) {
	n, width := x.X.Dims()
	if len(d.Labels) != n || d.Types != nil && len(d.Types) != n {
		return nil, fmt.Errorf("probe: %d examples with %d labels and %d types", n, len(d.Labels), len(d.Types))
	}
	classes := 0
	for _, z := range d.Labels {
		if z < 0 || z >= n {
			return nil, fmt.Errorf("probe: label %d; they count from 0", z)
		}
		classes = max(classes, z+1)
	}
	if classes < 2 {
		return nil, errors.New("probe: all labels are the same")
	}
	switch p.Kind {
	case Logistic, Linear, MassMean:
	default:
		return nil, fmt.Errorf("probe: kind %q is not known; there are logistic (empty), linear and mass-mean", p.Kind)
	}
	p.Penalty, p.HeldOut = cmp.Or(p.Penalty, .01), cmp.Or(p.HeldOut, .25)
	if p.HeldOut <= 0 || p.HeldOut >= 1 || p.Penalty < 0 {
		return nil, fmt.Errorf("probe: a share of %g held out and a penalty of %g", p.HeldOut, p.Penalty)
	}
	rng := rand.New(rand.NewPCG(p.Seed, 0))
	sides, control := p.split(rng, d, classes)
	if len(sides[0]) == 0 || len(sides[1]) == 0 {
		return nil, errors.New("probe: too few types for some to train on and others to hold out")
	}
	t := &Trained{Point: x.Point, Probe: p}
	axis := array.Labels("probe", []string{"probe", "control task"})
	scores := array.New(axis, array.Labels("examples", []string{"train", "held out"})).Named("accuracy", "")
	t.Lo, t.Hi = array.New(axis), array.New(axis)
	counts := make([]int, classes)
	for _, r := range sides[0] {
		counts[d.Labels[r]]++
	}
	for _, r := range sides[1] {
		if z := d.Labels[r]; counts[z] == 0 {
			return nil, fmt.Errorf("probe: no example of class %d is among the %d to train on; give more, or another Seed", z, len(sides[0]))
		}
	}
	clear(counts)
	for k, labels := range [][]int{d.Labels, control} {
		// A control label is known for the types that the probe was trained on: the control
		// is tested on other examples of these where there are any.
		test := sides[1]
		if k == 1 && d.Types != nil {
			test = sides[2]
		}
		w, b, err := p.solve(x.X, labels, sides[0], classes)
		if err != nil {
			return nil, fmt.Errorf("probe: %w", err)
		}
		if k == 0 {
			t.Weights, t.Biases = arrays(w, b)
		}
		for side, rows := range [][]int{sides[0], test} {
			hits := 0
			for _, r := range rows {
				if best(w, b, x.X.RawRowView(r)) == labels[r] {
					hits++
				}
			}
			if side == 1 {
				lo, hi := wilson(hits, len(rows))
				t.Lo.Set(lo, k)
				t.Hi.Set(hi, k)
			}
			scores.Set(float64(hits)/float64(len(rows)), k, side)
		}
	}
	for _, r := range sides[1] {
		counts[d.Labels[r]]++
	}
	for _, c := range counts {
		t.Majority = max(t.Majority, float64(c)/float64(len(sides[1])))
	}
	kind := string(p.Kind)
	if p.Kind == Logistic {
		kind = "logistic"
	}
	method := fmt.Sprintf("%s probe of %s, %d examples to train on, %d held out", kind, x.Point, len(sides[0]), len(sides[1]))
	t.Scores = &interp.Result{Array: scores, Method: method, Source: "Hewitt and Liang 2019", Provenance: x.Provenance}
	if classes == 2 {
		var err error
		if t.Direction, err = t.direction(x, d.Labels, sides[0], width, method); err != nil {
			return nil, err
		}
	}
	return t, nil
}

// Solve is a probe of all examples [example, coordinate], none held out and without a
// control: weights [coordinate, class] and biases, for those who hold out themselves.
func (p Probe) Solve(x *mat.Dense, labels []int) (*mat.Dense, []float64, error) {
	n, classes := len(labels), 0
	if rows, _ := x.Dims(); rows != n {
		return nil, nil, fmt.Errorf("probe: %d examples with %d labels", rows, n)
	}
	rows := make([]int, n)
	for i, z := range labels {
		if z < 0 || z >= n {
			return nil, nil, fmt.Errorf("probe: label %d; they count from 0", z)
		}
		rows[i], classes = i, max(classes, z+1)
	}
	if classes < 2 {
		return nil, nil, errors.New("probe: all labels are the same")
	}
	p.Penalty = cmp.Or(p.Penalty, .01)
	return p.solve(x, labels, rows, classes)
}

// split are the examples to train on, those of held-out types, and, for the control,
// examples of the trained types that were kept back; and the control's labels.
func (p Probe) split(rng *rand.Rand, d Labelled, classes int) (sides [3][]int, control []int) {
	n := len(d.Labels)
	typeOf := func(i int) string {
		if d.Types == nil {
			return fmt.Sprint(i)
		}
		return d.Types[i]
	}
	share := make([]float64, classes)
	for _, z := range d.Labels {
		share[z] += 1 / float64(n)
	}
	draw := func() int {
		u := rng.Float64()
		for z, s := range share {
			if u -= s; u < 0 {
				return z
			}
		}
		return classes - 1
	}
	held, label := map[string]bool{}, map[string]int{}
	var names []string
	for i := range n {
		name := typeOf(i)
		if _, known := label[name]; !known {
			label[name] = draw()
			names = append(names, name)
		}
	}
	rng.Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
	for _, name := range names[:int(math.Ceil(p.HeldOut*float64(len(names))))] {
		held[name] = true
	}
	seen := map[string]int{}
	for i := range n {
		name := typeOf(i)
		control = append(control, label[name])
		switch seen[name]++; {
		case held[name]:
			sides[1] = append(sides[1], i)
		case seen[name]%4 == 0 && d.Types != nil:
			sides[2] = append(sides[2], i)
		default:
			sides[0] = append(sides[0], i)
		}
	}
	if len(sides[2]) == 0 {
		sides[2] = sides[1]
	}
	return sides, control
}

// direction is the probe's, from class 0 to class 1.
func (t *Trained) direction(x *steer.Examples, labels, train []int, width int, method string) (*steer.Direction, error) {
	v, norm := make([]float64, width), 0.0
	for i := range v {
		v[i] = t.Weights.At(i, 1) - t.Weights.At(i, 0)
		norm += v[i] * v[i]
	}
	if norm == 0 {
		return nil, nil // it reads nothing
	}
	norm = math.Sqrt(norm)
	var along, count [2]float64
	for _, r := range train {
		dot := 0.0
		for i, a := range x.X.RawRowView(r) {
			dot += a * v[i] / norm
		}
		along[labels[r]] += dot
		count[labels[r]]++
	}
	low, high := along[0]/count[0], along[1]/count[1]
	far := high - low
	if !(far > 0) {
		far = 1
	}
	out := make([]float32, width)
	for i := range out {
		out[i] = float32(v[i] / norm * far)
	}
	d, err := steer.NewDirection(x.Point, array.Of(out, array.Dim("coordinate", width)), method)
	if err != nil {
		if x.Point.Kind.HeadAxis() >= 0 { // of several heads there is no one direction
			return nil, nil
		}
		return nil, err
	}
	d.Low, d.High = low, high
	return d, nil
}

// wilson is the 95% interval of a share of n.
func wilson(hits, n int) (lo, hi float64) {
	const z = 1.959964
	p, m := float64(hits)/float64(n), float64(n)
	middle, half := (p+z*z/(2*m))/(1+z*z/m), z*math.Sqrt(p*(1-p)/m+z*z/(4*m*m))/(1+z*z/m)
	return max(0, middle-half), min(1, middle+half)
}

// Accuracy is that on held-out examples.
func (t *Trained) Accuracy() float64 { return t.Scores.At(0, 1) }

// Control is that of the control task.
func (t *Trained) Control() float64 { return t.Scores.At(1, 1) }

// Selectivity is how far the accuracy is above that of the control task.
func (t *Trained) Selectivity() float64 { return t.Accuracy() - t.Control() }

// Predict is the class of each example.
func (t *Trained) Predict(x *steer.Examples) []int {
	n, d := x.X.Dims()
	k := t.Biases.Dim("class")
	w, b := mat.NewDense(d, k, nil), make([]float64, k)
	for i, v := range t.Weights.Values() {
		w.RawMatrix().Data[i] = float64(v)
	}
	for i, v := range t.Biases.Values() {
		b[i] = float64(v)
	}
	out := make([]int, n)
	for i := range out {
		out[i] = best(w, b, x.X.RawRowView(i))
	}
	return out
}

// String is the accuracies beside the control's and the majority's.
func (t *Trained) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "accuracy %.3f held out [%.3f, %.3f], %.3f on training examples\n", t.Accuracy(), t.Lo.At(0), t.Hi.At(0), t.Scores.At(0, 0))
	fmt.Fprintf(&b, "control task %.3f, selectivity %.3f, the most frequent class %.3f\n", t.Control(), t.Selectivity(), t.Majority)
	fmt.Fprintf(&b, "%s (%s)\n%s\n", t.Scores.Method, t.Scores.Source, t.Scores.Provenance)
	return b.String()
}

func arrays(w *mat.Dense, b []float64) (*array.Array, *array.Array) {
	d, k := w.Dims()
	weights, biases := array.New(array.Dim("coordinate", d), array.Dim("class", k)), array.New(array.Dim("class", k))
	for i := range d {
		for j := range k {
			weights.Values()[i*k+j] = float32(w.At(i, j))
		}
	}
	for j, v := range b {
		biases.Values()[j] = float32(v)
	}
	return weights, biases
}

// best is the class with the largest score.
func best(w *mat.Dense, b []float64, x []float64) int {
	at, top := 0, math.Inf(-1)
	for k := range b {
		score := b[k]
		for i, v := range x {
			score += v * w.At(i, k)
		}
		if score > top {
			at, top = k, score
		}
	}
	return at
}
