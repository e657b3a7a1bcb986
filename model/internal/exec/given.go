package exec

import (
	"fmt"
	"slices"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"

	"github.com/golens/golens/model/formula"
	"github.com/golens/golens/model/internal/lower"
)

// Given are the values of the free tensors of formulas, on the backend.
type Given map[string]*tensors.Tensor

// Give sets the values of a tensor.
func (g Given) Give(e *Engine, name string, dims []int, values []float32) error {
	t, err := e.tensor(values, dims...)
	if err != nil {
		return fmt.Errorf("tensor %s: %w", name, err)
	}
	free(g[name])
	g[name] = t
	return nil
}

// Close frees them.
func (g Given) Close() {
	for name, t := range g {
		free(t)
		delete(g, name)
	}
}

// Penalty is the sum of a formula of tensors alone, and its gradient with respect
// to the named ones, nil for those that it does not have.
func (e *Engine) Penalty(f formula.Expr, given Given, names []string) (value float64, grads [][]float64, err error) {
	var wrt []string // tensors whose gradients come out
	for _, s := range f.Tensors() {
		if slices.Contains(names, s.Name) {
			wrt = append(wrt, s.Name)
		}
	}
	out, err := e.ofTensors(fmt.Sprint("penalty ", f, wrt), f, given, func(y *Node, of map[string]*Node) []*Node {
		sum := ReduceAllSum(y)
		if len(wrt) == 0 {
			return []*Node{sum}
		}
		var x []*Node
		for _, name := range wrt {
			x = append(x, of[name])
		}
		return append([]*Node{sum}, Gradient(sum, x...)...)
	})
	if err != nil {
		return 0, nil, err
	}
	grads = make([][]float64, len(names))
	for i, x := range out[1:] {
		g := make([]float64, len(x))
		for k, v := range x {
			g[k] = float64(v)
		}
		grads[slices.Index(names, wrt[i])] = g
	}
	return float64(out[0][0]), grads, nil
}

// Evaluate is the value of a formula of tensors alone.
func (e *Engine) Evaluate(f formula.Expr, given Given) ([]float32, error) {
	out, err := e.ofTensors(fmt.Sprint("value ", f), f, given, func(y *Node, _ map[string]*Node) []*Node { return []*Node{y} })
	if err != nil {
		return nil, err
	}
	return out[0], nil
}

// ofTensors are outputs made of the value of a formula of tensors alone, and of these.
func (e *Engine) ofTensors(name string, f formula.Expr, given Given, outputs func(y *Node, of map[string]*Node) []*Node) ([][]float32, error) {
	all := f.Tensors()
	shapes, err := f.Shapes(formula.Shapes{Free: true})
	if err != nil {
		return nil, err
	}
	prog, err := e.program(name, func(in []*Node) []*Node {
		to := lower.Inputs{Here: in[0], Tensors: map[string]*Node{}}
		for i, s := range all {
			to.Tensors[s.Name] = in[i]
		}
		y, _ := lower.Build(f, shapes, to)
		return outputs(y, to.Tensors)
	})
	if err != nil {
		return nil, err
	}
	var args []any
	for _, s := range all {
		t := given[s.Name]
		if s.Values != nil {
			if t, err = e.tensor(s.Values, s.Shape...); err != nil {
				return nil, err
			}
			defer free(t)
		}
		args = append(args, t)
	}
	out, err := call(name, prog, args)
	if err != nil {
		return nil, err
	}
	defer free(out...)
	values := make([][]float32, len(out))
	for i, t := range out {
		if values[i], err = tensors.CopyFlatData[float32](t); err != nil {
			return nil, err
		}
	}
	return values, nil
}
