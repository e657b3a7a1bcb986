package arch

import (
	"slices"
	"strings"
)

// inert tells whether a key has no effect on what a model computes: training,
// generation, bookkeeping, heads for other tasks.
func inert(key string) bool {
	for _, part := range []string{"dropout", "pdrop", "drop_prob", "layerdrop", "initializer", "summary_", "classifier", "_token_id",
		"attn_implementation", "unsloth"} {
		if strings.Contains(key, part) {
			return true
		}
	}
	_, found := slices.BinarySearch(inertKeys, key)
	return found
}

// inertKeys are sorted: those of transformers' PretrainedConfig and
// GenerationConfig, which old versions wrote into every config.json, and what
// models on the Hub carry besides.
var inertKeys = slices.Sorted(slices.Values(strings.Fields(`
	_commit_hash _num_labels _name_or_path _flash_attn_2_enabled architectures auto_map chunk_size_feed_forward cross_attention_hidden_size dtype
	finetuning_task gradient_checkpointing id2label init_std is_composition label2id license language model_type name_or_path
	num_labels output_attentions output_hidden_states prefix problem_type return_dict sub_configs task_specific_params tf_legacy_loss
	tie_encoder_decoder tokenizer_class torch_dtype torchscript transformers_version use_bfloat16 use_cache use_return_dict

	assistant_confidence_threshold assistant_early_exit assistant_lookbehind is_assistant max_matching_ngram_size num_assistant_tokens
	num_assistant_tokens_schedule prompt_lookup_num_tokens target_lookbehind use_cache watermarking_config token_healing
	bad_words_ids begin_suppress_tokens cache_implementation constraints decoder_start_token_id diversity_penalty do_sample
	early_stopping encoder_no_repeat_ngram_size encoder_repetition_penalty epsilon_cutoff eta_cutoff exponential_decay_length_penalty
	force_words_ids forced_bos_token_id forced_decoder_ids forced_eos_token_id guidance_scale length_penalty low_memory max_length
	max_new_tokens min_length min_new_tokens min_p no_repeat_ngram_size num_beam_groups num_beams num_return_sequences output_logits
	output_scores penalty_alpha renormalize_logits repetition_penalty remove_invalid_values return_dict_in_generate
	sequence_bias suppress_tokens temperature top_k top_p typical_p

	batch_size n_ctx n_special output_past output_router_logits predict_special_tokens pretraining_tp router_aux_loss_coef
	router_jitter_noise reorder_and_upcast_attn seed vocab_size_or_config_json_file

	directionality pooler_fc_size pooler_num_attention_heads pooler_num_fc_layers pooler_size_per_head pooler_type
	is_llama_config tie_weights_ transformers.js_config transformers_weights
	inference_runner max_batch_size max_sequence_length pad_key_length pre_allocate_kv_cache validate_runner_input
	attention_softmax_in_fp32 scale_attention_softmax_in_fp32
`)))
