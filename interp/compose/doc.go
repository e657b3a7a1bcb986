// Package compose reads circuits off the weights, without running anything: the
// OV and QK circuits of a head ([OV], [QK]), whether it copies
// ([EigenvalueCopying]), and which head feeds which ([Composition]).
//
// W_OV = W_V W_O and W_QK = W_Q W_Kᵀ are never formed: the model multiplies the
// factors in the cheapest order, and only what is small comes back.
//
// Weights are used as the model holds them. With norms not folded
// (model.Processing), the weights of the norms in front of a matrix are left
// out, as TransformerLens leaves them out; open the model and call Process
// first to have them in. The weight of a norm behind the attention (Gemma 2 and
// 3, OLMo 2) belongs to W_O; its divisor, which depends on the input, is left
// out.
//
// Where query heads share keys and values, each is taken with the key-value head
// that it reads. Rotary positions are left out: a QK circuit is that of a token
// with its own position. So are soft caps of scores. Where queries and keys are
// normed (Qwen 3, Gemma 3, OLMo 2), no matrix gives the scores, and QK circuits
// and Q- and K-composition are refused.
//
// What weights could do is not what they do: a large composition score does not
// show that the path is used on any input.
package compose
