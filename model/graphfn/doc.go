// Package graphfn makes edits of Go functions that build graphs, in programs that link
// the engine: what package formula has no operation for, written with GoMLX.
//
//	cube := graphfn.New("cube", func(in []*graph.Node) *graph.Node {
//		return graph.Mul(in[0], graph.Mul(in[0], in[0]))
//	})
//	edit := hook.MLPPost(3).Compute(cube(formula.Here()))
//
// A function is one more operation of formulas. What it is given are formulas: the
// activation ([formula.Here]), the base or the source run's, activations computed
// before, tensors; so the engine knows what it reads, and it works wherever a formula
// does: in a run, a sweep, a generation, a fit, with gradients through it and to its
// tensors, its value labelled and captured.
//
// # Shapes
//
// Values of positions come as [place, ...], where ... is what stands at one position,
// [d_model] of a residual stream or [head, d_head] of z, and a place is one position of
// one row; tensors come as they are. The value begins with the same axis. A function
// must treat places alike and apart: how many there are, and of which rows, changes
// from call to call. What it may not be given is an error before anything runs, with
// what the graph library says.
//
// # Where it runs
//
// A function is code of this process. An ask with one is an error where the model is
// in a model host or work is dealt to a cluster: there, write a formula. Cells, which
// link no graph library, do so anyway.
//
// # Names
//
// The name stands for the function in errors, in compiled graphs and in the hash of
// what is asked. Two functions of one name are kept apart by a number, so make each
// once, in a variable, and not in a loop.
package graphfn
