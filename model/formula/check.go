package formula

import (
	"errors"
	"fmt"
	"slices"

	"github.com/golens/golens/model/internal/native"
)

// Any stands in a shape for a length that is not the same in every row, as that
// of the axis of keys. It broadcasts with itself and with 1 alone.
const Any = -1

// Shapes say what a formula may read, and the shape that it has there, without
// batch and position.
type Shapes struct {
	Here []int // of the selected part of the activation
	// At is the shape of an activation computed earlier in the run, or why there
	// is none; nil if no other activation can be read.
	At func(name string) ([]int, error)
	// Base and Source tell whether there is such a run.
	Base, Source bool
	// Free tells whether free tensors are allowed, since a fit finds them.
	Free bool
}

// A Shape is that of one step's value.
type Shape struct {
	Dims   []int
	Tensor bool // a value of its own, not one at each position
}

// An Error is a formula that does not fit together. It prints the formula with
// the shapes at the place that fails.
type Error struct {
	Err  error // what is wrong there
	text string
}

// Error implements error.
func (e *Error) Error() string { return fmt.Sprintf("formula: %v\n%s", e.Err, e.text) }

// Unwrap gives what is wrong.
func (e *Error) Unwrap() error { return e.Err }

// Check gives the shape of the formula's value at one position, or the error at
// the first step that does not fit.
func (e Expr) Check(s Shapes) ([]int, error) {
	all, err := e.Shapes(s)
	if err != nil {
		return nil, err
	}
	return all[len(all)-1].Dims, nil
}

// Labels are the shapes of the labelled values, by label.
func (e Expr) Labels(s Shapes) (map[string]Shape, error) {
	all, err := e.Shapes(s)
	if err != nil {
		return nil, err
	}
	labels := map[string]Shape{}
	for i, step := range e.Steps {
		if step.Op == OpLabel {
			labels[step.Name] = all[i]
		}
	}
	return labels, nil
}

// Shapes are the shapes of all steps.
func (e Expr) Shapes(s Shapes) ([]Shape, error) {
	if len(e.Steps) == 0 {
		return nil, errors.New("formula: it is empty; begin with formula.Here()")
	}
	all := make([]Shape, 0, len(e.Steps))
	tensors := map[string]Step{}
	labels := map[string]int{}
	for i, step := range e.Steps {
		if step.Op == OpFailed {
			return nil, errors.New(step.Name)
		}
		if step.Op == OpTensor {
			if t, ok := tensors[step.Name]; ok && !t.equal(step) {
				return nil, e.fail(all, i, fmt.Errorf("there are two tensors named %s, %v and %v; give each its own name", step.Name, t.Shape, step.Shape))
			}
			tensors[step.Name] = step
		}
		if step.Op == OpLabel {
			if at, ok := labels[step.Name]; ok && !e.Steps[at].equal(step) {
				return nil, e.fail(all, i, fmt.Errorf("two values are labelled %q", step.Name))
			}
			labels[step.Name] = i
		}
		dims, err := s.step(step, i, all)
		if err != nil {
			return nil, e.fail(all, i, err)
		}
		tensor := step.Op == OpTensor || step.Op == OpNumber
		if len(step.Args) > 0 {
			tensor = true
			for _, a := range step.Args {
				tensor = tensor && all[a].Tensor
			}
		}
		all = append(all, Shape{dims, tensor})
	}
	return all, nil
}

// step is the shape of one step's value.
func (s Shapes) step(step Step, i int, all []Shape) ([]int, error) {
	arity, ok := arities[step.Op]
	if !ok {
		return nil, fmt.Errorf("operation %q is not known", step.Op)
	}
	switch {
	case step.Op == OpCall && len(step.Args) == 0:
		return nil, fmt.Errorf("the graph function %s is given nothing; give it formula.Here()", step.Name)
	case step.Op != OpCall && len(step.Args) != arity:
		return nil, fmt.Errorf("%s takes %d values, not %d", step.Op, arity, len(step.Args))
	}
	args := make([]Shape, len(step.Args))
	for k, a := range step.Args {
		if a < 0 || a >= i {
			return nil, fmt.Errorf("%s takes a value that is no formula; begin one with formula.Here()", step.Op)
		}
		args[k] = all[a]
	}
	switch step.Op {
	case OpHere:
		return s.Here, nil
	case OpBase:
		if !s.Base {
			return nil, errors.New("there is no base run; only the variants of a sweep have one")
		}
		return s.Here, nil
	case OpSource:
		if !s.Source {
			return nil, errors.New("there is no source run; give the sweep a source")
		}
		return s.Here, nil
	case OpAt:
		if s.At == nil {
			return nil, fmt.Errorf("no activation can be read here but the point's own; %s is another", step.Name)
		}
		return s.At(step.Name)
	case OpTensor:
		return step.Shape, s.tensor(step)
	case OpNumber:
		return nil, nil
	}
	return step.dims(args)
}

// tensor checks a tensor's shape and values.
func (s Shapes) tensor(step Step) error {
	size := 1
	for _, d := range step.Shape {
		if d < 1 {
			return fmt.Errorf("tensor %s has shape %v; every axis needs a length", step.Name, step.Shape)
		}
		size *= d
	}
	switch {
	case step.Name == "":
		return fmt.Errorf("a tensor of shape %v has no name", step.Shape)
	case step.Values == nil && !s.Free:
		return fmt.Errorf("tensor %s is free; give it values by Bind, or find it by a fit", step.Name)
	case step.Values != nil && len(step.Values) != size:
		return fmt.Errorf("tensor %s has %d values, which do not have shape %v", step.Name, len(step.Values), step.Shape)
	}
	return nil
}

// arities are how many values each operation takes.
var arities = map[Op]int{
	OpHere: 0, OpBase: 0, OpSource: 0, OpAt: 0, OpTensor: 0, OpNumber: 0,
	OpAdd: 2, OpSub: 2, OpMul: 2, OpDiv: 2, OpMax: 2, OpMin: 2, OpGreater: 2, OpWhere: 3,
	OpDot: 2, OpTranspose: 1, OpFlatten: 1, OpSplit: 1, OpSelect: 1, OpPut: 2,
	OpNeg: 1, OpAbs: 1, OpSqrt: 1, OpExp: 1, OpLog: 1, OpReLU: 1, OpGELU: 1, OpGELUNew: 1, OpSiLU: 1, OpTanh: 1,
	OpSigmoid: 1, OpSoftplus: 1, OpJump: 2, OpSoftmax: 1, OpTopMask: 1, OpSum: 1, OpMean: 1, OpLargest: 1, OpNorm: 1,
	OpStop: 1, OpLabel: 1, OpWith: 2,
	OpCall: 0, // any number, but not none
}

// dims is the shape of an operation's value.
func (step Step) dims(args []Shape) ([]int, error) {
	x := args[0].Dims
	last := func() (int, error) {
		if len(x) == 0 {
			return 0, fmt.Errorf("%s works along the last axis; a number has none", step.Op)
		}
		return x[len(x)-1], nil
	}
	switch step.Op {
	case OpCall:
		f, ok := native.Find(step.Name)
		if !ok {
			return nil, step.Travels()
		}
		return f.Dims(given(args))
	case OpAdd, OpSub, OpMul, OpDiv, OpMax, OpMin, OpGreater, OpJump, OpWhere:
		return broadcast(args)
	case OpDot:
		return dotDims(args[0], args[1])
	case OpTranspose:
		if !args[0].Tensor || len(x) < 2 {
			return nil, fmt.Errorf("only a tensor of two axes or more is transposed, not a value of shape %v", Dims(x))
		}
		y := slices.Clone(x)
		n := len(y)
		y[n-1], y[n-2] = y[n-2], y[n-1]
		return y, nil
	case OpFlatten:
		n := len(x)
		if n < 2 || x[n-1] == Any || x[n-2] == Any {
			return nil, fmt.Errorf("flatten joins the last two axes; %v has no two of known length", Dims(x))
		}
		return append(slices.Clone(x[:n-2]), x[n-2]*x[n-1]), nil
	case OpSplit:
		n, err := last()
		if err != nil {
			return nil, err
		}
		if n == Any || step.Count < 1 || n%step.Count != 0 {
			return nil, fmt.Errorf("the last axis of %v can't be cut into %d equal parts", Dims(x), step.Count)
		}
		return append(slices.Clone(x[:len(x)-1]), step.Count, n/step.Count), nil
	case OpSelect:
		n, err := last()
		if err != nil {
			return nil, err
		}
		if err := inside(step.Index, n); err != nil {
			return nil, err
		}
		return append(slices.Clone(x[:len(x)-1]), len(step.Index)), nil
	case OpPut:
		return step.put(x, args[1].Dims, last)
	case OpSoftmax:
		_, err := last()
		return x, err
	case OpTopMask:
		n, err := last()
		if err != nil {
			return nil, err
		}
		if n == Any || step.Count < 1 || step.Count > n {
			return nil, fmt.Errorf("the %d largest of the last axis of %v are wanted", step.Count, Dims(x))
		}
		return x, nil
	case OpSum, OpMean, OpLargest, OpNorm:
		n, err := last()
		if err != nil {
			return nil, err
		}
		if n == Any && step.Op != OpSum {
			return nil, fmt.Errorf("%s along an axis of unequal lengths", step.Op)
		}
		return append(slices.Clone(x[:len(x)-1]), 1), nil
	}
	return x, nil // value by value
}

// put is the shape of x with coordinates set to y.
func (step Step) put(x, y []int, last func() (int, error)) ([]int, error) {
	n, err := last()
	if err != nil {
		return nil, err
	}
	if err := inside(step.Index, n); err != nil {
		return nil, err
	}
	part := append(slices.Clone(x[:len(x)-1]), len(step.Index))
	if both, err := broadcast([]Shape{{Dims: part}, {Dims: y}}); err != nil || !slices.Equal(both, part) {
		return nil, fmt.Errorf("values of shape %v do not fit %d coordinates of %v", Dims(y), len(step.Index), Dims(x))
	}
	return x, nil
}

// inside checks coordinates of an axis.
func inside(coords []int, n int) error {
	if len(coords) == 0 {
		return errors.New("no coordinates are given")
	}
	if n == Any {
		return errors.New("coordinates of an axis of unequal lengths; select them in the edit's point")
	}
	for i, c := range coords {
		if c < 0 || c >= n {
			return fmt.Errorf("coordinate %d does not exist; the last axis has %d (0 to %d)", c, n, n-1)
		}
		if slices.Contains(coords[:i], c) {
			return fmt.Errorf("coordinate %d is listed twice", c)
		}
	}
	return nil
}

// dotDims is the shape of x·W.
func dotDims(x, w Shape) ([]int, error) {
	if !w.Tensor {
		return nil, errors.New("the right side of a matrix product is a tensor; the inner product of two values is a.Mul(b).Sum()")
	}
	if len(x.Dims) == 0 || len(w.Dims) == 0 || len(w.Dims) > 3 {
		return nil, fmt.Errorf("no matrix product of %v with %v; W is [n], [n, m] or [head, n, m]", Dims(x.Dims), Dims(w.Dims))
	}
	n := x.Dims[len(x.Dims)-1]
	from := max(0, len(w.Dims)-2)
	if n == Any || n != w.Dims[from] {
		return nil, fmt.Errorf("the last axis of %v is not the first of W %v", Dims(x.Dims), Dims(w.Dims[from:]))
	}
	lead := x.Dims[:len(x.Dims)-1]
	switch len(w.Dims) {
	case 1:
		return append(slices.Clone(lead), 1), nil
	case 2:
		return append(slices.Clone(lead), w.Dims[1]), nil
	}
	if len(x.Dims) < 2 && x.Tensor || len(x.Dims) > 2 || len(x.Dims) == 2 && x.Dims[0] != w.Dims[0] {
		return nil, fmt.Errorf("one matrix for each head, W %v, needs a value [%d, %d], not %v", Dims(w.Dims), w.Dims[0], n, Dims(x.Dims))
	}
	return []int{w.Dims[0], w.Dims[2]}, nil
}

// broadcast is the shape of values combined one by one.
func broadcast(args []Shape) ([]int, error) {
	rank := 0
	for _, a := range args {
		rank = max(rank, len(a.Dims))
	}
	out := make([]int, rank)
	for i := range out {
		out[i] = 1
		for _, a := range args {
			k := i - rank + len(a.Dims)
			if k < 0 || a.Dims[k] == 1 {
				continue
			}
			if out[i] != 1 && out[i] != a.Dims[k] {
				var all []string
				for _, a := range args {
					all = append(all, Dims(a.Dims).String())
				}
				return nil, fmt.Errorf("%s do not broadcast: axis %d from the last is %s and %s",
					and(all), rank-i, length(out[i]), length(a.Dims[k]))
			}
			out[i] = a.Dims[k]
		}
	}
	return out, nil
}
