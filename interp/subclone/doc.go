// Package subclone makes a smaller model, a child, out of the most important parts
// of a trained one: a better place to begin training from than random weights.
//
//	size := nb.Must(subclone.Measure(m, rows))
//	part := nb.Must(size.Part(subclone.Shape{Layers: 3, DModel: 32, Heads: 2}))
//	nb.Must(m.Save("child", model.Rewrite{Part: part}))
//
// What is important is how large its activations are over a corpus: of a
// coordinate of the residual stream the mean size over tokens and layers, one
// order for all layers, since they share it; of a head what it writes; of a neuron
// its activation. Blocks are dropped from the middle, or repeated there, as they
// change the stream least. Matrices are scaled by the root of the share of their
// inputs that is left.
//
// Source: Samragh et al. 2023, "Weight subcloning: direct initialization of
// transformers using larger pretrained ones". The formula of the scale was not
// read there: it is what keeps the standard deviation of a sum of independent
// inputs.
package subclone
