package patch

import (
	"errors"
	"fmt"
	"math"

	"github.com/golens/golens/interp"
	"github.com/golens/golens/model"
	"github.com/golens/golens/model/array"
)

// A Scale says what the values of [Effects] are.
type Scale int

// The scales. Means over prompts are taken first, ratios after.
const (
	Normalised Scale = iota // 0 is the metric of the corrupted run, 1 that of the clean run
	Change                  // the metric less what it is with nothing changed
	Raw                     // the metric itself
	Relative                // the change as a share of the metric with nothing changed, if its 0 means nothing is there
)

// String names the scale.
func (s Scale) String() string {
	switch s {
	case Normalised:
		return "0 is the corrupted run, 1 the clean run"
	case Change:
		return "change of the metric"
	case Raw:
		return "the metric itself"
	case Relative:
		return "change as a share of the metric"
	}
	return fmt.Sprintf("scale %d", int(s))
}

// Effects are what a metric becomes when parts of the model are changed, one
// value for each part. Samples are the prompts; a value that does not exist,
// such as a sender that comes after its receiver, is NaN.
type Effects struct {
	*interp.Result       // on the scale; Samples average to it
	Scale          Scale // of the result

	Metric *array.Array // the metric itself of every prompt [sample, ...]
	Base   *array.Array // that of the run that was changed, with nothing changed [sample]
	Other  *array.Array // that of the run that values came from [sample]; nil if there is none

	Plans Plans // how it was run

	direction Direction
	subject   string    // of titles: "clean resid_pre put back"
	runs      [2]string // what Base and Other are called
	metric    model.Metric
}

// In is the same effects on another scale. Nothing runs.
func (e *Effects) In(s Scale) (*Effects, error) {
	if err := e.check(); err != nil {
		return nil, err
	}
	if s < Normalised || s > Relative {
		return nil, fmt.Errorf("%s is not known", s)
	}
	if s == Normalised && e.Other == nil {
		return nil, fmt.Errorf("there is no second run to normalise by; use Change, Raw or Relative")
	}
	out := *e
	out.Scale = s
	n, size := e.shape()
	if s == Normalised && same(e.Base, e.Other) {
		return nil, fmt.Errorf("the clean and the corrupted run have the same metric, %.4g, so that nothing can be normalised by their difference; use Change or Raw", e.Base.Mean("sample").Scalar())
	}
	if s == Relative && !e.metric.HasZero() {
		return nil, fmt.Errorf("a %s of 0 does not mean that there is nothing, so that a share of it says nothing (of one that is negative when good it has the wrong sign); use Normalised or Change", e.metric.Kind)
	}
	values := make([]float64, size)
	e.ratio(s)(upTo(n), values)
	title, unit := e.title(s)
	result := array.New(e.Metric.Axes()[1:]...).Named(title, unit)
	for i, v := range values {
		result.Values()[i] = float32(v)
	}
	r := *e.Result
	r.Array, r.Samples = result, e.samples(s)
	if err := e.under(s); err != nil {
		r.Method += "; " + err.Error()
	}
	out.Result = &r
	return &out, nil
}

// under finds that what a scale divides by is no more than noise.
func (e *Effects) under(s Scale) error {
	r := interp.Recovery{Whole: float64s(e.Base.Values()), Empty: make([]float64, len(e.Base.Values()))}
	switch s {
	case Normalised:
		r.Empty = float64s(e.Other.Values())
		if r.Check() != nil {
			return errors.New("mind that the two runs differ by less than two standard errors, so that shares of the difference are noise")
		}
	case Relative:
		if r.Check() != nil {
			return errors.New("mind that the metric lies within two standard errors of 0, so that shares of it are noise")
		}
	}
	return nil
}

func float64s(x []float32) []float64 {
	y := make([]float64, len(x))
	for i, v := range x {
		y[i] = float64(v)
	}
	return y
}

// check finds effects that no verb made, or that carry an error.
func (e *Effects) check() error {
	if e.Result == nil {
		return errors.New("effects: empty; they are made by the verbs of package patch")
	}
	if err := e.Metric.Err(); err != nil {
		return err
	}
	return e.Base.Err()
}

func same(a, b *array.Array) bool {
	return a.Mean("sample").Scalar() == b.Mean("sample").Scalar()
}

func (e *Effects) shape() (n, size int) {
	n = e.Base.Shape()[0]
	return n, len(e.Metric.Values()) / n
}

func (e *Effects) title(s Scale) (title, unit string) {
	m := e.metric.String()
	switch s {
	case Normalised:
		return m + " restored: " + e.subject, ""
	case Change:
		return "change of " + m + ": " + e.subject, e.metric.Unit()
	case Relative:
		return "relative change of " + m + ": " + e.subject, ""
	}
	return m + ": " + e.subject, e.metric.Unit()
}

// parts are what the value of a sample is made of: it is the mean of over
// divided by the mean of under, both over samples.
func (e *Effects) parts(s Scale, sample int) (less, under float64) {
	base := float64(e.Base.Values()[sample])
	switch s {
	case Normalised:
		clean, corrupted := float64(e.Other.Values()[sample]), base
		if e.direction == Noising {
			clean, corrupted = corrupted, clean
		}
		return corrupted, clean - corrupted
	case Change:
		return base, 1
	case Relative:
		return base, base
	}
	return 0, 1
}

// ratio is the statistic of drawn samples.
func (e *Effects) ratio(s Scale) func(draw []int, out []float64) {
	_, size := e.shape()
	values := e.Metric.Values()
	return func(draw []int, out []float64) {
		under := make([]float64, size)
		for _, sample := range draw {
			less, below := e.parts(s, sample)
			for i, v := range values[sample*size : (sample+1)*size] {
				if v == v {
					out[i] += float64(v) - less
					under[i] += below
				}
			}
		}
		for i := range out {
			out[i] /= under[i] // 0/0 is NaN: no sample has the value
		}
	}
}

// samples are values of each sample whose mean is the result: what is above the
// fraction, divided by the mean of what is below it.
func (e *Effects) samples(s Scale) *array.Array {
	n, size := e.shape()
	out := array.New(e.Metric.Axes()...)
	values := e.Metric.Values()
	for i := range size {
		sum, count := 0.0, 0
		for sample := range n {
			if _, below := e.parts(s, sample); values[sample*size+i] == values[sample*size+i] {
				sum, count = sum+below, count+1
			}
		}
		for sample := range n {
			less, _ := e.parts(s, sample)
			out.Values()[sample*size+i] = float32((float64(values[sample*size+i]) - less) * float64(count) / sum)
		}
	}
	return out
}

// Interval is where the values mostly fall if as many prompts are drawn from
// these again: numerators and denominators together. Source: Efron 1979.
func (e *Effects) Interval(b interp.Bootstrap) (lo, hi *array.Array, err error) {
	if err := e.check(); err != nil {
		return nil, nil, err
	}
	n, _ := e.shape()
	return e.Resample(b, n, e.ratio(e.Scale))
}

// newEffects are effects on a scale, from the raw metric.
func newEffects(e Effects, method, source string, p model.Provenance, s Scale) (*Effects, error) {
	e.Result = &interp.Result{Method: method, Source: source, Provenance: p}
	return e.In(s)
}

var nan = float32(math.NaN())

// unset is an array of NaN.
func unset(axes ...array.Axis) *array.Array {
	a := array.New(axes...)
	for i := range a.Values() {
		a.Values()[i] = nan
	}
	return a
}
