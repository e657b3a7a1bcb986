package arch

import (
	"fmt"
	"maps"
	"math"
	"sync"

	"gonum.org/v1/gonum/mat"

	"github.com/golens/golens/model/config"
)

// RefactorQK gives every head the queries and keys that the singular value
// decomposition W_Q W_Kᵀ = U S Vᵀ leads to: W_Q' = U √S and W_K' = V √S. Their
// columns are orthogonal, and the n-th of both have the same norm. Biases are a
// further row of both matrices, read by an input that is always 1, so that a
// column is orthogonal with its bias at its end.
func RefactorQK(c config.Config, p Plan) (Plan, error) {
	if err := c.CanRefactorQK(); err != nil {
		return nil, err
	}
	p = maps.Clone(p)
	for l := range c.Layers {
		name := func(local string) string { return LayerName(l, "attn."+local) }
		names := []string{name("W_Q"), name("W_K")}
		biased := p[name("b_Q")] != nil || p[name("b_K")] != nil
		if biased {
			names = append(names, name("b_Q"), name("b_K"))
		}
		width := c.Heads * c.DHead
		p.together(names, [][]int{{c.DModel, width}, {c.DModel, width}, {width}, {width}}, func(w []Param) ([]Param, error) {
			q, k := w[0], w[1]
			if biased {
				q, k = withRow(q, w[2]), withRow(k, w[3])
			}
			q, k, err := refactor(c, q, transposed(k), true)
			if err != nil {
				return nil, fmt.Errorf("block %d: W_Q W_Kᵀ: %w", l, err)
			}
			k = transposed(k)
			if !biased {
				return []Param{q, k}, nil
			}
			q, bq := lastRow(q)
			k, bk := lastRow(k)
			return []Param{q, k, bq, bk}, nil
		})
	}
	return p, nil
}

// RefactorOV gives every head the values and outputs that the singular value
// decomposition W_V W_O = U S Vᵀ leads to: W_V' = U S and W_O' = Vᵀ. The rows of
// W_O' are orthonormal, so that z is as long as what the head writes. Value
// biases are folded first.
func RefactorOV(c config.Config, p Plan) (Plan, error) {
	if err := c.CanRefactorOV(); err != nil {
		return nil, err
	}
	p = FoldValues(c, p)
	for l := range c.Layers {
		names := []string{LayerName(l, "attn.W_V"), LayerName(l, "attn.W_O")}
		width := c.Heads * c.DHead
		p.together(names, [][]int{{c.DModel, width}, {width, c.DModel}}, func(w []Param) ([]Param, error) {
			v, o, err := refactor(c, w[0], w[1], false)
			if err != nil {
				return nil, fmt.Errorf("block %d: W_V W_O: %w", l, err)
			}
			return []Param{v, o}, nil
		})
	}
	return p, nil
}

// together replaces weights by what is made of all of them at once, when the first
// of them is read. Absent ones are given without values.
func (p Plan) together(names []string, shapes [][]int, change func([]Param) ([]Param, error)) {
	from := make([]*Pending, len(names))
	for i, name := range names {
		from[i] = p[name]
	}
	made := sync.OnceValues(func() ([]Param, error) {
		params := make([]Param, len(from))
		for i, w := range from {
			values, err := w.read()
			if err != nil {
				return nil, err
			}
			params[i] = Param{shapes[i], values}
		}
		return change(params)
	})
	for i, name := range names {
		p[name] = &Pending{shapes[i], func(dst []float32) error {
			all, err := made()
			if err == nil {
				copy(dst, all[i].Data)
			}
			return err
		}}
	}
}

// refactor rewrites each head's product of a [in, head*d_head] and b
// [head*d_head, out] as U S times Vᵀ, or as U √S times √S Vᵀ. A head wider than
// its product's rank has zeros in what is left.
func refactor(c config.Config, a, b Param, even bool) (Param, Param, error) {
	in, out, wide := a.Shape[0], b.Shape[1], c.Heads*c.DHead
	left, right := Param{a.Shape, make([]float32, len(a.Data))}, Param{b.Shape, make([]float32, len(b.Data))}
	for h := range c.Heads {
		first := h * c.DHead
		ua, err := decompose(mat.NewDense(in, c.DHead, widen(a.Data, c.DHead, first, wide)))
		if err != nil {
			return a, b, fmt.Errorf("head %d: %w", h, err)
		}
		ub, err := decompose(mat.NewDense(c.DHead, out, widen(b.Data[first*out:][:c.DHead*out], out, 0, out)))
		if err != nil {
			return a, b, fmt.Errorf("head %d: %w", h, err)
		}
		// A B = Ua (Sa Vaᵀ Ub Sb) Vbᵀ, and what stands in the brackets is small.
		var inner, u, v mat.Dense
		inner.Mul(ua.v.T(), ub.u)
		inner.Apply(func(i, j int, x float64) float64 { return ua.s[i] * x * ub.s[j] }, &inner)
		middle, err := decompose(&inner)
		if err != nil {
			return a, b, fmt.Errorf("head %d: %w", h, err)
		}
		u.Mul(ua.u, middle.u)
		v.Mul(ub.v, middle.v)
		for n, s := range middle.s {
			toLeft, toRight := s, 1.0
			if even {
				toLeft, toRight = math.Sqrt(s), math.Sqrt(s)
			}
			for i := range in {
				left.Data[i*wide+first+n] = float32(u.At(i, n) * toLeft)
			}
			for j := range out {
				right.Data[(first+n)*out+j] = float32(v.At(j, n) * toRight)
			}
		}
	}
	return left, right, nil
}

// decomposed is a matrix as u diag(s) vᵀ, the largest singular value first.
type decomposed struct {
	u, v *mat.Dense
	s    []float64
}

func decompose(m *mat.Dense) (d decomposed, err error) {
	for _, x := range m.RawMatrix().Data {
		if x-x != 0 {
			return d, fmt.Errorf("a value is %g, and such a matrix has no singular value decomposition", x)
		}
	}
	var svd mat.SVD
	if !svd.Factorize(m, mat.SVDThin) {
		return d, fmt.Errorf("the singular value decomposition did not converge")
	}
	d = decomposed{new(mat.Dense), new(mat.Dense), svd.Values(nil)}
	svd.UTo(d.u)
	svd.VTo(d.v)
	return d, nil
}

// widen is so many columns from the first one on of a matrix with wide columns.
func widen(x []float32, columns, first, wide int) []float64 {
	out := make([]float64, 0, len(x)/wide*columns)
	for at := first; at < len(x); at += wide {
		for _, v := range x[at:][:columns] {
			out = append(out, float64(v))
		}
	}
	return out
}

// withRow is a matrix with a further row, zeros if it is absent.
func withRow(w, row Param) Param {
	rows, cols := w.Shape[0], w.Shape[1]
	out := Param{[]int{rows + 1, cols}, make([]float32, (rows+1)*cols)}
	copy(out.Data, w.Data)
	copy(out.Data[rows*cols:], row.Data)
	return out
}

// lastRow cuts the last row off.
func lastRow(w Param) (rest, row Param) {
	rows, cols := w.Shape[0]-1, w.Shape[1]
	return Param{[]int{rows, cols}, w.Data[:rows*cols]}, Param{[]int{cols}, w.Data[rows*cols:]}
}

func transposed(w Param) Param {
	rows, cols := w.Shape[0], w.Shape[1]
	t := Param{[]int{cols, rows}, make([]float32, len(w.Data))}
	for i := range rows {
		for j := range cols {
			t.Data[j*rows+i] = w.Data[i*cols+j]
		}
	}
	return t
}
