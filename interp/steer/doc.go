// Package steer has directions and subspaces of activations as values: found from
// examples or by a fit, added, taken out, put in from another run, saved.
//
//	d := nb.Must(steer.MeanDifference(m, hook.ResidPost(6).At(-1), happy, sad))
//	g := nb.Must(m.Complete(text.Complete(20).Edit(d.Add(4))))
//
// A [Direction] has a length and a sign: it can be added. A [Subspace] has neither:
// what lies in it can be taken out, or exchanged for another run's. Both belong to a
// hook point, and are applied where that point is, at every position or at some.
//
// They are found by differences of means, by principal components ([PCA]), by
// [LEACE], from pairs of answers ([Contrast], contrastive activation addition), by
// fits (packages probe and causal), or given ([NewSubspace], [NewDirection]).
package steer
