package phase

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"

	"github.com/golens/golens/interp"
	"github.com/golens/golens/model/array"
)

// A Series is a measure at steps of training.
type Series struct {
	Name    string
	Steps   []float64 // rising
	Values  []float64
	Samples [][]float64 // [sample][step], for intervals; nil if there are none
}

// Of is one value of a result over checkpoints [step, ...], by its indices on the
// axes behind step.
func Of(r *interp.Result, name string, index ...int) (Series, error) {
	s := Series{Name: name}
	shape := r.Shape()
	axis, labels := "", []string(nil)
	if len(shape) > 0 {
		axis, labels = r.Axis(0)
	}
	if axis != "step" || len(labels) != shape[0] || len(index) != len(shape)-1 {
		return s, fmt.Errorf("phase: %s: a result [step, ...] of shape %v needs %d indices behind step; there are %d", name, shape, max(0, len(shape)-1), len(index))
	}
	size := len(r.Values()) / shape[0]
	at := 0
	for i, k := range index {
		if k < 0 || k >= shape[i+1] {
			return s, fmt.Errorf("phase: %s: index %d on an axis of %d", name, k, shape[i+1])
		}
		at = at*shape[i+1] + k
	}
	for i, label := range labels {
		step, err := strconv.ParseFloat(label, 64)
		if err != nil {
			return s, fmt.Errorf("phase: %s: step %q is no number", name, label)
		}
		s.Steps = append(s.Steps, step)
		s.Values = append(s.Values, float64(r.Values()[i*size+at]))
	}
	if r.Samples != nil {
		values, whole := r.Samples.Values(), len(r.Values())
		for from := 0; from+whole <= len(values); from += whole {
			one := make([]float64, len(labels))
			for i := range one {
				one[i] = float64(values[from+i*size+at])
			}
			s.Samples = append(s.Samples, one)
		}
	}
	return s, nil
}

// A Finder says how changes are found. Its zero value is usable.
type Finder struct {
	// Width is the standard deviation of the smoothing, in units of ln(step); 0
	// means 0.15, nearly nothing where checkpoints lie a factor of 1.3 apart.
	Width     float64
	Resamples int     // draws for the interval; 0 means 1000
	Level     float64 // of the interval; 0 means 0.95
	Seed      uint64
}

// A Change is where a series changes fastest.
type Change struct {
	Series   string
	Step     float64      // where the smoothed slope by ln(step) is largest, up or down
	Lo, Hi   float64      // interval: from drawing samples again or, without samples, the checkpoints around it
	Sampled  bool         // the interval is of samples
	Slope    float64      // there, per unit of ln(step)
	From, To float64      // values at the first and last checkpoint
	Slopes   *array.Array // smoothed [step], at places between checkpoints

	draws []float64 // changes of drawn series
}

// grid is how many places between two checkpoints are looked at.
const grid = 8

// Find finds a series' change.
func Find(s Series) (*Change, error) { return Finder{}.Find(s) }

// Find finds a series' change. The curve through the values is the monotone cubic
// one of Fritsch and Carlson (1980), which makes no waves that are not there; its
// slope by ln(step) is smoothed by a Gaussian and looked at between checkpoints.
// Where the slope is equally large in a stretch, as between two checkpoints with a
// straight line, the middle is taken.
func (f Finder) Find(s Series) (*Change, error) {
	if f.Width == 0 {
		f.Width = 0.15
	}
	if f.Resamples == 0 {
		f.Resamples = 1000
	}
	if f.Level == 0 {
		f.Level = 0.95
	}
	if err := s.check(); err != nil {
		return nil, err
	}
	if !(f.Width > 0) || f.Resamples < 1 || !(f.Level > 0 && f.Level < 1) {
		return nil, fmt.Errorf("phase: width %g, %d resamples, level %g; the first two must be positive, the last between 0 and 1", f.Width, f.Resamples, f.Level)
	}
	x := make([]float64, len(s.Steps))
	for i, step := range s.Steps {
		x[i] = math.Log(step + 1)
	}
	smooth := f.smoothing(x)
	places, slopes := smooth.places, smooth.slopes(x, s.Values)
	at := steepest(places, slopes)
	c := &Change{Series: s.Name, Step: math.Exp(at.place) - 1, Slope: at.slope, From: s.Values[0], To: s.Values[len(s.Values)-1]}
	if at.slope == 0 {
		return nil, fmt.Errorf("phase: %s is the same at all steps", s.Name)
	}
	labels, values := make([]string, len(places)), make([]float32, len(places))
	for i, p := range places {
		labels[i], values[i] = strconv.FormatFloat(math.Exp(p)-1, 'g', 4, 64), float32(slopes[i])
	}
	c.Slopes = array.Of(values, array.Labels("step", labels)).Named("change of "+s.Name+" per ln(step)", "")
	// Without samples nothing is known but between which checkpoints it lies.
	c.Lo, c.Hi = s.Steps[0], s.Steps[len(s.Steps)-1]
	for _, step := range s.Steps {
		if step < c.Step {
			c.Lo = step
		}
	}
	for _, step := range slices.Backward(s.Steps) {
		if step > c.Step {
			c.Hi = step
		}
	}
	if len(s.Samples) < 2 {
		return c, nil
	}
	rng := rand.New(rand.NewPCG(f.Seed, 0))
	mean, counts := make([]float64, len(x)), make([]float64, len(x))
	for range f.Resamples {
		clear(mean)
		clear(counts)
		for range s.Samples {
			for i, v := range s.Samples[rng.IntN(len(s.Samples))] {
				if v == v {
					mean[i], counts[i] = mean[i]+v, counts[i]+1
				}
			}
		}
		for i := range mean {
			mean[i] /= counts[i]
		}
		if !slices.ContainsFunc(mean, math.IsNaN) {
			c.draws = append(c.draws, math.Exp(steepest(places, smooth.slopes(x, mean)).place)-1)
		}
	}
	if len(c.draws) == 0 {
		return c, nil
	}
	c.Sampled = true
	c.Lo, c.Hi = percentiles(c.draws, f.Level)
	return c, nil
}

func percentiles(draws []float64, level float64) (lo, hi float64) {
	sorted := slices.Sorted(slices.Values(draws))
	cut := int((1 - level) / 2 * float64(len(sorted)))
	return sorted[cut], sorted[len(sorted)-1-cut]
}

func (s Series) check() error {
	if len(s.Steps) < 3 || len(s.Values) != len(s.Steps) {
		return fmt.Errorf("phase: %s has %d values at %d steps; a change needs three or more", s.Name, len(s.Values), len(s.Steps))
	}
	for i, step := range s.Steps {
		if step < 0 || i > 0 && step <= s.Steps[i-1] {
			return fmt.Errorf("phase: %s: steps %v must rise from 0 or more", s.Name, s.Steps)
		}
		if math.IsNaN(s.Values[i]) || math.IsInf(s.Values[i], 0) {
			return fmt.Errorf("phase: %s is %v at step %g", s.Name, s.Values[i], step)
		}
	}
	for i, one := range s.Samples {
		if len(one) != len(s.Steps) {
			return fmt.Errorf("phase: %s: sample %d has %d values at %d steps", s.Name, i, len(one), len(s.Steps))
		}
	}
	return nil
}

// smoothing is what slopes at places between the checkpoints are smoothed by.
type smoothing struct {
	places []float64
	by     [][]float64 // [place][place], rows of sum 1
}

func (f Finder) smoothing(x []float64) smoothing {
	var s smoothing
	var apart []float64 // places lie closer where checkpoints do
	for i := range len(x) - 1 {
		h := x[i+1] - x[i]
		for k := range grid {
			s.places = append(s.places, x[i]+(float64(k)+0.5)/grid*h)
			apart = append(apart, h/grid)
		}
	}
	for _, at := range s.places {
		row, sum := make([]float64, len(s.places)), 0.0
		for j, other := range s.places {
			row[j] = apart[j] * math.Exp(-0.5*math.Pow((other-at)/f.Width, 2))
			sum += row[j]
		}
		for j := range row {
			row[j] /= sum
		}
		s.by = append(s.by, row)
	}
	return s
}

// slopes are the smoothed slopes of a curve through y at the places.
func (s smoothing) slopes(x, y []float64) []float64 {
	tangents := monotone(x, y)
	var raw []float64
	for i := range len(x) - 1 {
		h := x[i+1] - x[i]
		for k := range grid {
			t := (float64(k) + 0.5) / grid
			// The derivative of the cubic with these ends and tangents.
			raw = append(raw, (6*t*t-6*t)*(y[i]-y[i+1])/h+(3*t*t-4*t+1)*tangents[i]+(3*t*t-2*t)*tangents[i+1])
		}
	}
	out := make([]float64, len(raw))
	for i, row := range s.by {
		for j, w := range row {
			out[i] += w * raw[j]
		}
	}
	return out
}

// monotone are the tangents of Fritsch and Carlson's curve.
func monotone(x, y []float64) []float64 {
	n := len(x)
	secant := make([]float64, n-1)
	for i := range secant {
		secant[i] = (y[i+1] - y[i]) / (x[i+1] - x[i])
	}
	m := make([]float64, n)
	m[0], m[n-1] = secant[0], secant[n-2]
	for i := 1; i < n-1; i++ {
		if secant[i-1]*secant[i] > 0 {
			// The weighted harmonic mean, which heeds how far apart the steps lie.
			a, b := x[i]-x[i-1], x[i+1]-x[i]
			m[i] = 3 * (a + b) / ((2*b+a)/secant[i-1] + (b+2*a)/secant[i])
		}
	}
	for i, s := range secant {
		if s == 0 {
			m[i], m[i+1] = 0, 0
			continue
		}
		for _, j := range []int{i, i + 1} {
			if m[j]/s > 3 {
				m[j] = 3 * s
			}
		}
	}
	return m
}

type peak struct{ place, slope float64 }

// steepest is where the slope is largest, up or down; of a stretch, its middle.
func steepest(places, slopes []float64) peak {
	most := 0.0
	for _, s := range slopes {
		most = max(most, math.Abs(s))
	}
	first, last := -1, -1
	for i, s := range slopes {
		if math.Abs(s) >= most*(1-1e-9) {
			if first < 0 {
				first = i
			}
			last = i
		}
	}
	return peak{(places[first] + places[last]) / 2, slopes[first]}
}

// A Lag is how much later one series changes than another.
type Lag struct {
	First, Then string
	Times       float64 // step of the second over step of the first
	Lo, Hi      float64 // interval
	// Apart tells whether the interval leaves out 1: that one comes first is then
	// more than the noise of the samples or the spacing of the checkpoints.
	Apart bool
}

// Between is the lag of one change behind another. Its interval is of ratios of
// independent draws or, where a change has none, of the ends of its own interval.
func Between(first, then *Change) Lag {
	ratio := func(a, b float64) float64 { return (b + 1) / (a + 1) }
	l := Lag{First: first.Series, Then: then.Series, Times: ratio(first.Step, then.Step)}
	l.Lo, l.Hi = ratio(first.Hi, then.Lo), ratio(first.Lo, then.Hi)
	if n := min(len(first.draws), len(then.draws)); n > 0 {
		var all []float64
		for i := range n {
			all = append(all, ratio(first.draws[i], then.draws[(i+n/2)%n])) // not the same draw of both
		}
		l.Lo, l.Hi = percentiles(all, 0.95)
	}
	l.Apart = l.Lo > 1 || l.Hi < 1
	return l
}

// String is one line.
func (c *Change) String() string {
	how := "between checkpoints"
	if c.Sampled {
		how = "95% of samples drawn again"
	}
	return fmt.Sprintf("%s changes fastest at step %.0f (%.0f to %.0f, %s): from %.3g to %.3g, %.3g per ln(step)", c.Series, c.Step, c.Lo, c.Hi, how, c.From, c.To, c.Slope)
}

// String is one line.
func (l Lag) String() string {
	sure := "the two cannot be told apart"
	if l.Apart {
		sure = "one comes first"
	}
	return fmt.Sprintf("%s changes at %.2f times the step of %s (%.2f to %.2f): %s", l.Then, l.Times, l.First, l.Lo, l.Hi, sure)
}
