// Package formula writes what an edit computes: a rotation swap, a dictionary
// steered, a steering vector as long as the activation.
//
// A formula is an [Expr], a value made of others, from left to right:
//
//	x, s := formula.Here(), formula.Source()
//	R := formula.Tensor("R", rotation)             // [d_model, k], orthonormal columns
//	das := x.Add(s.Sub(x).Dot(R).Dot(R.Transpose())) // the source's k coordinates, the base's rest
//
// It becomes an edit by hook.Point.Compute. Expressions are plain data: they
// cross to a model host, are hashed, and are checked before anything runs.
//
// # Shapes
//
// A formula is computed at each position of each row by itself. A value is what
// stands at one position: [d_model] of a residual stream, [head, d_head] of z,
// [head, key] of an attention pattern, whose position is the query. Of heads and
// coordinates that the edit's point selects, only these are seen. Tensors have
// their own shapes.
//
// Shapes broadcast as in numpy: aligned at the last axis, axes of length 1
// repeated. Reductions, softmax, top-k and the selection of coordinates work
// along the last axis; reductions keep it, with length 1.
//
// # What a formula reads
//
// [Here] is the activation as earlier edits left it. [At] is an activation that
// this run computed earlier at the same position. [Base] and [Source] are the
// values of a sweep's base and source run there. [Tensor] is given values,
// [Free] a tensor that is bound later, or found by a fit.
//
// # Labels
//
// [Expr.As] labels a value. A labelled value of an edit is a hook point of its
// own, hook.Point.Label, that can be captured and differentiated as any other:
// the features of a dictionary, the logits of a probe. [Expr.With] computes such
// a value beside what the formula is.
//
// # What there is no operation for
//
// In a program that links the engine, package graphfn makes an operation of a Go
// function that builds a graph. Such a formula does not leave its process.
package formula
