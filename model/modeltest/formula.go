package modeltest

import (
	"fmt"
	"math"
	"slices"
	"sort"

	"github.com/golens/golens/model/formula"
)

// A Value is what a formula computes at one position.
type Value struct {
	Dims []int
	X    []float64
}

// Evaluate computes a formula at one position, step by step, in float64: the twin
// that the graphs are held to. read gives what the formula reads there. It gives
// the value, and the labelled ones.
func Evaluate(f formula.Expr, read func(formula.Step) Value) (Value, map[string]Value) {
	values := make([]Value, len(f.Steps))
	labels := map[string]Value{}
	for i, s := range f.Steps {
		args := make([]Value, len(s.Args))
		for k, a := range s.Args {
			args[k] = values[a]
		}
		switch s.Op {
		case formula.OpHere, formula.OpBase, formula.OpSource, formula.OpAt:
			values[i] = read(s)
		case formula.OpTensor:
			values[i].Dims = s.Shape
			for _, v := range s.Values {
				values[i].X = append(values[i].X, float64(v))
			}
		case formula.OpNumber:
			values[i].X = []float64{float64(s.Value)}
		case formula.OpLabel:
			values[i] = args[0]
			labels[s.Name] = args[0]
		default:
			values[i] = evaluate(s, args)
		}
	}
	return values[len(values)-1], labels
}

func evaluate(s formula.Step, a []Value) Value {
	x := a[0]
	switch s.Op {
	case formula.OpAdd:
		return combine(a, func(v []float64) float64 { return v[0] + v[1] })
	case formula.OpSub:
		return combine(a, func(v []float64) float64 { return v[0] - v[1] })
	case formula.OpMul:
		return combine(a, func(v []float64) float64 { return v[0] * v[1] })
	case formula.OpDiv:
		return combine(a, func(v []float64) float64 { return v[0] / v[1] })
	case formula.OpMax:
		return combine(a, func(v []float64) float64 { return max(v[0], v[1]) })
	case formula.OpMin:
		return combine(a, func(v []float64) float64 { return min(v[0], v[1]) })
	case formula.OpGreater:
		return combine(a, func(v []float64) float64 { return step(v[0] > v[1]) })
	case formula.OpJump:
		return combine(a, func(v []float64) float64 {
			if v[0] > v[1] {
				return v[0]
			}
			return 0
		})
	case formula.OpWhere:
		return combine(a, func(v []float64) float64 {
			if v[0] != 0 {
				return v[1]
			}
			return v[2]
		})
	case formula.OpDot:
		return multiply(x, a[1])
	case formula.OpTranspose:
		return transpose(x)
	case formula.OpFlatten:
		n := len(x.Dims)
		return Value{append(slices.Clone(x.Dims[:n-2]), x.Dims[n-2]*x.Dims[n-1]), x.X}
	case formula.OpSplit:
		n := len(x.Dims)
		return Value{append(slices.Clone(x.Dims[:n-1]), s.Count, x.Dims[n-1]/s.Count), x.X}
	case formula.OpSelect:
		return lines(x, func(v []float64) (y []float64) {
			for _, c := range s.Index {
				y = append(y, v[c])
			}
			return y
		})
	case formula.OpPut:
		part := append(slices.Clone(x.Dims[:len(x.Dims)-1]), len(s.Index))
		y := combine([]Value{{part, make([]float64, size(part))}, a[1]}, func(v []float64) float64 { return v[1] })
		row := -1
		return lines(x, func(v []float64) []float64 {
			row++
			v = slices.Clone(v)
			for i, c := range s.Index {
				v[c] = y.X[row*len(s.Index)+i]
			}
			return v
		})
	case formula.OpSoftmax:
		return lines(x, func(v []float64) []float64 {
			y, sum := make([]float64, len(v)), 0.0
			for i := range v {
				y[i] = math.Exp(v[i] - slices.Max(v))
				sum += y[i]
			}
			for i := range y {
				y[i] /= sum
			}
			return y
		})
	case formula.OpTopMask:
		return lines(x, func(v []float64) []float64 {
			order := make([]int, len(v))
			for i := range order {
				order[i] = i
			}
			sort.SliceStable(order, func(i, j int) bool { return v[order[i]] > v[order[j]] })
			y := make([]float64, len(v))
			for _, i := range order[:s.Count] {
				y[i] = 1
			}
			return y
		})
	case formula.OpSum, formula.OpMean, formula.OpNorm, formula.OpLargest:
		return lines(x, func(v []float64) []float64 { return []float64{reduce(s.Op, v)} })
	case formula.OpStop, formula.OpWith:
		return x
	}
	return combine(a, func(v []float64) float64 { return apply(s.Op, v[0]) })
}

func reduce(op formula.Op, v []float64) float64 {
	sum, squares := 0.0, 0.0
	for _, x := range v {
		sum += x
		squares += x * x
	}
	switch op {
	case formula.OpMean:
		return sum / float64(len(v))
	case formula.OpNorm:
		return math.Sqrt(squares)
	case formula.OpLargest:
		return slices.Max(v)
	}
	return sum
}

func apply(op formula.Op, x float64) float64 {
	switch op {
	case formula.OpNeg:
		return -x
	case formula.OpAbs:
		return math.Abs(x)
	case formula.OpSqrt:
		return math.Sqrt(x)
	case formula.OpExp:
		return math.Exp(x)
	case formula.OpLog:
		return math.Log(x)
	case formula.OpReLU:
		return max(x, 0)
	case formula.OpGELU:
		return x / 2 * (1 + math.Erf(x/math.Sqrt2))
	case formula.OpGELUNew:
		return x / 2 * (1 + math.Tanh(math.Sqrt(2/math.Pi)*(x+0.044715*x*x*x)))
	case formula.OpSiLU:
		return x / (1 + math.Exp(-x))
	case formula.OpTanh:
		return math.Tanh(x)
	case formula.OpSigmoid:
		return 1 / (1 + math.Exp(-x))
	case formula.OpSoftplus:
		return max(x, 0) + math.Log1p(math.Exp(-math.Abs(x)))
	}
	panic(fmt.Sprintf("modeltest: operation %q has no twin", op))
}

func step(is bool) float64 {
	if is {
		return 1
	}
	return 0
}

func size(dims []int) int {
	n := 1
	for _, d := range dims {
		n *= d
	}
	return n
}

// lines applies f to each stretch along the last axis.
func lines(x Value, f func([]float64) []float64) (y Value) {
	last := len(x.Dims) - 1
	n := x.Dims[last]
	for i := 0; i < len(x.X); i += n {
		y.X = append(y.X, f(x.X[i:i+n])...)
	}
	y.Dims = slices.Clone(x.Dims)
	y.Dims[last] = len(y.X) * n / len(x.X)
	return y
}

// combine applies f to the values that broadcasting brings together.
func combine(args []Value, f func([]float64) float64) (y Value) {
	rank := 0
	for _, a := range args {
		rank = max(rank, len(a.Dims))
	}
	y.Dims = make([]int, rank)
	for i := range y.Dims {
		y.Dims[i] = 1
		for _, a := range args {
			if k := i - rank + len(a.Dims); k >= 0 {
				y.Dims[i] = max(y.Dims[i], a.Dims[k])
			}
		}
	}
	y.X = make([]float64, size(y.Dims))
	index, v := make([]int, rank), make([]float64, len(args))
	for at := range y.X {
		for i, rest := rank-1, at; i >= 0; i-- {
			index[i], rest = rest%y.Dims[i], rest/y.Dims[i]
		}
		for k, a := range args {
			lies := 0
			for i, d := range a.Dims {
				lies = lies*d + index[rank-len(a.Dims)+i]%d
			}
			v[k] = a.X[lies]
		}
		y.X[at] = f(v)
	}
	return y
}

// multiply is x·W, with one W or one for each head.
func multiply(x, w Value) Value {
	n := x.Dims[len(x.Dims)-1]
	if len(w.Dims) == 1 {
		w.Dims = []int{n, 1}
	}
	m := w.Dims[len(w.Dims)-1]
	product := func(v, w []float64) []float64 {
		y := make([]float64, m)
		for i := range n {
			for j := range m {
				y[j] += v[i] * w[i*m+j]
			}
		}
		return y
	}
	if len(w.Dims) < 3 {
		return lines(x, func(v []float64) []float64 { return product(v, w.X) })
	}
	y := Value{Dims: []int{w.Dims[0], m}}
	for h := range w.Dims[0] {
		v := x.X
		if len(x.Dims) == 2 {
			v = x.X[h*n:][:n]
		}
		y.X = append(y.X, product(v, w.X[h*n*m:][:n*m])...)
	}
	return y
}

func transpose(x Value) Value {
	k := len(x.Dims)
	rows, cols := x.Dims[k-2], x.Dims[k-1]
	y := Value{slices.Clone(x.Dims), make([]float64, len(x.X))}
	y.Dims[k-2], y.Dims[k-1] = cols, rows
	for at := range x.X {
		matrix, i, j := at/(rows*cols), at/cols%rows, at%cols
		y.X[matrix*rows*cols+j*rows+i] = x.X[at]
	}
	return y
}
