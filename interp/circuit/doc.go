// Package circuit tests whether some parts of a model do a task.
//
//	c := nb.Must(discover.Trace(m, ioi.Task, discover.TraceOptions{}))
//	test := circuit.Test{Model: m, Task: ioi.Task}
//	nb.Show(nb.Must(test.Faithfulness(c.Circuit)))
//
// # Overview
//
// A [Circuit] is a value: heads and MLPs, where in the text each belongs to it,
// what class it is of, and edges between them. It is printed as a table, saved
// as JSON ([Circuit.Save], [Load]), compared with another ([Circuit.Compare]),
// and is what plotting.Circuit draws. Package discover finds circuits.
//
// A [Test] knocks out all else, in three ways:
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
// [Settings] are part of every result, printed with it, and have the choices of
// Wang et al. as their zero value: heads outside of the circuit are replaced
// everywhere, and those of the circuit where they do not belong to it, by their
// mean at that position over the corrupted prompts of the same template. Only the
// nodes of K are replaced at their own positions in the model, and everywhere in
// the circuit.
//
// With [HeadEdges] or [AllEdges] single edges are cut: what a part reads of a sender
// that it has no edge from is the same mean, while other parts read what that
// sender writes in this run. Nodes are needed all the same, as the senders and
// where they belong to the circuit. A circuit with all edges between its nodes is
// the circuit of its nodes.
//
// An edge's effect is what the path does for the metric, in percent of it.
//
// Intervals are 95% by bootstrap over prompts, the same draws for all sides of a
// comparison.
//
// # Invariants
//
//   - Means never mix templates, nor rows of different lengths.
//   - A circuit of all parts has the metric of the model.
//   - Everything but runs with cut edges goes as sweeps: what a variant does not
//     change is not run again.
package circuit
