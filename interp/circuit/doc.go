// Package circuit finds the parts of a model that do a task, and tests whether
// they do.
//
//	c := nb.Must(circuit.IOI(m, ioi, circuit.IOIOptions{}))   // or circuit.Trace, for any task
//	nb.Show(plotting.Circuit(c))
//	nb.Show(nb.Must(circuit.Faithfulness(m, ioi.Task, c.Circuit, circuit.Settings{})))
//
// # Overview
//
// A [Circuit] is a value: heads and MLPs, where in the text each belongs to it,
// what class it is of, and edges between them. It is printed as a table, saved
// as JSON ([Circuit.Save], [Load]), compared with another ([Circuit.Compare]),
// and is what plotting.Circuit draws.
//
// It is found by path patching: [Trace] goes back from the logits for any task,
// [IOI] looks for the classes of heads that Wang et al. 2022 found, and labels
// them. What heads of a circuit do is looked at with [Attention],
// [OutputOnNames], [CopyScore] and [Signals].
//
// It is tested by knocking out all else, in three ways:
//
//	Faithfulness   does the circuit alone do the task?      F(C) against F(M)
//	Completeness   does it lack what the model has?         F(C\K) against F(M\K)
//	Minimality     does each of its nodes do something?     F(C\(K+v)) against F(C\K)
//
// F is the mean of the task's metric, M the model, C the circuit, K a set of its
// nodes; X\K is X without K.
//
// # Conventions
//
// The settings of a knock-out are an [Ablation], which is part of every result,
// printed with it, and has the choices of Wang et al. as its zero value: heads
// outside of the circuit are replaced everywhere, and those of the circuit where
// they do not belong to it, by their mean at that position over the corrupted
// prompts of the same template. Only the nodes of K are replaced at their own
// positions in the model, and everywhere in the circuit.
//
// With [HeadEdges] or [Edges] single edges are cut: what a part reads of a sender
// that it has no edge from is the same mean, while other parts read what that
// sender writes in this run. Nodes are needed all the same, as the senders and
// where they belong to the circuit. A circuit with all edges between its nodes is
// the circuit of its nodes.
//
// Effects of paths are in percent of the metric. In a step's map of heads they
// are changes, as the paper prints them: negative where the metric falls when
// the path is patched. An edge's effect has the other sign: what the path does
// for the metric.
//
// Intervals are 95% by bootstrap over prompts, the same draws for all sides of a
// comparison.
//
// # Invariants
//
//   - Means never mix templates, nor rows of different lengths.
//   - A circuit of all parts has the metric of the model.
//   - Path patching from the last layer is activation patching.
//   - Everything but runs with cut edges goes as sweeps: what a variant does not
//     change is not run again.
package circuit
