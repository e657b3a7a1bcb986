"""Distributions after Hugging Face's temperature, top-k and top-p warpers, in the order in which generate() applies them.

Made with transformers 5.24.0, torch 2.15, in float64. Sums of probabilities that reach 1-p exactly do so in binary
fractions. null is a probability of 0.
    python make_warped.py     writes warped.json beside itself
"""
import json, math, pathlib
import torch
from transformers import TemperatureLogitsWarper, TopKLogitsWarper, TopPLogitsWarper

INF = math.inf
LOGITS = {
    "distinct": [1.0, 0.5, -2.0, 3.0, 2.5, 0.0, -1.0, 1.5],
    "ties": [2.0, 2.0, 1.0, 2.0, 0.0, 1.0, 1.0, -3.0],
    "all equal": [0.0] * 8,
    "four equal": [1.0] * 4,
    "some impossible": [-INF, 1.0, -INF, 1.0, 0.0, 2.0],
    "one sure": [40.0, 0.0, -40.0, 1.0],
    "one token": [0.25],
}
RULES = [dict(temperature=t, top_k=k, top_p=p) for t in (1.0, 0.5, 2.5) for k in (0, 1, 2, 5, 20) for p in (1.0, 1e-9, 0.25, 0.5, 0.75, 0.9)]


def warp(logits, temperature, top_k, top_p):
    x = torch.tensor([logits], dtype=torch.float64)
    x = TemperatureLogitsWarper(temperature)(None, x)
    if top_k:
        x = TopKLogitsWarper(top_k)(None, x)
    if top_p < 1:
        x = TopPLogitsWarper(top_p)(None, x)
    return [p or None for p in x.softmax(-1)[0].tolist()]


def line(name, rule):
    finite = [None if v == -INF else v for v in LOGITS[name]]
    return json.dumps(dict(name=name, logits=finite, **rule, probs=warp(LOGITS[name], **rule)), separators=(",", ":"))


lines = [line(n, r) for n in LOGITS for r in RULES]
(pathlib.Path(__file__).parent / "warped.json").write_text("[\n" + ",\n".join(lines) + "\n]\n")
