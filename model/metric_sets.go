package model

import (
	"fmt"
	"math"

	"github.com/golens/golens/model/internal/plan"
	"github.com/golens/golens/model/internal/softmax"
)

// setMetric are the metrics that hold some tokens against others.
func (k *checker) setMetric(what string, m Metric, o plan.Objective) (plan.Objective, error) {
	answer, err := k.choices(what+": answer", m.Answer)
	if err != nil {
		return o, err
	}
	wrong, err := k.choices(what+": wrong tokens", m.Wrong)
	if err != nil {
		return o, err
	}
	if m.Kind == KindProbDiff {
		o.Eval = func(row, _ int, x []float32, grad func(int, float64)) float64 {
			return probDiff(x, answer(row), wrong(row), grad)
		}
		return o, nil
	}
	for row := range k.lens {
		if n := len(answer(row)); n != 1 {
			return o, fmt.Errorf("%s: row %d has %d answers; it takes one, and any number of wrong tokens", what, row, n)
		}
	}
	o.Eval = func(row, _ int, x []float32, grad func(int, float64)) float64 {
		d := margin(x, answer(row)[0], wrong(row), grad)
		switch {
		case m.Kind == KindMargin:
			return d
		case d > 0:
			return 1
		}
		return 0
	}
	return o, nil
}

// choices resolves any number of tokens per row, at least one.
func (k *checker) choices(what string, c Choice) (func(row int) []int32, error) {
	if c.Sets == nil {
		one, err := k.choice(what, c)
		return func(row int) []int32 { return []int32{one(row)} }, err
	}
	if c.IDs != nil || c.Texts != nil {
		return nil, fmt.Errorf("%s: tokens are given both one by one and in sets; give one of them", what)
	}
	if len(c.Sets) != 1 && len(c.Sets) != len(k.lens) {
		return nil, fmt.Errorf("%s: %d sets for a batch of %d rows; give one, or one per row", what, len(c.Sets), len(k.lens))
	}
	for i, set := range c.Sets {
		if len(set) == 0 {
			return nil, fmt.Errorf("%s: the set of row %d is empty", what, i)
		}
		for _, id := range set {
			if id < 0 || int(id) >= k.Vocab {
				return nil, fmt.Errorf("%s: token %d is outside of the vocabulary of %d", what, id, k.Vocab)
			}
		}
	}
	return func(row int) []int32 { return c.Sets[min(row, len(c.Sets)-1)] }, nil
}

// margin is a logit minus the largest of others.
func margin(x []float32, answer int32, wrong []int32, grad func(j int, d float64)) float64 {
	best := wrong[0]
	for _, id := range wrong {
		if x[id] > x[best] {
			best = id
		}
	}
	if grad != nil {
		grad(int(answer), 1)
		grad(int(best), -1)
	}
	return float64(x[answer]) - float64(x[best])
}

// probDiff is the probability of some tokens minus that of others.
func probDiff(x []float32, answers, wrong []int32, grad func(j int, d float64)) float64 {
	z := softmax.LogSum(x)
	p := func(id int32) float64 { return math.Exp(float64(x[id]) - z) }
	diff := 0.0
	for _, id := range answers {
		diff += p(id)
	}
	for _, id := range wrong {
		diff -= p(id)
	}
	if grad != nil { // dp_i/dx_j = p_i (δ_ij - p_j)
		softmax.Each(x, z, func(j int, p float64) { grad(j, -diff*p) })
		for _, id := range answers {
			grad(int(id), p(id))
		}
		for _, id := range wrong {
			grad(int(id), -p(id))
		}
	}
	return diff
}
