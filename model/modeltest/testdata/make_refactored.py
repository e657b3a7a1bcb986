"""The tiny GPT-2's attention weights after TransformerLens' refactor_factored_attn_matrices, raw and after its standard processing.

Made with transformer-lens 4.3.0, transformers 5.24.0, torch 2.15; computed in float64, saved as float32. A singular
vector's sign is free: q and k, or v and o, may be negated together along a coordinate.
    python make_refactored.py     reads gpt2/model.safetensors, writes gpt2/refactored_weights.safetensors beside itself
"""
import pathlib, types
import torch
from safetensors.torch import load_file, save_file
from transformer_lens.weight_processing import ProcessWeights

L, H, D = 3, 4, 32
here = pathlib.Path(__file__).parent / "gpt2"


def state():
    w = {k.removeprefix("transformer."): v.double() for k, v in load_file(here / "model.safetensors").items()}
    s = {"embed.W_E": w["wte.weight"], "pos_embed.W_pos": w["wpe.weight"], "unembed.W_U": w["wte.weight"].T.clone(),
         "unembed.b_U": torch.zeros(w["wte.weight"].shape[0]).double(), "ln_final.w": w["ln_f.weight"], "ln_final.b": w["ln_f.bias"]}
    for l in range(L):
        b, h = f"blocks.{l}.", f"h.{l}."
        for x, m, v in zip("QKV", w[h + "attn.c_attn.weight"].split(D, 1), w[h + "attn.c_attn.bias"].split(D)):
            s[b + f"attn.W_{x}"] = m.reshape(D, H, D // H).permute(1, 0, 2)
            s[b + f"attn.b_{x}"] = v.reshape(H, D // H)
        s[b + "attn.W_O"], s[b + "attn.b_O"] = w[h + "attn.c_proj.weight"].reshape(H, D // H, D), w[h + "attn.c_proj.bias"]
        s[b + "mlp.W_in"], s[b + "mlp.b_in"] = w[h + "mlp.c_fc.weight"], w[h + "mlp.c_fc.bias"]
        s[b + "mlp.W_out"], s[b + "mlp.b_out"] = w[h + "mlp.c_proj.weight"], w[h + "mlp.c_proj.bias"]
        for ours, theirs in (("ln1", "ln_1"), ("ln2", "ln_2")):
            s[b + ours + ".w"], s[b + ours + ".b"] = w[h + theirs + ".weight"], w[h + theirs + ".bias"]
    return {k: v.clone() for k, v in s.items()}


cfg = types.SimpleNamespace(n_layers=L, n_heads=H, d_model=D, d_head=D // H, normalization_type="LN", positional_embedding_type="standard",
                            attn_only=False, gated_mlp=False, act_fn="gelu_new", n_key_value_heads=None, num_experts=None)
out = {}
for prefix, on in (("raw.", False), ("standard.", True)):
    p = ProcessWeights.process_weights(state(), cfg, on, on, on, on, refactor_factored_attn_matrices=True)
    out |= {prefix + k: v.float().contiguous().clone() for k, v in p.items() if ".attn." in k}
save_file(out, here / "refactored_weights.safetensors")
