// Package lens reads the residual stream in the model's own terms: what the
// prediction would be if the model stopped at a layer ([Logit]), and which
// component's output moves a logit by how much ([Attribution], by neurons [Neurons]), or
// lies along any direction of the stream ([AttributionAlong]).
//
// A [Lens] says what is read of the stream: [Plain] is it as it is; a [Tuned] lens
// translates it, by maps that were trained so that the reading comes near to what the
// model says ([Tune]); a [Jacobian] lens carries it to the end by how the end changes
// with it ([Differentiate]). [Read], [Divergence], [CrossEntropy] and [Trace] take any.
//
// All see only the direct way from a component to the logits. What a component
// does by being read by later ones is not shown; package patch shows that.
package lens
