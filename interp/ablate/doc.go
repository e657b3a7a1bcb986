// Package ablate takes parts of a model away: it finds what takes their place and
// makes the edits that put it there. Knock-outs of single parts and tests of whole
// circuits are made of it.
//
//	edits := nb.Must(ablate.Ablation{Value: ablate.Mean}.Edits(m, ioi, hook.Z(9).Head(6)))
//	off := nb.Must(m.Run(ioi.Clean.Edit(edits...).Metric(ioi.Metric)))
//
// # Conventions
//
// An [Ablation] is a [Value] and the [Reference] that the value is taken from. Its
// zero value is that of Wang et al. 2022: the mean at each position over the
// task's corrupted prompts of the same template. How much a part seems to matter
// depends on this choice, so it is named in every result.
//
// # Invariants
//
//   - Means never mix templates (but [PositionMean] and [Mean], which say so), nor
//     rows of different lengths (but [Mean]).
//   - A mean at each position over the clean prompts, which would keep what they
//     have in common there, is an error unless they are given as the reference.
//   - The same seed draws the same prompts.
package ablate
