// Package lower builds the graph of a formula.
//
// A value of a formula stands at every position: its node has lanes, such as
// [batch, pos], before the axes that the formula knows. A tensor's node has its
// own axes alone.
package lower

import (
	"fmt"

	. "github.com/gomlx/gomlx/core/graph"

	"github.com/golens/golens/model/config"
	"github.com/golens/golens/model/formula"
	"github.com/golens/golens/model/internal/arch"
	"github.com/golens/golens/model/internal/native"
)

// Inputs are the nodes of what a formula reads.
type Inputs struct {
	Lanes        int // axes of batch and position, which lead the values
	Here         *Node
	Base, Source []*Node // in the order of the formula's steps that read them
	At           map[string]*Node
	Tensors      map[string]*Node
}

// Build is the node of the formula's value, and those of the labelled ones.
// shapes are those of the formula's steps.
func Build(f formula.Expr, shapes []formula.Shape, in Inputs) (value *Node, labels map[string]*Node) {
	b := &builder{Inputs: in, steps: f.Steps, shapes: shapes, nodes: make([]*Node, len(f.Steps)), labels: map[string]*Node{}}
	for i := range f.Steps {
		b.nodes[i] = b.step(i)
	}
	return b.nodes[len(b.nodes)-1], b.labels
}

type builder struct {
	Inputs
	steps  []formula.Step
	shapes []formula.Shape
	nodes  []*Node
	labels map[string]*Node
}

func (b *builder) step(i int) *Node {
	s := b.steps[i]
	var args []*Node
	for _, a := range s.Args {
		args = append(args, b.nodes[a])
	}
	switch s.Op {
	case formula.OpHere:
		return b.Here
	case formula.OpBase:
		return next(&b.Base)
	case formula.OpSource:
		return next(&b.Source)
	case formula.OpAt:
		return b.At[s.Name]
	case formula.OpTensor:
		return b.Tensors[s.Name]
	case formula.OpNumber:
		return Scalar(b.Here.Graph(), b.Here.DType(), s.Value)
	case formula.OpDot:
		return b.dot(i, args[0], args[1])
	case formula.OpTranspose:
		return Transpose(args[0], -1, -2)
	case formula.OpFlatten, formula.OpSplit:
		return Reshape(args[0], b.full(i)...)
	case formula.OpSelect:
		return Take(args[0], args[0].Rank()-1, s.Index)
	case formula.OpPut:
		return b.put(i, args[0], args[1])
	case formula.OpCall:
		return b.call(i, args)
	case formula.OpWith:
		return args[0]
	case formula.OpLabel:
		b.labels[s.Name] = Own(args[0])
		return b.labels[s.Name]
	case formula.OpAdd, formula.OpSub, formula.OpMul, formula.OpDiv, formula.OpMax, formula.OpMin,
		formula.OpGreater, formula.OpJump, formula.OpWhere:
		return elementwise(s, b.align(i, args))
	}
	return along(s, args[0])
}

// call is the value of a graph function, which knows places in one axis.
func (b *builder) call(i int, args []*Node) *Node {
	for k, x := range args {
		from := b.steps[i].Args[k]
		if lead := b.lanes(from); lead != nil {
			args[k] = Reshape(x, append([]int{-1}, b.shapes[from].Dims...)...)
		}
	}
	f, _ := native.Find(b.steps[i].Name) // it was checked
	return Reshape(f.Build.(func([]*Node) *Node)(args), b.full(i)...)
}

func next(from *[]*Node) *Node {
	x := (*from)[0]
	*from = (*from)[1:]
	return x
}

// lanes are the leading axes of a step's node.
func (b *builder) lanes(i int) []int {
	if b.shapes[i].Tensor {
		return nil
	}
	return b.Here.Shape().Dimensions[:b.Lanes]
}

// full is the shape of a step's node.
func (b *builder) full(i int) []int {
	return append(append([]int(nil), b.lanes(i)...), b.shapes[i].Dims...)
}

// align brings the arguments of a step to one rank, with axes of length 1 where
// they broadcast. Numbers stay scalars.
func (b *builder) align(i int, args []*Node) []*Node {
	rank := len(b.shapes[i].Dims)
	out := make([]*Node, len(args))
	for k, x := range args {
		from := b.shapes[b.steps[i].Args[k]]
		lead := b.lanes(b.steps[i].Args[k])
		dims := append([]int(nil), x.Shape().Dimensions[:len(lead)]...)
		for range len(b.lanes(i)) - len(lead) + rank - len(from.Dims) {
			dims = append(dims, 1)
		}
		out[k] = Reshape(x, append(dims, x.Shape().Dimensions[len(lead):]...)...)
	}
	return out
}

// elementwise is an operation on values of one rank.
func elementwise(s formula.Step, a []*Node) *Node {
	switch s.Op {
	case formula.OpAdd:
		return Add(a[0], a[1])
	case formula.OpSub:
		return Sub(a[0], a[1])
	case formula.OpMul:
		return Mul(a[0], a[1])
	case formula.OpDiv:
		return Div(a[0], a[1])
	case formula.OpMax:
		return Max(a[0], a[1])
	case formula.OpMin:
		return Min(a[0], a[1])
	case formula.OpGreater:
		x, t := spread(a[0], a[1])
		y := StopGradient(ConvertDType(GreaterThan(x, t), x.DType()))
		if s.Value == 0 {
			return y
		}
		return through(y, MulScalar(near(x, t, s.Value), -1/float64(s.Value)), t)
	case formula.OpJump:
		x, t := spread(a[0], a[1])
		y := Where(GreaterThan(x, t), x, ZerosLike(x))
		if s.Value == 0 {
			return y
		}
		return through(y, MulScalar(Mul(near(x, t, s.Value), t), -1/float64(s.Value)), t)
	default: // formula.OpWhere
		x, y := spread(a[1], a[2])
		c, x := spread(a[0], x)
		_, y = spread(c, y)
		return Where(NotEqual(c, ZerosLike(c)), x, y)
	}
}

// spread repeats two nodes of one rank along the axes where one has length 1.
func spread(x, y *Node) (*Node, *Node) {
	dims := make([]int, x.Rank())
	for i := range dims {
		dims[i] = max(x.Shape().Dimensions[i], y.Shape().Dimensions[i])
	}
	return BroadcastToDims(x, dims...), BroadcastToDims(y, dims...)
}

// near is 1 where x lies in the window around t, else 0.
func near(x, t *Node, bandwidth float32) *Node {
	return ConvertDType(LessThan(Abs(Sub(x, t)), Scalar(x.Graph(), x.DType(), bandwidth/2)), x.DType())
}

// through is y, with the given gradient with respect to t besides its own.
func through(y, slope, t *Node) *Node {
	return Add(y, Mul(StopGradient(slope), Sub(t, StopGradient(t))))
}

// along is an operation on one value, along its last axis or value by value.
func along(s formula.Step, x *Node) *Node {
	switch s.Op {
	case formula.OpNeg:
		return Neg(x)
	case formula.OpAbs:
		return Abs(x)
	case formula.OpSqrt:
		return Sqrt(x)
	case formula.OpExp:
		return Exp(x)
	case formula.OpLog:
		return Log(x)
	case formula.OpReLU:
		return arch.Activate(config.ActReLU, x)
	case formula.OpGELU:
		return arch.Activate(config.ActGELU, x)
	case formula.OpGELUNew:
		return arch.Activate(config.ActGELUTanh, x)
	case formula.OpSiLU:
		return arch.Activate(config.ActSiLU, x)
	case formula.OpTanh:
		return Tanh(x)
	case formula.OpSigmoid:
		return Sigmoid(x)
	case formula.OpSoftplus:
		return softplus(x)
	case formula.OpSoftmax:
		return Softmax(x, -1)
	case formula.OpTopMask:
		return StopGradient(ConvertDType(TopKMask(x, s.Count, -1), x.DType()))
	case formula.OpSum:
		return ReduceAndKeep(x, ReduceSum, -1)
	case formula.OpMean:
		return ReduceAndKeep(x, ReduceMean, -1)
	case formula.OpLargest:
		return ReduceAndKeep(x, ReduceMax, -1)
	case formula.OpNorm:
		squares := ReduceAndKeep(Mul(x, x), ReduceSum, -1)
		zero := Equal(squares, ZerosLike(squares)) // where the root has no slope
		return Where(zero, ZerosLike(squares), Sqrt(Where(zero, OnesLike(squares), squares)))
	case formula.OpStop:
		return StopGradient(x)
	}
	panic(fmt.Sprintf("lower: no graph of operation %q", s.Op))
}

// softplus is log(1+exp(x)). The library's has the gradient 1 at 0.
func softplus(x *Node) *Node {
	above := GreaterThan(x, ZerosLike(x))
	return Add(Where(above, x, ZerosLike(x)), Log1P(Exp(Where(above, Neg(x), x))))
}

// Own is a node of its own with the value of x, so that its gradient is its own:
// attn_in and q_input, say, are one value. The library's Identity has no gradient.
func Own(x *Node) *Node {
	return IdentityWithCustomGradient(x, func(_, v *Node) *Node { return v })
}
