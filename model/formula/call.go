package formula

import (
	"fmt"

	"github.com/golens/golens/model/internal/native"
)

// Travels is nil, or why a formula with the step cannot leave this process.
func (s Step) Travels() error {
	if s.Op != OpCall {
		return nil
	}
	return fmt.Errorf("the graph function %s is Go code of the program that made it, which does not go to a model host or a cluster; say it as a formula (package formula), or open the model in the program itself, without %s and %s",
		s.Name, "GOLENS_SOCKET", "GOLENS_CLUSTER")
}

// given is what a graph function is given.
func given(args []Shape) []native.Arg {
	all := make([]native.Arg, len(args))
	for i, a := range args {
		all[i] = native.Arg(a)
	}
	return all
}

// FLOPs are the multiplications and additions of the formula's matrix products at one
// position, and those that are done once, of tensors with tensors; those of graph
// functions among them. shapes are those of its steps.
func (e Expr) FLOPs(shapes []Shape) (each, once int64) {
	for i, s := range e.Steps {
		n := int64(0)
		switch s.Op {
		case OpDot:
			x := shapes[s.Args[0]].Dims
			n = 2 * int64(x[len(x)-1]) * size(shapes[i].Dims)
		case OpCall:
			if f, ok := native.Find(s.Name); ok {
				args := make([]Shape, len(s.Args))
				for k, a := range s.Args {
					args[k] = shapes[a]
				}
				n = f.FLOPs(given(args))
			}
		}
		if shapes[i].Tensor {
			once += n
		} else {
			each += n
		}
	}
	return each, once
}

// size is how many values a shape has; an axis of unequal lengths counts once.
func size(dims []int) int64 {
	n := int64(1)
	for _, d := range dims {
		n *= int64(max(1, d))
	}
	return n
}
