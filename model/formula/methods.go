package formula

// Add is e + f.
func (e Expr) Add(f Expr) Expr { return of(Step{Op: OpAdd}, e, f) }

// Sub is e - f.
func (e Expr) Sub(f Expr) Expr { return of(Step{Op: OpSub}, e, f) }

// Mul is e × f, value by value; [Expr.Dot] is the matrix product.
func (e Expr) Mul(f Expr) Expr { return of(Step{Op: OpMul}, e, f) }

// Div is e ÷ f.
func (e Expr) Div(f Expr) Expr { return of(Step{Op: OpDiv}, e, f) }

// Scale is e times a number.
func (e Expr) Scale(by float32) Expr { return e.Mul(Number(by)) }

// Max is the larger of e and f.
func (e Expr) Max(f Expr) Expr { return of(Step{Op: OpMax}, e, f) }

// Min is the smaller of e and f.
func (e Expr) Min(f Expr) Expr { return of(Step{Op: OpMin}, e, f) }

// Greater is 1 where e > f, else 0. It has no gradient; see [Expr.GreaterSoft].
func (e Expr) Greater(f Expr) Expr { return e.GreaterSoft(f, 0) }

// GreaterSoft is [Expr.Greater] with a gradient, for fits: that of a ramp as wide
// as the bandwidth around f, with respect to f alone (a straight-through
// estimator with a rectangular kernel).
func (e Expr) GreaterSoft(f Expr, bandwidth float32) Expr {
	return of(Step{Op: OpGreater, Value: bandwidth}, e, f)
}

// Where is a where e is not 0, else b.
func (e Expr) Where(a, b Expr) Expr { return of(Step{Op: OpWhere}, e, a, b) }

// Dot is the matrix product with a tensor W along the last axis: [..., n] with
// W [n, m] is [..., m]; with a vector W [n] it is [..., 1]; with one matrix for
// each head, W [head, n, m], [head, n] becomes [head, m].
func (e Expr) Dot(W Expr) Expr { return of(Step{Op: OpDot}, e, W) }

// Transpose exchanges the last two axes of a tensor.
func (e Expr) Transpose() Expr { return of(Step{Op: OpTranspose}, e) }

// Flatten joins the last two axes, as [head, d_head] to [head*d_head].
func (e Expr) Flatten() Expr { return of(Step{Op: OpFlatten}, e) }

// Split cuts the last axis into equal parts, as [head*d_head] to [head, d_head].
func (e Expr) Split(parts int) Expr { return of(Step{Op: OpSplit, Count: parts}, e) }

// Select is the coordinates of the last axis, in the order given.
func (e Expr) Select(coords ...int) Expr { return of(Step{Op: OpSelect, Index: coords}, e) }

// Put is e with the coordinates set to those of f, in the order given: to number
// i of f goes coords[i].
func (e Expr) Put(f Expr, coords ...int) Expr { return of(Step{Op: OpPut, Index: coords}, e, f) }

// Neg is -e.
func (e Expr) Neg() Expr { return of(Step{Op: OpNeg}, e) }

// Abs is the absolute value.
func (e Expr) Abs() Expr { return of(Step{Op: OpAbs}, e) }

// Sqrt is the square root.
func (e Expr) Sqrt() Expr { return of(Step{Op: OpSqrt}, e) }

// Exp is e to the power of the value.
func (e Expr) Exp() Expr { return of(Step{Op: OpExp}, e) }

// Log is the natural logarithm.
func (e Expr) Log() Expr { return of(Step{Op: OpLog}, e) }

// ReLU is max(e, 0).
func (e Expr) ReLU() Expr { return of(Step{Op: OpReLU}, e) }

// GELU is the exact GELU, by the error function.
func (e Expr) GELU() Expr { return of(Step{Op: OpGELU}, e) }

// GELUNew is GPT-2's approximation of GELU, by tanh.
func (e Expr) GELUNew() Expr { return of(Step{Op: OpGELUNew}, e) }

// SiLU is e times its sigmoid.
func (e Expr) SiLU() Expr { return of(Step{Op: OpSiLU}, e) }

// Tanh is the hyperbolic tangent.
func (e Expr) Tanh() Expr { return of(Step{Op: OpTanh}, e) }

// Sigmoid is 1/(1+exp(-e)).
func (e Expr) Sigmoid() Expr { return of(Step{Op: OpSigmoid}, e) }

// Softplus is log(1+exp(e)), and its gradient the sigmoid, also where exp(e) is no
// number: of odds e, it is minus the log probability of "no".
func (e Expr) Softplus() Expr { return of(Step{Op: OpSoftplus}, e) }

// LogSigmoid is the logarithm of the sigmoid, with a gradient where that of
// e.Sigmoid().Log() is none. log(1-sigmoid(e)) is e.Neg().LogSigmoid().
func (e Expr) LogSigmoid() Expr { return e.Neg().Softplus().Neg() }

// Jump is e where e > threshold, else 0. The threshold has no gradient; see
// [Expr.JumpSoft].
func (e Expr) Jump(threshold Expr) Expr { return e.JumpSoft(threshold, 0) }

// JumpSoft is [Expr.Jump] with a gradient for the threshold t, for fits:
// -t/bandwidth where |e - t| < bandwidth/2 (a straight-through estimator with a
// rectangular kernel).
func (e Expr) JumpSoft(threshold Expr, bandwidth float32) Expr {
	return of(Step{Op: OpJump, Value: bandwidth}, e, threshold)
}

// Softmax is the softmax along the last axis.
func (e Expr) Softmax() Expr { return of(Step{Op: OpSoftmax}, e) }

// TopK keeps the k largest along the last axis and sets the rest to 0. Of equal
// ones the first are kept.
func (e Expr) TopK(k int) Expr { return e.TopMask(k).Where(e, Number(0)) }

// TopMask is 1 at the k largest along the last axis, else 0. It has no gradient.
func (e Expr) TopMask(k int) Expr { return of(Step{Op: OpTopMask, Count: k}, e) }

// Sum is the sum along the last axis, which is kept with length 1, as in all
// reductions.
func (e Expr) Sum() Expr { return of(Step{Op: OpSum}, e) }

// Mean is the mean along the last axis.
func (e Expr) Mean() Expr { return of(Step{Op: OpMean}, e) }

// Largest is the maximum along the last axis.
func (e Expr) Largest() Expr { return of(Step{Op: OpLargest}, e) }

// Norm is the Euclidean norm along the last axis. Its gradient at the zero vector
// is zero.
func (e Expr) Norm() Expr { return of(Step{Op: OpNorm}, e) }

// Stop is e as a constant: no gradient goes through it.
func (e Expr) Stop() Expr { return of(Step{Op: OpStop}, e) }

// As labels the value, so that it can be captured and differentiated at the
// edit's point under this name.
func (e Expr) As(label string) Expr {
	if n := len(e.Steps); n > 0 && e.Steps[n-1].Op == OpLabel && e.Steps[n-1].Name == label {
		return e
	}
	return of(Step{Op: OpLabel, Name: label}, e)
}

// With is e, beside which f is computed too, for the labels in it.
func (e Expr) With(f Expr) Expr { return of(Step{Op: OpWith}, e, f) }
