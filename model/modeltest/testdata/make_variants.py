"""Tiny random models with the features that released configs switch on, beside make_families.py: scaled rotary
positions, windows, post-norms, biases, tied and untied unembeddings, half-precision and sharded weight files.

Made with transformers 4.57.6, torch 2.15, CPU. The weights are what the file holds (rounded, if in half precision);
the oracle is computed in float64 from them.
    python make_variants.py [--only NAME ...]
Writes NAME/{config.json, *.safetensors, oracle.safetensors} beside itself.
"""
import argparse, pathlib
import torch
from safetensors.torch import save_file
import transformers as tf
from make_families import randomise

V, D, L, H, T = 97, 16, 2, 4, 64
BASE = dict(vocab_size=V, hidden_size=D, intermediate_size=2 * D, num_hidden_layers=L, num_attention_heads=H,
            max_position_embeddings=T, pad_token_id=0, bos_token_id=1, eos_token_id=2)
GQA = BASE | dict(num_key_value_heads=2)
OPT = dict(vocab_size=V, hidden_size=D, ffn_dim=2 * D, num_hidden_layers=L, num_attention_heads=H, max_position_embeddings=T,
           pad_token_id=1, bos_token_id=2, eos_token_id=2)

# name: (config, how it is saved)
VARIANTS = {
    "llama_linear": (tf.LlamaConfig(**GQA, rope_scaling=dict(rope_type="linear", factor=4.0)), {}),
    "llama_dynamic": (tf.LlamaConfig(**GQA, rope_scaling=dict(rope_type="dynamic", factor=4.0)), {}),
    "llama_yarn": (tf.LlamaConfig(**(GQA | dict(head_dim=16)), rope_scaling=dict(
        rope_type="yarn", factor=4.0, original_max_position_embeddings=16, beta_fast=4.0, beta_slow=1.0)), {}),
    "qwen3_yarn": (tf.Qwen3Config(**GQA, head_dim=16, tie_word_embeddings=True, rope_scaling=dict(
        rope_type="yarn", factor=4.0)), {}),
    "llama_bias": (tf.LlamaConfig(**GQA, head_dim=6, attention_bias=True, mlp_bias=True, tie_word_embeddings=True), {}),
    "llama_bf16": (tf.LlamaConfig(**GQA), dict(dtype=torch.bfloat16, shard="8KB")),
    "gpt_neox_f16": (tf.GPTNeoXConfig(**BASE, rotary_pct=0.5, tie_word_embeddings=True), dict(dtype=torch.float16)),
    "gpt2_untied": (tf.GPT2Config(vocab_size=V, n_positions=T, n_embd=D, n_layer=L, n_head=H, tie_word_embeddings=False), {}),
    "mistral_full": (tf.MistralConfig(**GQA, head_dim=8, sliding_window=None), {}),
    "qwen2_window": (tf.Qwen2Config(**GQA, use_sliding_window=True, sliding_window=3, max_window_layers=1), {}),
    "gemma3_linear": (tf.Gemma3TextConfig(**(GQA | dict(num_hidden_layers=3)), head_dim=8, query_pre_attn_scalar=8, sliding_window=4,
        layer_types=["sliding_attention", "full_attention", "sliding_attention"], rope_theta=1e6, rope_local_base_freq=1e4,
        rope_scaling=dict(rope_type="linear", factor=8.0)), {}),
    "opt_post": (tf.OPTConfig(**OPT, word_embed_proj_dim=8, do_layer_norm_before=False), {}),
    "phi_qk": (tf.PhiConfig(**BASE, partial_rotary_factor=0.5, qk_layernorm=True), {}),
    "gemma_silu": (tf.GemmaConfig(**GQA, head_dim=8, hidden_act="silu", hidden_activation="gelu_pytorch_tanh"), {}),
    "gemma3_cap": (tf.Gemma3TextConfig(**GQA, head_dim=8, query_pre_attn_scalar=8, sliding_window=4, attn_logit_softcapping=0.3,
        final_logit_softcapping=2.0), {}),
    "smollm3": (tf.SmolLM3Config(**(GQA | dict(num_hidden_layers=3)), no_rope_layers=[1, 0, 1]), {}),
    "phi3": (tf.Phi3Config(**GQA, sliding_window=5), {}),
    "phi3_longrope": (tf.Phi3Config(**GQA, original_max_position_embeddings=48, partial_rotary_factor=0.5, rope_scaling=dict(
        type="longrope", short_factor=[1.25], long_factor=[3.0])), {}),
    "roberta": (tf.RobertaConfig(**(BASE | dict(max_position_embeddings=T + 2, pad_token_id=1)), type_vocab_size=1), {}),
    "distilbert": (tf.DistilBertConfig(vocab_size=V, max_position_embeddings=T, n_layers=L, n_heads=H, dim=D, hidden_dim=2 * D, pad_token_id=0), {}),
    "gpt_bigcode": (tf.GPTBigCodeConfig(vocab_size=V, n_positions=T, n_embd=D, n_layer=L, n_head=H), {}),
    "gpt_bigcode_heads": (tf.GPTBigCodeConfig(vocab_size=V, n_positions=T, n_embd=D, n_layer=L, n_head=H, multi_query=False), {}),
    "starcoder2": (tf.Starcoder2Config(**GQA, sliding_window=5), {}),
    "stablelm": (tf.StableLmConfig(**GQA, use_qkv_bias=True, partial_rotary_factor=0.5), {}),
    "stablelm_parallel": (tf.StableLmConfig(**BASE, num_key_value_heads=4, use_parallel_residual=True, partial_rotary_factor=0.5), {}),
    "granite": (tf.GraniteConfig(**GQA, embedding_multiplier=12.0, logits_scaling=3.0, residual_multiplier=0.22, attention_multiplier=0.1), {}),
    "olmo": (tf.OlmoConfig(**GQA, clip_qkv=0.5), {}),
    "cohere": (tf.CohereConfig(**GQA, logit_scale=0.3), {}),
    "falcon": (tf.FalconConfig(vocab_size=V, hidden_size=D, num_hidden_layers=L, num_attention_heads=H, max_position_embeddings=T,
        bos_token_id=1, eos_token_id=2), {}),
    "falcon_groups": (tf.FalconConfig(vocab_size=V, hidden_size=D, num_hidden_layers=L, num_attention_heads=H, max_position_embeddings=T,
        bos_token_id=1, eos_token_id=2, num_kv_heads=2, new_decoder_architecture=True), {}),
    "falcon_serial": (tf.FalconConfig(vocab_size=V, hidden_size=D, num_hidden_layers=L, num_attention_heads=H, max_position_embeddings=T,
        bos_token_id=1, eos_token_id=2, multi_query=False, parallel_attn=False, bias=True), {}),
    "mixtral": (tf.MixtralConfig(**GQA, num_local_experts=4, num_experts_per_tok=2, sliding_window=None), {}),
    "qwen3_moe": (tf.Qwen3MoeConfig(**(GQA | dict(num_hidden_layers=3)), head_dim=8, moe_intermediate_size=12, num_experts=4, num_experts_per_tok=2,
        norm_topk_prob=True, mlp_only_layers=[0]), {}),
}
MASKED = ("roberta", "distilbert")  # whose head is for masked words


@torch.no_grad()
def make(name, cfg, how, seed):
    cfg._attn_implementation = "eager"
    cls = (tf.AutoModelForMaskedLM if name in MASKED else tf.AutoModelForCausalLM)._model_mapping[type(cfg)]
    model = cls(cfg).eval()
    randomise(model, seed)
    model.tie_weights()
    model.to(how.get("dtype", torch.float32))
    d = pathlib.Path(__file__).parent / name
    model.save_pretrained(d, **({"max_shard_size": how["shard"]} if "shard" in how else {}))
    (d / "generation_config.json").unlink(missing_ok=True)
    model = cls.from_pretrained(d, attn_implementation="eager", dtype=torch.float32).eval()
    single = cls.from_pretrained(d, attn_implementation="eager", dtype=torch.float32).eval()
    model.double()
    tokens = torch.randint(3, V, (2, 11), generator=torch.Generator().manual_seed(seed + 1))
    cache = {} if name in MASKED else dict(use_cache=False)
    r = model(tokens, labels=tokens, output_hidden_states=True, output_attentions=True, **cache)
    o = {"tokens": tokens, "logits": r.logits}
    if name not in MASKED:
        o["loss"] = torch.nn.functional.cross_entropy(r.logits[:, :-1].flatten(0, 1), tokens[:, 1:].flatten()).reshape(1)
    o |= {f"hidden_states.{i}": h for i, h in enumerate(r.hidden_states)}
    o |= {f"attentions.{i}": a for i, a in enumerate(r.attentions)}
    assert all(torch.isfinite(v).all() for v in o.values()), name
    save_file({k: (v.float() if v.is_floating_point() else v).contiguous().clone() for k, v in o.items()}, d / "oracle.safetensors")
    error = (single(tokens).logits - r.logits).abs().max().item()
    print(f"{name:14s} f32 error {error:.1e}  logit std {r.logits.std():.2f}  files {len(list(d.glob('*.safetensors')))}")
    assert error < 1e-4


if __name__ == "__main__":
    p = argparse.ArgumentParser()
    p.add_argument("--only", nargs="*")
    a = p.parse_args()
    torch.set_num_threads(1)
    for i, (name, (cfg, how)) in enumerate(VARIANTS.items()):
        if not a.only or name in a.only:
            make(name, cfg, how, 5000 + 100 * i)
