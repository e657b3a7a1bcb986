"""A Jacobian lens as published: {J: {layer: [d, d] float16}, n_prompts, source_layers, d_model}."""
import torch
d = 4
J = {l: (torch.arange(d * d, dtype=torch.float32).reshape(d, d) / 8 + l).to(torch.float16) for l in (0, 1)}
torch.save({"J": J, "n_prompts": 7, "source_layers": [0, 1], "d_model": d, "metadata": {"model": "tiny", "positions": [16, -1], "mean": True, "rate": 0.5, "none": None}}, "jacobian_lens.pt")
