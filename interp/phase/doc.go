// Package phase finds when something came about in training: where a measure over
// checkpoints changes fastest, how sure that is, and which of two measures changes
// first.
//
//	scores := nb.Must(interp.Checkpoints(m, prefixMatching))
//	series := nb.Must(phase.Of(scores, "prefix matching", 1, 3))
//	change := nb.Must(phase.Find(series))
//	fmt.Println(change) // step 660 (600 to 700)
//
// Training is looked at by the logarithm of the step, in which early changes are
// not squeezed together; step s is at ln(s+1), so that the initial weights have a
// place.
package phase
