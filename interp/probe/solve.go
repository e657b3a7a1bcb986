package probe

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/mat"
	"gonum.org/v1/gonum/optimize"
)

// solve finds weights [coordinate, class] and biases from the examples of some rows.
// Coordinates are standardised first, so that a penalty means the same for all, and the
// weights given are those for the coordinates as they are.
func (p Probe) solve(x *mat.Dense, labels, rows []int, classes int) (*mat.Dense, []float64, error) {
	_, d := x.Dims()
	mean, scale := make([]float64, d), make([]float64, d)
	n := float64(len(rows))
	for _, r := range rows {
		for i, v := range x.RawRowView(r) {
			mean[i] += v / n
		}
	}
	for _, r := range rows {
		for i, v := range x.RawRowView(r) {
			scale[i] += (v - mean[i]) * (v - mean[i]) / n
		}
	}
	for i, v := range scale {
		if scale[i] = math.Sqrt(v); scale[i] == 0 {
			scale[i] = 1
		}
	}
	z, y := mat.NewDense(len(rows), d, nil), make([]int, len(rows))
	for k, r := range rows {
		y[k] = labels[r]
		for i, v := range x.RawRowView(r) {
			z.Set(k, i, (v-mean[i])/scale[i])
		}
	}
	var w *mat.Dense
	b := make([]float64, classes)
	var err error
	switch p.Kind {
	case MassMean:
		// By the classes' means as they are, without the standards.
		w, b = massMean(x, labels, rows, classes)
		return w, b, nil
	case Linear:
		w, err = least(z, y, classes, p.Penalty, b)
	default:
		w, err = logistic(z, y, classes, p.Penalty, b)
	}
	if err != nil {
		return nil, nil, err
	}
	for k := range classes {
		for i := range d {
			w.Set(i, k, w.At(i, k)/scale[i])
			b[k] -= w.At(i, k) * mean[i]
		}
	}
	return w, b, nil
}

// massMean is nearest class mean: scores x·μ - |μ|²/2.
func massMean(x *mat.Dense, labels, rows []int, classes int) (*mat.Dense, []float64) {
	_, d := x.Dims()
	w, b, count := mat.NewDense(d, classes, nil), make([]float64, classes), make([]float64, classes)
	for _, r := range rows {
		count[labels[r]]++
	}
	for _, r := range rows {
		k := labels[r]
		for i, v := range x.RawRowView(r) {
			w.Set(i, k, w.At(i, k)+v/count[k])
		}
	}
	for k := range classes {
		if count[k] == 0 { // of a control, whose labels are drawn: it is never answered
			b[k] = math.Inf(-1)
		}
		for i := range d {
			b[k] -= w.At(i, k) * w.At(i, k) / 2
		}
	}
	return w, b
}

// least is ridge regression on one-hot classes.
func least(z *mat.Dense, y []int, classes int, penalty float64, b []float64) (*mat.Dense, error) {
	n, d := z.Dims()
	targets := mat.NewDense(n, classes, nil)
	for i, k := range y {
		targets.Set(i, k, 1)
		b[k] += 1 / float64(n)
	}
	var gram, right mat.Dense
	gram.Mul(z.T(), z)
	for i := range d {
		gram.Set(i, i, gram.At(i, i)+max(penalty, 1e-9)*float64(n))
	}
	right.Mul(z.T(), targets)
	w := mat.NewDense(d, classes, nil)
	return w, w.Solve(&gram, &right)
}

// logistic is softmax regression, by L-BFGS.
func logistic(z *mat.Dense, y []int, classes int, penalty float64, b []float64) (*mat.Dense, error) {
	n, d := z.Dims()
	size := d * classes
	scores := mat.NewDense(n, classes, nil)
	// evaluate is the loss, and its gradient if wanted.
	evaluate := func(grad, at []float64) float64 {
		w := mat.NewDense(d, classes, at[:size])
		scores.Mul(z, w)
		loss := 0.0
		for i := range n {
			row := scores.RawRowView(i)
			top := math.Inf(-1)
			for k := range row {
				row[k] += at[size+k]
				top = max(top, row[k])
			}
			sum := 0.0
			for _, v := range row {
				sum += math.Exp(v - top)
			}
			loss -= (row[y[i]] - top - math.Log(sum)) / float64(n)
			for k, v := range row {
				row[k] = math.Exp(v-top) / sum / float64(n)
			}
			row[y[i]] -= 1 / float64(n)
		}
		for _, v := range at[:size] {
			loss += penalty / 2 * v * v
		}
		if grad != nil {
			g := mat.NewDense(d, classes, grad[:size])
			g.Mul(z.T(), scores)
			for k := range classes {
				grad[size+k] = 0
				for i := range n {
					grad[size+k] += scores.At(i, k)
				}
			}
			for i, v := range at[:size] {
				grad[i] += penalty * v
			}
		}
		return loss
	}
	problem := optimize.Problem{
		Func: func(at []float64) float64 { return evaluate(nil, at) },
		Grad: func(grad, at []float64) { evaluate(grad, at) },
	}
	start := make([]float64, size+classes)
	got, err := optimize.Minimize(problem, start, &optimize.Settings{GradientThreshold: 1e-5, MajorIterations: 500}, &optimize.LBFGS{})
	if got == nil || got.X == nil {
		return nil, fmt.Errorf("logistic probe: %w", err)
	}
	copy(b, got.X[size:])
	return mat.NewDense(d, classes, got.X[:size]), nil // the best so far, where no step made it better
}
