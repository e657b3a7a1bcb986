// Package ioi replicates "Interpretability in the Wild" (Wang et al. 2022): it
// finds the circuit of indirect object identification by the classes of heads that
// the paper found, looks at what such heads do, and holds the numbers against the
// paper's.
//
//	found := nb.Must(ioi.Find(m, prompts, ioi.Options{}))  // prompts by task.IOI
//	nb.Show(plotting.Circuit(found))
//
// [Find] labels heads with the classes; what they do is looked at with
// [OutputOnNames], [CopyScore] and [Signals]. [GPT2] is the published circuit,
// [PaperNumbers] what the paper prints, and [Planted] the circuit of the hand-made
// model zoo:ioi-planted. For a task of another kind, or a model that does it in
// another way, see package discover.
package ioi
