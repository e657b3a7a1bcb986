"""Records what Hugging Face transformers computes on a model, for golens verify.

    pip install torch transformers safetensors
    python oracle.py MODEL oracle.safetensors [--text "..."] [--tokens 1 2 3] [--float64] [--revision REV]
MODEL is a folder or a name on the Hub. Without --text and --tokens two rows of 16 random tokens are used.
"""
import argparse
import torch
import transformers as tf
from safetensors.torch import save_file

p = argparse.ArgumentParser()
p.add_argument("model")
p.add_argument("out")
p.add_argument("--text")
p.add_argument("--tokens", nargs="*", type=int)
p.add_argument("--float64", action="store_true", help="compute in float64: nearer to the truth, twice the memory")
p.add_argument("--revision")
a = p.parse_args()

config = tf.AutoConfig.from_pretrained(a.model, revision=a.revision)
kind = tf.AutoModelForMaskedLM if config.model_type == "bert" else tf.AutoModelForCausalLM
model = kind.from_pretrained(a.model, revision=a.revision, dtype=torch.float32, attn_implementation="eager").eval()
if a.float64:
    model.double()
if a.text:
    tokens = tf.AutoTokenizer.from_pretrained(a.model, revision=a.revision)(a.text, return_tensors="pt").input_ids
elif a.tokens:
    tokens = torch.tensor([a.tokens])
else:
    tokens = torch.randint(0, config.vocab_size, (2, 16), generator=torch.Generator().manual_seed(0))
with torch.no_grad():
    r = model(tokens, output_hidden_states=True, output_attentions=True)
out = {"tokens": tokens, "logits": r.logits}
out |= {f"hidden_states.{i}": h for i, h in enumerate(r.hidden_states)}
out |= {f"attentions.{i}": h for i, h in enumerate(r.attentions)}
save_file({k: (v.float() if v.is_floating_point() else v).contiguous().clone() for k, v in out.items()}, a.out,
          metadata={"by": f"transformers {tf.__version__}, torch {torch.__version__}", "model": a.model})
print(f"{a.out}: {len(out)} tensors on {tuple(tokens.shape)} tokens")
