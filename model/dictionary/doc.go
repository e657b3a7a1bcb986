// Package dictionary computes what a sparse dictionary does, and learns one: sparse
// autoencoders and transcoders, in float32, without a model.
//
// A [Coder] holds the tensors. With rows x [n, d_in] it computes
//
//	c    = norm(x) - b_dec                            (b_dec only if Centre)
//	pre  = c W_enc + b_enc                            [n, feature]
//	f    = act(pre)                                   by Kind
//	xhat = norm⁻¹(f W_dec + b_dec) + x W_skipᵀ        [n, d_out]
//
// A [Trainer] makes steps on rows. Its losses and defaults are those of SAELens
// 6.54; [Settings] says where it offers more. Only the encoder's product is always
// dense: what is decoded, and every gradient, costs what is active.
package dictionary
