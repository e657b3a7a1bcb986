package circuit

import (
	"fmt"
	"math"
	"slices"

	"github.com/golens/golens/interp"
)

// A Step is one stage of path patching: the change of the metric in percent for
// each sender [layer, head].
type Step struct {
	*interp.Result
	Name  string // what the paths lead to, such as "END to the queries of name movers"
	Found []Part // what the step added to the circuit
	// Answer and Wrong, in steps whose paths lead to the logits, are the parts of the change:
	// that of the answer's logit and that of the wrong token's [layer, head].
	Answer, Wrong *interp.Result
}

// defaults fills in thresholds that are 0.
func defaults(thresholds map[*float64]float64) error {
	for v, def := range thresholds {
		if *v == 0 {
			*v = def
		}
		if !(*v > 0) {
			return fmt.Errorf("the threshold %g must be above 0", *v)
		}
	}
	return nil
}

// does finds that a model does not do the task at all: that its metric is no
// better than on the corrupted prompts or, if 0 means that there is nothing, not
// above 0.
func (tr *tracer) does() error {
	what := tr.t.Metric
	if m, se := meanError(tr.left); what.HasZero() && !(m > 2*se) {
		return fmt.Errorf("the model does not do the task: its %s is %.3f ± %.3f (two standard errors)", what, m, 2*se)
	}
	clean, _ := meanError(tr.left)
	corrupted, _ := meanError(tr.corrupted)
	if err := (interp.Recovery{Whole: tr.left, Empty: tr.corrupted}).Check(); err != nil || (clean < corrupted) != what.LowerIsBetter() {
		return fmt.Errorf("the model does not do the task: its %s is %.3f, and %.3f on the corrupted prompts", what, clean, corrupted)
	}
	return nil
}

// meanError is a mean and its standard error, 0 for a single value.
func meanError(values []float64) (m, se float64) {
	for _, v := range values {
		m += v / float64(len(values))
	}
	if len(values) < 2 {
		return m, 0
	}
	for _, v := range values {
		se += (v - m) * (v - m)
	}
	n := float64(len(values))
	return m, math.Sqrt(se / n / (n - 1))
}

// size is how much a change is in the mean.
func size(change []float64) float64 {
	m, _ := meanError(change)
	return math.Abs(m)
}

// matters tells which way a path moves the metric: -1 towards what it is on
// corrupted prompts, 1 away from it, 0 if by less than the share of the gap, or by
// less than two standard errors.
func (tr *tracer) matters(change []float64, share float64) int {
	m, se := meanError(change)
	switch {
	case math.Abs(m) < share*math.Abs(tr.gap) || math.Abs(m) < 2*se:
		return 0
	case m/tr.gap < 0:
		return -1
	}
	return 1
}

// edges are the effects that are large enough.
func (tr *tracer) edges(effects []effect, share float64) (edges []Edge) {
	for _, e := range effects {
		if tr.matters(e.change, share) == 0 {
			continue
		}
		m, _ := meanError(e.change)
		edge := Edge{From: e.sender, To: e.to.part, Input: e.to.input, Effect: -100 * m / tr.gap}
		if e.to == (receiver{}) {
			edge.To, edge.Input = Logits(), ToLogits
		}
		edges = append(edges, edge)
	}
	return edges
}

// strongest orders effects by their size.
func strongest(effects []effect) []effect {
	effects = slices.Clone(effects)
	slices.SortStableFunc(effects, func(a, b effect) int {
		switch x, y := size(a.change), size(b.change); {
		case x > y:
			return -1
		case x < y:
			return 1
		}
		return 0
	})
	return effects
}
