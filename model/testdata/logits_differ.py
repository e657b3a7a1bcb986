"""Compares the logits of pairs of model folders in float64, as transformers opens them.

    python logits_differ.py NAME FOLDER SAVED [NAME FOLDER SAVED ...]
In place of FOLDER a file may be given whose tensor logits [row, pos, vocab] golens computed.
Fails if any pair differs by 1e-5 or more, or if transformers misses or ignores a tensor of SAVED.
"""
import os
import sys
import torch
import transformers as tf
from safetensors.torch import load_file

tf.logging.set_verbosity_error()
rows = torch.tensor([[3, 14, 15, 9, 26, 5], [35, 8, 9, 79, 3, 2]])
bad = 0


def logits(folder, strict):
    config = tf.AutoConfig.from_pretrained(folder)
    masked = config.model_type in ("bert", "roberta", "distilbert")
    kind = tf.AutoModelForMaskedLM if masked else tf.AutoModelForCausalLM
    model, info = kind.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager", output_loading_info=True)
    lost = list(info["missing_keys"]) + list(info["unexpected_keys"]) + list(info["mismatched_keys"]) if strict else []
    with torch.no_grad():
        return model.double().eval()(rows % config.vocab_size).logits, lost


for name, before, after in zip(*[iter(sys.argv[1:])] * 3):
    try:
        a = logits(before, False)[0] if os.path.isdir(before) else load_file(before)["logits"]
        b, lost = logits(after, True)
        far = (a - b).abs().max().item()
    except Exception as e:
        far, lost = float("nan"), [f"{type(e).__name__}: {e}"]
    wrong = not far < 1e-5 or lost
    bad += bool(wrong)
    print(f"{name:20} {far:.1e} {'WRONG' if wrong else ''} {lost or ''}")
sys.exit(bad and 1)
