// Package lens reads the residual stream in the model's own terms: what the
// prediction would be if the model stopped at a layer ([Logit]), and which
// component's output moves a logit by how much ([Attribution]).
//
// Both see only the direct way from a component to the logits. What a component
// does by being read by later ones is not shown; package patch shows that.
package lens
