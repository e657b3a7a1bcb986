package model

import (
	"fmt"
	"math"
	"slices"
	"sync"

	"github.com/golens/golens/model/hook"
	"github.com/golens/golens/model/internal/plan"
	"github.com/golens/golens/model/internal/softmax"
)

// objective checks a metric and turns it into what the executor evaluates.
// Logits come as float32; sums over the vocabulary are taken in float64.
func (k *checker) objective(m Metric, rows [][]int32) (plan.Objective, error) {
	what := "metric " + string(m.Kind)
	if m.Kind == KindLinear {
		if m.Functional.Op != hook.OpAdd {
			return plan.Objective{}, fmt.Errorf("%s: make it with model.Linear", what)
		}
		shape, err := k.value(m.Functional.Point, k.edits)
		if err != nil {
			return plan.Objective{}, err
		}
		return plan.Objective{Linear: &m.Functional}, fitsIn(m.Functional, shape)
	}
	if k.Headless {
		return plan.Objective{}, fmt.Errorf("%s: %w", what, errHeadless)
	}
	if err := k.positions(what, m.At, nil); err != nil {
		return plan.Objective{}, err
	}
	at := func(row int) []int {
		if m.At.All() {
			return []int{k.lens[row] - 1}
		}
		return m.At.Of(row, k.lens[row])
	}
	o := plan.Objective{At: at}
	switch m.Kind {
	case KindNLL:
		return k.nll(m, o, rows)
	case KindKL:
		return k.kl(m, o)
	case KindMargin, KindAccuracy, KindProbDiff:
		return k.setMetric(what, m, o)
	case KindLogit, KindLogitDiff, KindLogProb, KindProb, KindTop1, KindRank:
	default:
		return o, fmt.Errorf("%s is not known", what)
	}
	answer, err := k.choice(what+": answer", m.Answer)
	if err != nil {
		return o, err
	}
	switch m.Kind {
	case KindLogit:
		o.Tokens = func(row int) []int32 { return []int32{answer(row)} }
		o.Eval = logit
	case KindLogitDiff:
		wrong, err := k.choice(what+": wrong token", m.Wrong)
		o.Tokens = func(row int) []int32 { return []int32{answer(row), wrong(row)} }
		o.Eval = logitDiff
		return o, err
	case KindLogProb:
		o.Eval = func(row, _ int, x []float32, grad func(int, float64)) float64 {
			return logProb(x, answer(row), grad, 1)
		}
		o.Soft = &plan.Soft{Token: func(row, _ int) int32 { return answer(row) }, Factor: 1}
	case KindProb:
		o.Eval = func(row, _ int, x []float32, grad func(int, float64)) float64 {
			p := math.Exp(logProb(x, answer(row), nil, 0))
			if grad != nil {
				logProb(x, answer(row), grad, p)
			}
			return p
		}
	case KindTop1:
		o.Eval = func(row, _ int, x []float32, _ func(int, float64)) float64 {
			if above, level := standing(x, answer(row)); above+level == 0 {
				return 1
			}
			return 0
		}
	case KindRank:
		o.Eval = func(row, _ int, x []float32, _ func(int, float64)) float64 {
			above, level := standing(x, answer(row))
			return 1 + float64(above) + float64(level)/2
		}
	}
	return o, nil
}

// standing is how many other tokens have a larger logit, and how many an equal
// one. NaN is below all numbers.
func standing(x []float32, id int32) (above, level int) {
	own := x[id]
	for i, v := range x {
		switch {
		case i == int(id):
		case v > own, own != own && v == v:
			above++
		case v == own, own != own: // both NaN
			level++
		}
	}
	return above, level
}

// differentiable tells whether the metric has a gradient.
func (m Metric) differentiable() bool {
	return m.Kind != KindTop1 && m.Kind != KindRank && m.Kind != KindAccuracy
}

// choice resolves one token per row.
func (k *checker) choice(what string, c Choice) (func(row int) int32, error) {
	if c.Sets != nil {
		return nil, fmt.Errorf("%s: the metric takes one token per row, not sets of them", what)
	}
	ids := slices.Clone(c.IDs)
	for _, text := range c.Texts {
		if k.encode == nil {
			ids = append(ids, 0) // whoever has the tokenizer checks the text
			continue
		}
		got, err := k.encode(text)
		if err != nil {
			return nil, fmt.Errorf("%s %q: %w", what, text, err)
		}
		if len(got) != 1 {
			return nil, fmt.Errorf("%s %q is %d tokens; it must be one (mind the leading space)", what, text, len(got))
		}
		ids = append(ids, got[0])
	}
	if len(ids) != 1 && len(ids) != len(k.lens) {
		return nil, fmt.Errorf("%s: %d tokens for a batch of %d rows; give one, or one per row", what, len(ids), len(k.lens))
	}
	for _, id := range ids {
		if id < 0 || int(id) >= k.Vocab {
			return nil, fmt.Errorf("%s: token %d is outside of the vocabulary of %d", what, id, k.Vocab)
		}
	}
	return func(row int) int32 { return ids[min(row, len(ids)-1)] }, nil
}

// logit reads one.
func logit(_, _ int, x []float32, grad func(int, float64)) float64 {
	if grad != nil {
		grad(0, 1)
	}
	return float64(x[0])
}

// logitDiff reads two logits: that of the answer, that of the wrong token.
func logitDiff(_, _ int, x []float32, grad func(int, float64)) float64 {
	if grad != nil {
		grad(0, 1)
		grad(1, -1)
	}
	return float64(x[0]) - float64(x[1])
}

// nll reads every position that has a next token, or the positions given.
func (k *checker) nll(m Metric, o plan.Objective, rows [][]int32) (plan.Objective, error) {
	at := make([][]int, len(k.lens))
	for r, n := range k.lens {
		if n < 2 {
			return o, fmt.Errorf("metric NLL: row %d has one token, and so no next one", r)
		}
		if !m.At.All() {
			at[r] = o.At(r)
		} else {
			for i := range n - 1 {
				at[r] = append(at[r], i)
			}
		}
		if slices.Contains(at[r], n-1) {
			return o, fmt.Errorf("metric NLL: position %d of row %d is the last, and has no next token", n-1, r)
		}
	}
	o.At = func(row int) []int { return at[row] }
	next := func(row, i int) int32 { return rows[row][at[row][i]+1] }
	o.Eval = func(row, i int, x []float32, grad func(int, float64)) float64 {
		return -logProb(x, next(row, i), grad, -1)
	}
	o.Soft = &plan.Soft{Token: next, Factor: -1}
	return o, nil
}

// kl is the divergence from reference logits [batch, pos, vocab].
func (k *checker) kl(m Metric, o plan.Objective) (plan.Objective, error) {
	want := []int{len(k.lens), len(o.At(0)), k.Vocab}
	if m.Reference == nil && k.own {
		return o, nil // comes with each step
	}
	if err := m.Reference.Err(); err != nil {
		return o, fmt.Errorf("metric KL: reference: %w", err)
	}
	if got := m.Reference.Shape(); !slices.Equal(got, want) {
		return o, fmt.Errorf("metric KL: reference has shape %v; [batch, pos, vocab] is %v here", got, want)
	}
	return divergenceFrom(o, func(row, i int) []float32 { return m.Reference.Values()[(row*want[1]+i)*k.Vocab:][:k.Vocab] }), nil
}

// divergenceFrom is the divergence from the logits that row has at its i-th position.
func divergenceFrom(o plan.Objective, ref func(row, i int) []float32) plan.Objective {
	known := &references{of: map[*float32]*reference{}}
	o.Eval = func(row, i int, x []float32, grad func(int, float64)) float64 {
		return known.at(ref(row, i)).divergence(x, grad)
	}
	o.Soft = &plan.Soft{Logits: ref, Factor: 1}
	return o
}

// references are what divergences are from, of which variants of a row share theirs.
type references struct {
	mu   sync.Mutex
	of   map[*float32]*reference
	size int
}

// mostKept bounds the values that are kept: 64 MB.
const mostKept = 8 << 20

// A reference is a distribution: logits less their LogSum are log probabilities.
type reference struct {
	logits []float32
	z      float64
	p      []float64
}

func (r *references) at(logits []float32) *reference {
	r.mu.Lock()
	defer r.mu.Unlock()
	k := r.of[&logits[0]]
	if k == nil {
		k = &reference{logits: logits, p: make([]float64, len(logits))}
		k.z = softmax.Of(k.p, logits)
		if r.size += len(logits); r.size <= mostKept {
			r.of[&logits[0]] = k
		}
	}
	return k
}

// divergence is KL(reference || softmax(x)) and its derivative by x.
func (r *reference) divergence(x []float32, grad func(j int, d float64)) float64 {
	z, sum := softmax.LogSum(x), 0.0
	for j, p := range r.p {
		if p > 0 {
			sum += p * ((float64(r.logits[j]) - r.z) - (float64(x[j]) - z))
		}
	}
	if grad != nil {
		softmax.Each(x, z, func(j int, own float64) { grad(j, own-r.p[j]) })
	}
	return sum
}

// logProb is the log probability of a token; grad gets its derivative times
// factor.
func logProb(x []float32, token int32, grad func(j int, d float64), factor float64) float64 {
	z := softmax.LogSum(x)
	if grad != nil {
		softmax.Each(x, z, func(j int, p float64) { grad(j, -factor*p) })
		grad(int(token), factor)
	}
	return float64(x[token]) - z
}
