package dictionary

import (
	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas32"
)

// An Operand is a matrix of a product: Rows x Cols as it lies in memory, and
// whether its transpose is meant.
type Operand struct {
	Values     []float32
	Rows, Cols int
	Transposed bool
}

// A Product adds scale·a·b to out, or sets out to it.
type Product func(a, b Operand, add float32, out []float32) error

// Multiply is a product in plain Go: out = a·b + add·out.
func Multiply(a, b Operand, add float32, out []float32) error {
	m, n := a.Rows, b.Cols
	if a.Transposed {
		m = a.Cols
	}
	if b.Transposed {
		n = b.Rows
	}
	if m == 0 || n == 0 || len(a.Values) == 0 {
		return nil
	}
	blas32.Gemm(transpose(a), transpose(b), 1, general(a), general(b), add, blas32.General{Rows: m, Cols: n, Stride: n, Data: out})
	return nil
}

func general(o Operand) blas32.General {
	return blas32.General{Rows: o.Rows, Cols: o.Cols, Stride: o.Cols, Data: o.Values}
}

func transpose(o Operand) blas.Transpose {
	if o.Transposed {
		return blas.Trans
	}
	return blas.NoTrans
}
