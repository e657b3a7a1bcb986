// Package model opens a transformer and runs it with its inside in view:
// activations captured, edited and differentiated by name.
//
//	m := nb.Must(model.Open("zoo:induction"))
//	text := m.Tokens("the cat sat the cat")
//	run := nb.Must(m.Run(text.Capture(hook.Pattern(1))))
//	fmt.Println(run.At(hook.Pattern(1)).Pick("head", 0))
//
// # One way to run
//
// Everything is a [Request]: rows of tokens, hook points to capture, edits to
// make, metrics to read and gradients to take. Requests are plain data. They
// are checked before anything runs, they cross to the model host of a notebook
// kernel, they are hashed by their content to know what was answered already,
// and their provenance is part of the [Result]. [Model.ExplainRun] says
// beforehand what one costs.
//
// A [Runner] does what is asked, a request or another [Ask]. There are two: in
// this process, or a client of the model host whose socket is named by
// GOLENS_SOCKET, where a model stays resident while notebook cells come and go.
// [Open] picks; the code that uses the [Model] is the same. Long lists of values
// travel to the host once and are known there by the hash of their content.
//
// # Many ways to run
//
// A [Sweep] is one batch and many variants of it, each a list of edits: every
// head patched, every position ablated. [Model.Sweep] gives the metrics of every
// variant [variant, batch] and runs only what each changes; [Model.Explain] says
// beforehand what that is and costs. Edits may take their values from the base
// run (hook.Point.Freeze) or from a second batch (hook.Point.FromSource), so
// that patching carries no values:
//
//	s := model.Sweep{Base: corrupted.Metric(diff), Source: clean.Request()}
//	for h := range 12 {
//		s.Variants = append(s.Variants, model.Variant{Edits: []hook.Edit{hook.Z(9).Head(h).FromSource()}})
//	}
//
// # Edges
//
// [Subgraphs] are runs in which edges are cut: of the parts that write to the
// residual stream to the queries, keys, values and MLPs that read it, whole or by
// shares, against a reference run. [EdgeScores] estimates for all edges at once
// what a cut would change, by gradients, or by how much of it is cut already; a
// [Fit] learns what to cut:
//
//	edges := nb.Must(m.Edges())
//	cut := edges.Cut("without 0.1 to 1.3's keys")
//	edges.Add(cut, edges.Receiver(hook.KInput(1).Head(3)), edges.Sender(hook.HeadResult(0).Head(1)))
//	r := nb.Must(m.Subgraphs(model.Subgraphs{Base: clean.Metric(diff), Reference: model.Reference{Source: corrupted.Request()}, Cuts: []edge.Cut{cut}}))
//
// # Formulas
//
// An edit may compute: [hook.Point.Compute] takes a formula of package formula over
// the activation, others that the run computed before it, the base and the source
// run's, and tensors, which travel once. A labelled value of a formula is a hook
// point of its own ([hook.Point.Label]): a dictionary's features are captured,
// edited and differentiated as heads are. In a program that links the engine, package
// graphfn makes an operation of formulas of a Go function that builds a graph.
//
// [Fit] finds tensors of formulas that make a metric small, with the model frozen:
// rotations, masks, translators, probes, directions. [Model.FitOver] takes a stream of rows.
//
// # Corpora
//
// A [Tally] reduces activations over rows to counts, moments, histograms,
// covariances and the largest values, on the host; [Model.TallyOver] walks over a
// corpus of any length, and goes on after a cut. Package tally says what can be
// kept.
//
// # Saving
//
// [Model.Save] writes a model, changed or not, as a folder that opens here and in
// Hugging Face: a circuit cut out, models merged, a direction written into the
// weights ([Rewrite]).
//
// # Memory
//
// The matrices of blocks of a GGUF file, and of others with [WeightsEnv] set to
// "published", stay as they lie on disk, and a block's become float32 while it
// runs; the numbers are the same. [Model.ExplainRun] says how much is float32.
//
// # Generation
//
// A [Generation] continues prompts, greedily or by draws at a temperature, with
// edits active and activations read on the way. Keys and values are kept, so
// that each position is computed once, and an edit is made where and when its
// position is computed:
//
//	text := m.Tokens("The cat sat. The cat")
//	g := nb.Must(m.Complete(text.Complete(20).Sample(0.8, 1).Edit(hook.Z(1).Head(3).Zero())))
//	fmt.Println(g)
//
// [Model.Generate] is the greedy one in a line.
//
// # Axis glossary
//
//	batch     rows of a request, one prompt each
//	pos       position in a row; also query and key in attention
//	query     position that attends
//	key       position that is attended to
//	head      attention head
//	d_model   width of the residual stream
//	d_head    width of a head's query, key, value or z
//	d_mlp     neurons of an MLP
//	vocab     entries of the vocabulary
//	layer     block
//	variant   one of many edited runs of the same batch
//
// Axes of length 1 named scale hold the divisor of a norm. Results are padded
// to the longest row; values past a row's end are NaN. Negative positions count
// from the end of each row.
//
// # Weight processing
//
// Weights are used as they are. [Model.Process] gives a second view of the same
// model with norms folded, writing weights centred, heads' factors W_Q W_Kᵀ and
// W_V W_O rewritten along their singular vectors, and so on ([Processing]); every
// result says under which processing it was computed.
package model
