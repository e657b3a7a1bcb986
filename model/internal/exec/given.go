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
	all := f.Tensors()
	shapes, err := f.Shapes(formula.Shapes{Free: true})
	if err != nil {
		return 0, nil, err
	}
	var wrt []int // tensors whose gradients come out
	for i, s := range all {
		if slices.Contains(names, s.Name) {
			wrt = append(wrt, i)
		}
	}
	prog, err := e.program(fmt.Sprint("penalty ", f, wrt), func(in []*Node) []*Node {
		to := lower.Inputs{Here: in[0], Tensors: map[string]*Node{}}
		for i, s := range all {
			to.Tensors[s.Name] = in[i]
		}
		y, _ := lower.Build(f, shapes, to)
		sum := ReduceAllSum(y)
		var x []*Node
		for _, i := range wrt {
			x = append(x, in[i])
		}
		if len(x) == 0 {
			return []*Node{sum}
		}
		return append([]*Node{sum}, Gradient(sum, x...)...)
	})
	if err != nil {
		return 0, nil, err
	}
	var args []any
	for _, s := range all {
		t := given[s.Name]
		if s.Values != nil {
			if t, err = e.tensor(s.Values, s.Shape...); err != nil {
				return 0, nil, err
			}
			defer free(t)
		}
		args = append(args, t)
	}
	out, err := call("penalty", prog, args)
	if err != nil {
		return 0, nil, err
	}
	defer free(out...)
	grads = make([][]float64, len(names))
	for i, t := range out {
		x, err := tensors.CopyFlatData[float32](t)
		if err != nil {
			return 0, nil, err
		}
		if i == 0 {
			value = float64(x[0])
			continue
		}
		g := make([]float64, len(x))
		for k, v := range x {
			g[k] = float64(v)
		}
		grads[slices.Index(names, all[wrt[i-1]].Name)] = g
	}
	return value, grads, nil
}
