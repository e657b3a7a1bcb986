// Package probe asks what can be read off an activation by a simple classifier, and how
// much of that the classifier made up itself.
//
//	p := nb.Must(probe.Probe{}.Train(m, hook.ResidPost(6).At(-1), probe.Labelled{Prompts: prompts, Labels: labels}))
//	fmt.Println(p.Accuracy(), p.Control())
//	g := nb.Must(m.Complete(text.Complete(20).Edit(p.Direction.Add(4))))
//
// A [Probe] is logistic, linear (least squares) or mass-mean (the difference of the
// classes' means). Beside it stands its control task (Hewitt and Liang 2019): the same
// probe for labels that are drawn, one for each type of input. What it reaches there it
// has memorised; what it reaches beyond is its selectivity.
//
// A probe shows that something can be read, not that the model reads it. Whether it does
// is a question for an intervention: the probe's Direction can be added and taken out
// (package steer), and exchanged (package causal).
package probe
