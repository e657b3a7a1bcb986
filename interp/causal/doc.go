// Package causal says what a model computes as a small causal model, and tests whether
// it does: causal abstraction.
//
//	m := nb.Must(model.Open("zoo:equality"))
//	data := nb.Must(causal.HierarchicalEquality().Data(m, 200, 1))
//	align := causal.Alignment{"first pair": {{Point: hook.MLPPost(0).Coord(0, 1, 2, 3), At: data.End()}}}
//	nb.Show(nb.Must(causal.Interchange{Alignment: align}.Test(m, data)))
//
// A causal [Model] is variables with few values, each a function of its parents. An
// [Alignment] says where in the transformer each variable should be held. The test is
// the interchange intervention: run a base input, put the aligned activations in as
// they are on a source input, and see whether the answer becomes what the causal model
// says when its variable is taken from the source. The share of pairs where it does is
// the interchange intervention accuracy.
//
// Where the place is not known, [Grid] tries all layers and positions, and [DAS] finds
// directions in an activation that hold the variable, [DAS.Sites] at many places.
//
// # What accuracy does not show
//
// DAS fits anything: with enough directions, arbitrary labels and untrained models
// reach high accuracy on the pairs that it was fitted to. So its pairs are split by
// their inputs, accuracy is of held-out ones, and the controls run beside it unless they
// are switched off.
package causal
