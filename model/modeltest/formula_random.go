package modeltest

import (
	"fmt"
	"math/rand/v2"

	"github.com/golens/golens/model/array"
	"github.com/golens/golens/model/formula"
)

// A FormulaMaker draws formulas for property tests.
type FormulaMaker struct {
	Rand   *rand.Rand
	Shapes formula.Shapes // what the formulas may read
	At     []string       // activations that they may read
	Smooth bool           // only operations with a gradient everywhere
	Prefix string         // of the names of tensors

	tensors int
}

// Formula draws a formula of about so many operations whose value broadcasts to
// the activation's shape. Values stay of the order of one: growing operations come
// with something that bounds them.
func (m *FormulaMaker) Formula(operations int) formula.Expr {
	pool := m.leaves()
	for range operations {
		x, y := pool[m.Rand.IntN(len(pool))], pool[m.Rand.IntN(len(pool))]
		next := m.operation(x, y)
		if dims, err := next.Check(m.Shapes); err == nil && size(dims) <= 64 {
			pool = append(pool, next)
		}
	}
	return m.fit(pool)
}

func (m *FormulaMaker) leaves() []formula.Expr {
	pool := []formula.Expr{formula.Here()}
	if m.Shapes.Base {
		pool = append(pool, formula.Base())
	}
	if m.Shapes.Source {
		pool = append(pool, formula.Source())
	}
	for _, name := range m.At {
		pool = append(pool, formula.At(name))
	}
	return pool
}

// fit is the activation plus what was drawn last, brought to its shape.
func (m *FormulaMaker) fit(pool []formula.Expr) formula.Expr {
	here := m.Shapes.Here
	out := formula.Here()
	for _, e := range pool[max(0, len(pool)-3):] {
		dims, _ := e.Check(m.Shapes)
		for range len(dims) - 1 {
			e = e.Flatten()
		}
		out = out.Add(e.Dot(m.tensor(size(dims), here[len(here)-1])).Tanh())
	}
	return out
}

// operation draws one. It may not fit together.
func (m *FormulaMaker) operation(x, y formula.Expr) formula.Expr {
	dims, _ := x.Check(m.Shapes)
	n := dims[len(dims)-1]
	one := formula.Number(1)
	smooth := []func() formula.Expr{
		func() formula.Expr { return x.Add(y) },
		func() formula.Expr { return x.Sub(y.Scale(m.number())) },
		func() formula.Expr { return x.Mul(y.Tanh()) },
		func() formula.Expr { return x.Div(one.Add(y.Mul(y))) },
		func() formula.Expr { return one.Add(x.Mul(x)).Sqrt() },
		func() formula.Expr { return one.Add(x.Mul(x)).Log() },
		func() formula.Expr { return x.Tanh().Exp().Neg() },
		func() formula.Expr { return x.GELU() },
		func() formula.Expr { return x.GELUNew() },
		func() formula.Expr { return x.SiLU() },
		func() formula.Expr { return x.Sigmoid() },
		func() formula.Expr { return x.LogSigmoid() },
		func() formula.Expr { return x.Softmax() },
		func() formula.Expr { return x.Tanh().Sum() },
		func() formula.Expr { return x.Mean() },
		func() formula.Expr { return x.Add(m.tensor(n)).Norm() },
		func() formula.Expr { return x.Dot(m.tensor(n, 1+m.Rand.IntN(6))).Tanh() },
		func() formula.Expr { return x.Dot(m.tensor(n)).Tanh() },
		func() formula.Expr { return x.Dot(m.tensor(max(1, dims[0]), n, 3)).Tanh() },
		func() formula.Expr { return x.Dot(m.tensor(3, n).Transpose()) },
		func() formula.Expr { return x.Mul(m.tensor(n).Exp()).Tanh() },
		func() formula.Expr { return x.Flatten() },
		func() formula.Expr { return x.Split(2) },
		func() formula.Expr { return x.Select(m.coords(n)...) },
		func() formula.Expr { return x.Put(y.Mean(), m.coords(n)...) },
		func() formula.Expr { return x.As(fmt.Sprint("label ", m.Rand.Int32())) },
		func() formula.Expr { return x.With(y) },
	}
	rough := []func() formula.Expr{
		func() formula.Expr { return x.Max(y) },
		func() formula.Expr { return x.Min(y) },
		func() formula.Expr { return x.Abs() },
		func() formula.Expr { return x.ReLU() },
		func() formula.Expr { return x.Largest() },
		func() formula.Expr { return x.Greater(y.Scale(.5)) },
		func() formula.Expr { return x.Jump(m.tensor(n)) },
		func() formula.Expr { return x.TopK(1 + m.Rand.IntN(n)) },
		func() formula.Expr { return x.Greater(formula.Number(0)).Where(y, x) },
	}
	if !m.Smooth {
		smooth = append(smooth, rough...)
	}
	return smooth[m.Rand.IntN(len(smooth))]()
}

func (m *FormulaMaker) number() float32 { return float32(m.Rand.NormFloat64()) }

// coords draws some coordinates of n, in any order.
func (m *FormulaMaker) coords(n int) []int { return m.Rand.Perm(n)[:1+m.Rand.IntN(n)] }

// tensor draws a tensor of unit scale.
func (m *FormulaMaker) tensor(dims ...int) formula.Expr {
	axes := make([]array.Axis, len(dims))
	for i, n := range dims {
		axes[i] = array.Dim(fmt.Sprint("axis ", i), n)
	}
	a := array.New(axes...)
	for i := range a.Values() {
		a.Values()[i] = m.number()
	}
	m.tensors++
	return formula.Tensor(fmt.Sprint(m.Prefix, "T", m.tensors), a)
}
