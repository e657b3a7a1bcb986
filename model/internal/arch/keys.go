package arch

// Keys are the keys of config.json that a family reads, in the order in which it
// does.
func Keys(family string) ([]Key, error) {
	known, ok := families[family]
	if !ok {
		return nil, unknown(family)
	}
	f := newFields([]byte(`{}`))
	_, _ = known.Config(f) // without sizes, golens' own format is not whole; its keys are read all the same
	return f.order, nil
}

// Effect says in a few words what a key does, wherever it is read.
func Effect(key string) string { return effects[key] }

var effects = map[string]string{
	"vocab_size":              "rows of the embedding",
	"hidden_size":             "d_model",
	"n_embd":                  "d_model",
	"dim":                     "d_model",
	"num_hidden_layers":       "layers",
	"n_layer":                 "layers",
	"n_layers":                "layers",
	"num_layers":              "layers",
	"num_attention_heads":     "query heads",
	"n_head":                  "query heads",
	"n_heads":                 "query heads",
	"num_heads":               "query heads",
	"num_key_value_heads":     "key-value heads; null: as many as heads",
	"num_kv_heads":            "key-value heads, with new_decoder_architecture",
	"n_kv_head":               "key-value heads",
	"multi_query":             "one key-value head",
	"head_dim":                "d_head; null: d_model / heads",
	"d_head":                  "d_head",
	"intermediate_size":       "d_mlp",
	"ffn_dim":                 "d_mlp",
	"ffn_hidden_size":         "d_mlp",
	"hidden_dim":              "d_mlp",
	"n_inner":                 "d_mlp; null: 4 d_model",
	"max_position_embeddings": "context",
	"n_positions":             "context",
	"pad_token_id":            "positions begin behind this one, and one more",
	"rms_norm_eps":            "epsilon of the norms",
	"layer_norm_eps":          "epsilon of the norms",
	"layer_norm_epsilon":      "epsilon of the norms",
	"norm_epsilon":            "epsilon of the norms",
	"norm":                    "layernorm, rmsnorm or none",
	"norm_at":                 "where the norms stand",
	"hidden_act":              "activation function",
	"hidden_activation":       "activation function (Gemma 1: nothing)",
	"activation_function":     "activation function",
	"activation":              "activation function",
	"bos_token_id":            "token that begins a sequence",
	"eos_token_id":            "token that ends a sequence",
	"tie_word_embeddings":     "the unembedding is the embedding",

	"rope_theta":                       "base of the rotation",
	"rotary_emb_base":                  "base of the rotation",
	"rope_scaling":                     "how rotation is stretched: linear, dynamic, llama3, yarn, longrope",
	"rope_parameters":                  "base, share and stretch of the rotation, for all layers or by their type",
	"rope_local_base_freq":             "base of the rotation in local layers",
	"original_max_position_embeddings": "context before the stretch (longrope)",
	"partial_rotary_factor":            "share of each head that rotates",
	"rotary_pct":                       "share of each head that rotates",
	"rotary_dim":                       "coordinates of each head that rotate",
	"rotary":                           "whether positions are rotary",
	"no_rope_layers":                   "0 for layers without positions",
	"no_rope_layer_interval":           "every so-manieth layer has no positions, where no_rope_layers does not say",
	"alibi":                            "positions by a slope on the scores",
	"position_embedding_type":          "kind of positions",

	"sliding_window":              "keys that a query of a local layer sees; null: all",
	"window_size":                 "keys that a query of a local layer sees",
	"use_sliding_window":          "whether any layer is local",
	"max_window_layers":           "layers from this one on are local, where layer_types does not say",
	"sliding_window_pattern":      "every so-manieth layer is not local, where layer_types does not say",
	"_sliding_window_pattern":     "the same",
	"layer_types":                 "which layers are local",
	"attention_layers":            "which layers are local",
	"attention_types":             "which layers are local, in groups",
	"use_bidirectional_attention": "queries see later keys",

	"attention_bias":                "biases of attention (the weights show)",
	"mlp_bias":                      "biases of the MLP (the weights show)",
	"use_bias":                      "biases (the weights show)",
	"use_qkv_bias":                  "biases of queries, keys and values (the weights show)",
	"bias":                          "biases (the weights show)",
	"enable_bias":                   "biases",
	"use_parallel_residual":         "attention and MLP read the same stream",
	"parallel_attn":                 "attention and MLP read the same stream",
	"new_decoder_architecture":      "groups of heads share keys; two norms in parallel",
	"num_ln_in_parallel_attn":       "norms of a parallel block",
	"qk_layernorm":                  "norms of queries and keys",
	"use_qk_norm":                   "norms of queries and keys",
	"do_layer_norm_before":          "norms in front of sublayers; false: on their sums, and no final norm",
	"_remove_final_layer_norm":      "no final norm",
	"layer_norm_elementwise_affine": "norms have weights",
	"word_embed_proj_dim":           "width of the embedding (the weights show)",
	"type_vocab_size":               "segments, of which the first is used",

	"query_pre_attn_scalar":           "scores are divided by its root",
	"attn_scale":                      "scores are multiplied by this",
	"attention_multiplier":            "scores are multiplied by this",
	"scale_attn_weights":              "scores are divided by the root of d_head",
	"scale_attn_by_inverse_layer_idx": "scores are divided by the layer's number",
	"attn_logit_softcapping":          "soft cap of the scores (Gemma 3: none, with a warning)",
	"final_logit_softcapping":         "soft cap of the logits",
	"embedding_multiplier":            "the embedding is multiplied by this",
	"residual_multiplier":             "what sublayers write is multiplied by this",
	"logits_scaling":                  "logits are divided by this",
	"logit_scale":                     "logits are multiplied by this",
	"clip_qkv":                        "bound of queries, keys and values",

	"num_local_experts":     "experts of a layer",
	"num_experts":           "experts of a layer",
	"num_experts_per_tok":   "experts that are chosen at a position",
	"moe_intermediate_size": "neurons of an expert",
	"norm_topk_prob":        "gates of the chosen experts sum to one",
	"decoder_sparse_step":   "only every so-manieth layer has experts",
	"mlp_only_layers":       "layers without experts",

	"is_decoder":          "an encoder that sees no later tokens",
	"add_cross_attention": "attention to an encoder",
	"is_encoder_decoder":  "an encoder and a decoder",
	"pruned_heads":        "heads that were taken out",
	"quantization_config": "weights quantized by a method of transformers'",
}
