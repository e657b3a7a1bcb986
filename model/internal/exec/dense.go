package exec

import (
	"fmt"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
)

// A Dense is a matrix of a product on the backend: rows x cols as it lies in
// memory, and whether its transpose is meant.
type Dense struct {
	Values     []float32
	Rows, Cols int
	Transposed bool
}

// Multiply sets out to a·b + add·out.
func (e *Engine) Multiply(a, b Dense, add float32, out []float32) error {
	prog, err := e.program(fmt.Sprint("multiply ", a.Transposed, b.Transposed), func(in []*Node) []*Node {
		contract := func(transposed bool, plain int) []int {
			if transposed {
				return []int{1 - plain}
			}
			return []int{plain}
		}
		return []*Node{DotGeneral(in[0], contract(a.Transposed, 1), nil, in[1], contract(b.Transposed, 0), nil)}
	})
	if err != nil {
		return err
	}
	var args []any
	for _, x := range []Dense{a, b} {
		t, err := e.tensor(x.Values, x.Rows, x.Cols)
		if err != nil {
			return err
		}
		defer free(t)
		args = append(args, t)
	}
	got, err := call("multiply", prog, args)
	if err != nil {
		return err
	}
	defer free(got...)
	wrong := error(nil)
	err = tensors.ConstFlatData(got[0], func(y []float32) {
		switch {
		case len(y) != len(out):
			wrong = fmt.Errorf("a product of %d values for %d", len(y), len(out))
		case add == 0:
			copy(out, y)
		default:
			for i, v := range y {
				out[i] = add*out[i] + v
			}
		}
	})
	if err == nil {
		err = wrong
	}
	return err
}
