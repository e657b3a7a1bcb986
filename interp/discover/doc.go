// Package discover finds circuits: the parts of a model that do a task.
//
//	s := &discover.Search{Model: m, Task: ioi.Task}
//	scores := nb.Must(s.Scores(discover.Scoring{Method: discover.InputsIG}))
//	nb.Show(nb.Must(s.Judge(scores, discover.Judgement{}))) // how good circuits of every size are
//	nb.Show(nb.Must(s.Doubt(scores, discover.Doubt{})))     // and how far to trust one
//	best := nb.Must(scores.Best(200, graph.Signed))
//	nb.Show(plotting.Circuit(circuit.OfSet(best, scores.Array)))
//
// # Overview
//
// A [Search] is a task on a model. All of its methods find edges of one graph,
// package graph's:
//
//	Scores  every edge by gradients (EAP, EAP-IG, RelP and others, see [Method]) or cut by itself
//	ACDC    edge after edge is removed
//	Masks   shares that are kept are learned (subnetwork probing, edge pruning, UGS, MAttr)
//	Nodes   the same gradients for heads, MLPs, coordinates and neurons; HISP
//	Spans   for edges at named positions, and across them inside heads (PEAP)
//
// [Search.Judge] runs circuits of growing size, [Search.Doubt] says how far to trust
// one. [Flows] needs no task: it finds from where each state of the residual stream
// came, and the routes along which it did.
//
// [Trace] goes back from the logits by path patching, for any task: first the heads
// whose own path to the logits matters, then those that matter to them, and so on.
// What it finds is a [circuit.Circuit], which package circuit tests. A [Walk] is
// what such searches are made of: it patches paths between heads and says which of
// them matter.
//
// # Conventions
//
// Scores of edges are changes of the metric, to first order or measured, when the
// edge is cut: negative where it falls. Gradients are those of the mean over
// prompts, without a further division by their number as in EAP-IG's program, and
// scores of single prompts are kept.
//
// Effects of paths, in the map of a [Step] as of the edges of a circuit, are in
// percent of the metric and say what the path does for it: above 0 where the metric
// falls when the path is patched. Wang et al. draw the change, which has the other
// sign.
//
// # What methods miss
//
//   - An OR gate, such as a mover and its backup, loses nothing by a single cut: [Exact]
//     and [EAP] score both inputs 0, [Search.ACDC] keeps one, which one by the order. Runs
//     on the way ([InputsIG], [MaskIG]) see both.
//   - A softmax that is sure passes no gradient: EAP, [RelP] and [CleanCorrupted] score
//     0 what tells a sure head where to look. Integrated gradients and cuts do not.
//   - Heads that lower the metric look like harm to the metric; the divergence keeps them.
//     It has no gradient in the clean run and is refused there.
//   - [Proximity] knows no task, and says the same of a head's query, key and value.
//   - Masks that pay for each edge keep one input of an OR gate, and nothing where the
//     price of a circuit is more than the metric that it saves.
//   - [MAttr] learns from runs in which every edge is partly cut. There a match of a sure
//     head, which is a product of what tells its query and its key, is worth nothing or
//     does harm, and the edges that tell keys rank below those that do nothing.
//   - [EdgePruning] ranks little beyond the share that it leaves open. Of gates that are
//     closed for good the scores are all 0; the mask of [Learned.Fit] says how far.
//   - Masks by a metric may find what raises it above the model's, such as a negative head
//     that is not told whom to look at. The divergence asks for the model's own edges.
//
// # Invariants
//
//   - Scores that have no gradient to stand on, prompts of unequal length and the like
//     are refused before anything runs.
//   - ACDC's batches change no edge: they are those of one removal after another.
//   - What is drawn is drawn from a seed.
package discover
