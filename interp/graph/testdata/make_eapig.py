"""edges/eapig.pt: what Graph.to_pt of EAP-IG writes of the recorded scores "eap", with the
60 largest in the graph, unpruned. Usage: PYTHONPATH=EAP-IG/src python make_eapig.py"""
import pathlib

import torch
from eap.graph import Graph
from safetensors.torch import load_file

here = pathlib.Path(__file__).parent / "edges"
g = Graph.from_model({"n_layers": 3, "n_heads": 4, "parallel_attn_mlp": False, "d_model": 32})
t = load_file(here / "edges.safetensors")
g.scores[:] = torch.nan_to_num(t["scores.eap"]) * t["real_edge_mask"]
g.apply_topn(60, absolute=True, prune=False)
g.to_pt(here / "eapig.pt")
again = Graph.from_pt(here / "eapig.pt")
print(again.in_graph.sum().item(), "edges")
