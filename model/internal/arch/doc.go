// Package arch builds the graphs of a transformer: embedding, one block,
// unembedding. The block graph is the same for every layer; its weights are
// inputs.
//
// Families differ in what their config.json and tensors are called and in which
// features they switch on. Each has one file here that registers a [Family]:
// how to read the config, and where each weight is found. The graph builders
// (attention.go, mlp.go, norm.go, ends.go) read only config.Config.
//
// # Layouts
//
// Weights are held as the matrix products want them, under TransformerLens'
// names:
//
//	embed.W_E          [vocab, d_model]
//	pos_embed.W_pos    [context, d_model]
//	blocks.L.attn.W_Q  [d_model, head*d_head]   (W_K, W_V likewise)
//	blocks.L.attn.b_Q  [head*d_head]
//	blocks.L.attn.W_O  [head*d_head, d_model]
//	blocks.L.mlp.W_in  [d_model, d_mlp],  W_out [d_mlp, d_model]
//	unembed.W_U        [vocab, d_model]         (rows are tokens)
//	unembed.b_U        [vocab]
//
// A weight that a model lacks (a bias, a norm that was folded away) is absent
// from its [Params], and the graphs leave the operation out.
package arch
