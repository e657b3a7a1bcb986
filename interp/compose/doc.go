// Package compose reads circuits off the weights, without running anything: the
// OV and QK circuits of a head ([OV], [QK]), whether it copies
// ([EigenvalueCopying]), and which head feeds which ([Composition]).
//
// W_OV = W_V W_O and W_QK = W_Q W_Kᵀ are never formed: the model multiplies the
// factors in the cheapest order, and only what is small comes back.
//
// Weights are used as the model holds them. With norms not folded
// (model.Processing), the norm's weights between two matrices are left out, as
// TransformerLens leaves them out; open the model and call Process first to
// have them in.
//
// What weights could do is not what they do: a large composition score does not
// show that the path is used on any input.
package compose
