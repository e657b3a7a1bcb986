package patch

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"text/tabwriter"

	"gonum.org/v1/gonum/stat"

	"github.com/golens/golens/interp/task"
	"github.com/golens/golens/model"
	"github.com/golens/golens/model/array"
)

// A Check holds an estimate against what it estimates. A scatter plot of Exact
// and Estimate shows it.
type Check struct {
	Estimate, Exact *Effects // changes of the metric
	Pearson         float64  // correlation of the values
	Spearman        float64  // correlation of their ranks
	Worst           []int    // indices of the values, the largest difference first
}

// Check estimates and measures, and compares. What is measured for GradDrop is
// the mean over prompts of the size of the change, which is what it estimates.
func (a Attribution) Check(m *model.Model, t task.Paired) (*Check, error) {
	estimate, err := a.Estimate(m, t)
	if err != nil {
		return nil, err
	}
	exact, err := Activations{Parts: a.Parts, Direction: a.Direction, Scale: Change}.Patch(m, t)
	if err != nil {
		return nil, err
	}
	if a.GradDrop {
		if exact, err = exact.sizes(); err != nil {
			return nil, err
		}
	}
	return Compare(estimate, exact)
}

// sizes are effects whose changes are without sign, prompt by prompt.
func (e *Effects) sizes() (*Effects, error) {
	out := *e
	n, size := e.shape()
	out.Metric = array.New(e.Metric.Axes()...)
	for s := range n {
		base := e.Base.Values()[s]
		for i := s * size; i < (s+1)*size; i++ {
			out.Metric.Values()[i] = base + float32(math.Abs(float64(e.Metric.Values()[i]-base)))
		}
	}
	return out.In(e.Scale)
}

// Compare holds two sets of effects of the same parts against each other.
func Compare(estimate, exact *Effects) (*Check, error) {
	if !slices.Equal(estimate.Shape(), exact.Shape()) {
		return nil, fmt.Errorf("the estimate has shape %v, the exact values %v", estimate.Shape(), exact.Shape())
	}
	if estimate.Scale != exact.Scale {
		return nil, fmt.Errorf("the estimate is on the scale %q, the exact values on %q; use In", estimate.Scale, exact.Scale)
	}
	c := &Check{Estimate: estimate.called("estimated"), Exact: exact.called("exact")}
	var x, y []float64
	for i, v := range estimate.Values() {
		if w := exact.Values()[i]; v == v && w == w {
			x, y, c.Worst = append(x, float64(v)), append(y, float64(w)), append(c.Worst, i)
		}
	}
	if len(x) < 2 {
		return nil, errors.New("fewer than two values to compare")
	}
	c.Pearson, c.Spearman = stat.Correlation(x, y, nil), stat.Correlation(ranks(x), ranks(y), nil)
	slices.SortStableFunc(c.Worst, func(i, j int) int {
		switch a, b := c.off(i), c.off(j); {
		case a > b:
			return -1
		case a < b:
			return 1
		}
		return 0
	})
	return c, nil
}

// called are the same effects under a short title.
func (e *Effects) called(what string) *Effects {
	out, r := *e, *e.Result
	title := what + " " + e.metric.String()
	if e.Scale == Change {
		title = what + " change of " + e.metric.String()
	}
	r.Array = e.Named(title, e.Unit())
	out.Result = &r
	return &out
}

func (c *Check) off(i int) float64 {
	return math.Abs(float64(c.Estimate.Values()[i]) - float64(c.Exact.Values()[i]))
}

// String is the correlations and a table of the worst values.
func (c *Check) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n%d values: correlation %.3f, of ranks %.3f; largest difference %.3g, largest exact value %.3g\n",
		c.Estimate.Method, len(c.Worst), c.Pearson, c.Spearman, c.off(c.Worst[0]), c.largest())
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "worst\testimate\texact\n")
	for _, i := range c.Worst[:min(8, len(c.Worst))] {
		fmt.Fprintf(w, "%s\t%.4g\t%.4g\n", label(c.Exact.Axes(), i), c.Estimate.Values()[i], c.Exact.Values()[i])
	}
	_ = w.Flush() // a strings.Builder takes everything
	return b.String()
}

// largest is the exact value furthest from 0.
func (c *Check) largest() float64 {
	most := 0.0
	for _, i := range c.Worst {
		if v := float64(c.Exact.Values()[i]); math.Abs(v) > math.Abs(most) {
			most = v
		}
	}
	return most
}

// ranks are the places of values in order; equal values share the mean place.
func ranks(x []float64) []float64 {
	order := upTo(len(x))
	slices.SortFunc(order, func(i, j int) int {
		switch {
		case x[i] < x[j]:
			return -1
		case x[i] > x[j]:
			return 1
		}
		return 0
	})
	r := make([]float64, len(x))
	for first := 0; first < len(order); {
		next := first
		for next < len(order) && x[order[next]] == x[order[first]] {
			next++
		}
		for _, i := range order[first:next] {
			r[i] = float64(first+next-1) / 2
		}
		first = next
	}
	return r
}
