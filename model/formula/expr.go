package formula

import (
	"math"
	"slices"
)

// An Op is what a step computes.
type Op string

// What a formula reads.
const (
	OpHere   Op = "here"
	OpBase   Op = "base"
	OpSource Op = "source"
	OpAt     Op = "at"     // Name is the activation
	OpTensor Op = "tensor" // Name, Shape and Values; no values: free
	OpNumber Op = "number" // Value
)

// What a formula computes.
const (
	OpAdd     Op = "add"
	OpSub     Op = "sub"
	OpMul     Op = "mul"
	OpDiv     Op = "div"
	OpMax     Op = "max"
	OpMin     Op = "min"
	OpGreater Op = "greater" // 1 or 0; Value is the bandwidth of its gradient
	OpWhere   Op = "where"

	OpDot       Op = "dot"
	OpTranspose Op = "transpose"
	OpFlatten   Op = "flatten"
	OpSplit     Op = "split" // Count parts
	OpSelect    Op = "select"
	OpPut       Op = "put"

	OpNeg      Op = "neg"
	OpAbs      Op = "abs"
	OpSqrt     Op = "sqrt"
	OpExp      Op = "exp"
	OpLog      Op = "log"
	OpReLU     Op = "relu"
	OpGELU     Op = "gelu"
	OpGELUNew  Op = "gelu_new"
	OpSiLU     Op = "silu"
	OpTanh     Op = "tanh"
	OpSigmoid  Op = "sigmoid"
	OpSoftplus Op = "softplus"
	OpJump     Op = "jump" // Value is the bandwidth of its gradient

	OpSoftmax Op = "softmax"
	OpTopMask Op = "topmask" // Count
	OpSum     Op = "sum"
	OpMean    Op = "mean"
	OpLargest Op = "largest"
	OpNorm    Op = "norm"

	OpFailed Op = "failed" // Name is why

	OpCall  Op = "call" // Name is a Go graph function of this process
	OpStop  Op = "stop"
	OpLabel Op = "label" // Name
	OpWith  Op = "with"
)

// A Step is one value of a formula, computed from earlier ones.
type Step struct {
	Op     Op
	Args   []int     `json:",omitempty"` // indices of earlier steps
	Name   string    `json:",omitempty"` // of an activation, a tensor or a label
	Value  float32   `json:",omitempty"` // a number, or the bandwidth of a jump's gradient
	Count  int       `json:",omitempty"`
	Index  []int     `json:",omitempty"` // coordinates of the last axis
	Rows   [][]int   `json:",omitempty"` // positions in each row of the base or source run; nil: the edit's own
	Shape  []int     `json:",omitempty"` // of a tensor
	Values []float32 `json:",omitempty"` // of a tensor, nil where it is free
}

// An Expr is a formula. Its value is that of its last step; the zero value is no
// formula. Equal parts of a formula are one step, which is computed once.
type Expr struct {
	Steps []Step
}

// Values are a tensor's, such as an array.Array.
type Values interface {
	Shape() []int
	Values() []float32
}

// Here is the activation at the edit's point, as earlier edits left it.
func Here() Expr { return leaf(Step{Op: OpHere}) }

// Base is the value of a sweep's base run at the edit's point, or at other
// positions of the row, as many as the point selects: one list for all rows, or
// one per row.
func Base(positions ...[]int) Expr { return leaf(Step{Op: OpBase, Rows: positions}) }

// Source is the value of a sweep's source run, likewise.
func Source(positions ...[]int) Expr { return leaf(Step{Op: OpSource, Rows: positions}) }

// At is the value of an activation that this run computed earlier, at the same
// position, by its name: hook.MLPIn(3).String(). All of its heads are read.
func At(activation string) Expr { return leaf(Step{Op: OpAt, Name: activation}) }

// Tensor is a tensor of given values. Its name stands for it in errors and
// gradients; two tensors of a request with one name are the same.
func Tensor(name string, values Values) Expr {
	return leaf(Step{Op: OpTensor, Name: name, Shape: values.Shape(), Values: values.Values()})
}

// Free is a tensor that [Expr.Bind] gives later, or that a fit finds.
func Free(name string, shape ...int) Expr {
	return leaf(Step{Op: OpTensor, Name: name, Shape: shape})
}

// Number is the same number everywhere.
func Number(v float32) Expr { return leaf(Step{Op: OpNumber, Value: v}) }

// Failed is the formula of what could not be made: a check of what it is in fails with
// err, so that functions that give edits need not give errors too.
func Failed(err error) Expr { return leaf(Step{Op: OpFailed, Name: err.Error()}) }

// Call is the value of the Go graph function of that name, of this process; package
// graphfn makes them.
func Call(name string, args ...Expr) Expr { return of(Step{Op: OpCall, Name: name}, args...) }

// Bind gives the free tensors of that name values. A formula without them is
// as it was.
func (e Expr) Bind(name string, values Values) Expr {
	e.Steps = slices.Clone(e.Steps)
	for i, s := range e.Steps {
		if s.Op == OpTensor && s.Name == name && s.Values == nil {
			e.Steps[i].Shape, e.Steps[i].Values = values.Shape(), values.Values()
		}
	}
	return e
}

func leaf(s Step) Expr { return Expr{[]Step{s}} }

// of is a step computed from the values of other formulas, which are joined.
func of(s Step, args ...Expr) Expr {
	var joined []Step
	for _, e := range args {
		at := make([]int, len(e.Steps)) // of its steps among the joined ones
		for i, step := range e.Steps {
			step.Args = slices.Clone(step.Args)
			for k, a := range step.Args {
				step.Args[k] = -1 // Check finds it
				if a >= 0 && a < i {
					step.Args[k] = at[a]
				}
			}
			joined, at[i] = add(joined, step)
		}
		if len(e.Steps) == 0 {
			s.Args = append(s.Args, -1)
			continue
		}
		s.Args = append(s.Args, at[len(at)-1])
	}
	joined, last := add(joined, s)
	if last != len(joined)-1 { // the value must be the last step
		joined = append(joined, joined[last])
	}
	return Expr{joined}
}

// add is the steps with one more, or as they are if it is there already.
func add(steps []Step, s Step) ([]Step, int) {
	if i := slices.IndexFunc(steps, s.equal); i >= 0 {
		return steps, i
	}
	return append(steps, s), len(steps)
}

func (s Step) equal(t Step) bool {
	return s.Op == t.Op && s.Name == t.Name && math.Float32bits(s.Value) == math.Float32bits(t.Value) && s.Count == t.Count &&
		slices.Equal(s.Args, t.Args) && slices.Equal(s.Index, t.Index) && slices.Equal(s.Shape, t.Shape) &&
		slices.EqualFunc(s.Rows, t.Rows, slices.Equal) && same(s.Values, t.Values)
}

// same tells whether two tensors are one in memory.
func same(a, b []float32) bool {
	return len(a) == len(b) && (len(a) == 0 || &a[0] == &b[0])
}
