// Package patch proves what parts of a model do by changing them and measuring
// what happens. Each verb is a struct of settings and a function of the model,
// the task (its prompts and a metric):
//
//	Activations  put activations of one run into another: which places carry what differs?
//	Ablations    take parts away: what does the metric need?
//	Paths        send what a part writes along chosen paths: which part tells which?
//	Tracing      spoil an embedding with noise and put parts back
//	Attribution  estimate all of it from one gradient, and check that
//
// and short functions for what is asked most: [Residual], [ByKind], [HeadOutputs],
// [HeadsByPosition], [Blocks], [HeadParts], [KnockOut].
//
//	grid := nb.Must(patch.Residual(m, ioi))
//	nb.Show(plotting.Heatmap(grid))
//
// A task is what package task makes, or plain prompts with a metric: task.Pairs.
// [Parts] say which parts are walked: kinds of activations, layers, heads, neurons,
// positions by number or by name, sets of parts. The axes of the [Effects] that
// come out follow from it.
//
// # Conventions
//
// Prompts are paired row by row, and paired rows are equally long. Rows of one
// batch need not be: a position that a row does not have is NaN for that row and
// does not count in the mean.
//
// Every verb is made of a [model.Sweep], which its method Sweep gives and its
// method Explain costs, without running it. Effects keep the metric of every
// prompt: [Effects.In] puts them on another scale, and [Effects.Interval] gives
// their intervals over prompts, without another run.
//
// A part whose change moves the metric matters here, on these prompts. A part
// whose change moves nothing may still matter: others can stand in for it, or
// the metric may not see what it does.
package patch
