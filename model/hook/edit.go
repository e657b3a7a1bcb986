package hook

import (
	"fmt"

	"github.com/golens/golens/model/formula"
)

// An Op is what an edit does.
type Op string

// The operations of an edit.
const (
	OpReplace Op = "replace" // x = values
	OpAdd     Op = "add"     // x = x + values
	OpScale   Op = "scale"   // x = x * factor
	OpProject Op = "project" // x = x - (x·u)u with u = values/|values|
	OpClamp   Op = "clamp"   // x = min(max(x, lo), hi)
	OpFreeze  Op = "freeze"  // x = its value in the base run of a sweep
	OpSource  Op = "source"  // x = its value in the source run of a sweep
	OpCompute Op = "compute" // x = a formula of x and of what else it reads
)

// A Tensor is values with a shape, such as an array.Array.
type Tensor interface {
	Shape() []int
	Values() []float32
}

// An Edit changes an activation during a run, at the selected part only. Edits
// of one activation apply in the order given, and what is computed after them,
// captures included, sees their result.
type Edit struct {
	Point
	Op     Op
	Shape  []int     `json:",omitempty"` // of Values
	Values []float32 `json:",omitempty"` // replace, add, project
	Factor float32   `json:",omitempty"` // scale
	Lo, Hi float32   `json:",omitzero"`  // clamp

	Formula formula.Expr `json:",omitzero"` // compute
}

// Replace puts values there. Their shape is broadcast to the selected part
// [rows, positions, heads, coordinates], in the activation's own axis order,
// as numpy does: aligned at the last axis, axes of length 1 repeated.
func (p Point) Replace(values Tensor) Edit { return p.edit(OpReplace, values) }

// Add adds values there, broadcast as in [Point.Replace].
func (p Point) Add(values Tensor) Edit { return p.edit(OpAdd, values) }

// Scale multiplies by a factor.
func (p Point) Scale(factor float32) Edit { return Edit{Point: p, Op: OpScale, Factor: factor} }

// Zero replaces by zero.
func (p Point) Zero() Edit { return p.Replace(Vec(0)) }

// ProjectOut removes the component along a direction of the last axis.
func (p Point) ProjectOut(direction Tensor) Edit { return p.edit(OpProject, direction) }

// Freeze replaces by the value that the base run of a sweep has there. No
// values travel.
func (p Point) Freeze() Edit { return Edit{Point: p, Op: OpFreeze} }

// FromSource replaces by the value that the source run of a sweep has there:
// same row, position and head. No values travel.
func (p Point) FromSource() Edit { return Edit{Point: p, Op: OpSource} }

// Compute replaces by what a formula makes of the activation and of what else it
// reads. Values labelled in it are hook points of their own, by [Point.Label].
func (p Point) Compute(f formula.Expr) Edit { return Edit{Point: p, Op: OpCompute, Formula: f} }

// Watch leaves the activation as it is and computes a formula beside it, whose
// value is then a hook point by [Point.Label].
func (p Point) Watch(label string, f formula.Expr) Edit {
	return p.Compute(formula.Here().With(f.As(label)))
}

// Clamp bounds every value.
func (p Point) Clamp(lo, hi float32) Edit { return Edit{Point: p, Op: OpClamp, Lo: lo, Hi: hi} }

func (p Point) edit(op Op, t Tensor) Edit {
	return Edit{Point: p, Op: op, Shape: t.Shape(), Values: t.Values()}
}

// Vec is a tensor of one axis.
func Vec(xs ...float32) Tensor { return vec(xs) }

type vec []float32

func (v vec) Shape() []int      { return []int{len(v)} }
func (v vec) Values() []float32 { return v }

// Sets tells whether the edit leaves nothing of what was there.
func (e Edit) Sets() bool { return e.Op == OpReplace || e.Op == OpFreeze || e.Op == OpSource }

// String names the point and the operation, without the values.
func (e Edit) String() string {
	switch e.Op {
	case OpScale:
		return fmt.Sprintf("%s scale %g", e.Point, e.Factor)
	case OpClamp:
		return fmt.Sprintf("%s clamp %g..%g", e.Point, e.Lo, e.Hi)
	case OpFreeze, OpSource:
		return fmt.Sprintf("%s %s", e.Point, e.Op)
	case OpCompute:
		return fmt.Sprintf("%s = %s", e.Point, e.Formula)
	}
	return fmt.Sprintf("%s %s %v", e.Point, e.Op, e.Shape)
}
