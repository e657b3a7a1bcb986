// Package discover finds circuits: the parts of a model that do a task.
//
//	c := nb.Must(discover.Trace(m, ioi.Task, discover.TraceOptions{}))
//	nb.Show(plotting.Circuit(c))
//	test := circuit.Test{Model: m, Task: ioi.Task}
//	nb.Show(nb.Must(test.Faithfulness(c.Circuit)))
//
// # Overview
//
// [Trace] goes back from the logits by path patching, for any task: first the heads
// whose own path to the logits matters, then those that matter to them, and so on.
// What it finds is a [circuit.Circuit], which package circuit tests. A [Walk] is
// what such searches are made of: it patches paths between heads and says which of
// them matter.
//
// # Conventions
//
// Effects of paths are in percent of the metric. In the map of a [Step] they are
// changes, as Wang et al. print them: negative where the metric falls when the path
// is patched. An edge's effect has the other sign: what the path does for the
// metric.
package discover
