// Package interp finds out what parts of a transformer do. The analyses are in
// its folders, one question each:
//
//	task     prompts on which to find out: IOI and others, with the places of
//	         their tokens, their corruptions and their metrics
//	heads    what does each head attend to, and what does it copy?
//	compose  which weights feed which: OV and QK circuits, composition
//	lens     what does the residual stream say about the answer so far, and
//	         which component said it?
//	steer    which directions of an activation hold something, and what do they do?
//	probe    what can be read off an activation, and who made it up?
//	causal   does a small causal model say what the transformer computes?
//	ablate   what takes the place of a part that is taken away?
//	patch    what breaks when a part is changed?
//	graph    which part can read which?
//	circuit  which parts do a task together, and do they do it alone?
//	discover how are they found?
//	ioi      the first circuit that was published, found again
//
// This package has what they share: a [Result], intervals by [Bootstrap], and
// the walk over a model's checkpoints.
//
// # Conventions
//
// An analysis is a function of a *model.Model, the data, and a struct of
// settings whose zero values are said at each field. It returns a *[Result],
// whose axes have names and labels, so that it can be printed or plotted as it
// is, and which says how it came about.
//
// Every analysis says in its comment what it measures, what it does not show,
// what it costs in passes (a pass is one forward run of the batch), and where
// it was published. Vectors are rows: q = x W_Q, W_OV = W_V W_O,
// W_QK = W_Q W_Kᵀ.
//
// # Invariants
//
// An analysis changes neither the model nor its arguments, runs only requests
// that a [model.Runner] checks, and gives the same numbers in a notebook, a
// test and a program. What is drawn at random is drawn from a seed in the
// settings.
package interp
