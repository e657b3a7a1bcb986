"""What BenchmarkDiscover is measured beside: EAP-IG 795f560 and auto-circuit 1.0.1 on TransformerLens 2.17, two threads (or THREADS), on the
weights and prompts that TestWriteForPeers wrote. Prints seconds, and writes what was found, [sender, receiver] in float32.

    GOLENS_BESIDE=FOLDER go test -run WriteForPeers . && python beside.py FOLDER EAPIG_SRC [WORK ...]

EAPIG_SRC is the src/ of EAP-IG with 'cuda' replaced by 'cpu'; without WORK everything is run.
"""
import json, os, pathlib, resource, sys, time, warnings
warnings.filterwarnings("ignore")
import numpy as np, torch
torch.set_num_threads(int(os.environ.get("THREADS", 2)))
from transformer_lens import HookedTransformer, HookedTransformerConfig

root, src, want = pathlib.Path(sys.argv[1]), sys.argv[2], sys.argv[3:]
sys.path.insert(0, src)


def tensors(path):
    raw = np.memmap(path, dtype=np.uint8, mode="r")
    n = int(raw[:8].view("<u8")[0])
    head = json.loads(raw[8:8 + n].tobytes())
    at = lambda o: torch.from_numpy(raw[8 + n + o[0]:8 + n + o[1]].view("<f4").copy())
    return {k: at(v["data_offsets"]).reshape(v["shape"]) for k, v in head.items() if k != "__metadata__"}


def lens(shape):
    """The model that Hugging Face's GPT-2 of these weights is."""
    c, w = json.loads((root / shape / "config.json").read_text()), tensors(root / shape / "model.safetensors")
    w = {k.removeprefix("transformer."): v for k, v in w.items()}
    L, H, d = c["n_layer"], c["n_head"], c["n_embd"]
    m = HookedTransformer(HookedTransformerConfig(n_layers=L, n_heads=H, d_model=d, d_head=d // H, d_mlp=c["n_inner"], n_ctx=c["n_positions"], d_vocab=c["vocab_size"],
        act_fn="gelu_new", normalization_type="LN", eps=c["layer_norm_epsilon"], device="cpu")).eval()
    s = {"embed.W_E": w["wte.weight"], "pos_embed.W_pos": w["wpe.weight"], "unembed.W_U": w["wte.weight"].T, "ln_final.w": w["ln_f.weight"], "ln_final.b": w["ln_f.bias"]}
    for l in range(L):
        g, b = lambda n: w[f"h.{l}.{n}"], f"blocks.{l}."
        for i, n in enumerate("QKV"):
            s[b + "attn.W_" + n] = g("attn.c_attn.weight")[:, i * d:(i + 1) * d].reshape(d, H, d // H).transpose(0, 1)
            s[b + "attn.b_" + n] = g("attn.c_attn.bias")[i * d:(i + 1) * d].reshape(H, d // H)
        s |= {b + "attn.W_O": g("attn.c_proj.weight").reshape(H, d // H, d), b + "attn.b_O": g("attn.c_proj.bias"),
              b + "mlp.W_in": g("mlp.c_fc.weight"), b + "mlp.b_in": g("mlp.c_fc.bias"), b + "mlp.W_out": g("mlp.c_proj.weight"), b + "mlp.b_out": g("mlp.c_proj.bias")}
        for n in "12": s |= {b + f"ln{n}.w": g(f"ln_{n}.weight"), b + f"ln{n}.b": g(f"ln_{n}.bias")}
    missing = set(m.load_state_dict(s, strict=False).missing_keys)
    assert all(k.endswith(("mask", "IGNORE", "b_U")) for k in missing), missing
    m.cfg.use_split_qkv_input = m.cfg.use_attn_result = m.cfg.use_hook_mlp_in = True
    return m


def prompts(shape, rows, n):
    return torch.from_numpy(np.fromfile(root / f"{shape}-{rows}x{n}.i32", "<i4").astype(np.int64)).reshape(2, rows, n)


def timed(name, f, found, warm=0, n=1):
    for _ in range(warm): f()
    took = []
    for _ in range(n):
        a, c = time.perf_counter(), time.process_time(); out = f(); took.append(time.perf_counter() - a); work = time.process_time() - c
    found(out).detach().numpy().astype("<f4").tofile(root / f"{name}.f32")
    print(f"{name}: {min(took):.3f} s, best of {n}; {work:.1f} s of processor time; the process held {resource.getrusage(0).ru_maxrss / 1e6:.1f} GB at most", flush=True)


def eapig(shape, rows, n, method, name, warm=0, times=1, each=False, **kw):
    import eap.attribute, eap.evaluate, eap.utils
    from eap.graph import Graph
    for mod in (eap.attribute, eap.evaluate, eap.utils): # tokens are given
        mod.tokenize_plus = lambda model, x, max_length=None: (x, torch.ones_like(x), torch.full((len(x),), x.shape[1]), x.shape[1])
    m = lens(shape); g = Graph.from_model(m); clean, corrupted = prompts(shape, rows, n)
    diff = lambda logits, *a: logits[:, -1, 100] - logits[:, -1, 200]
    def run():
        m.zero_grad(); g.reset()
        eap.attribute.attribute(m, g, [(clean, corrupted, None)], diff if each else lambda *a: diff(*a).mean(), method=method, quiet=True, **kw)
        return g.scores
    timed(name, run, lambda s: s, warm, times)


def patchable(shape, rows, n):
    """auto-circuit's model of a shape, and its prompts."""
    from auto_circuit.data import PromptDataLoader, PromptDataset
    from auto_circuit.utils.graph_utils import patchable_model
    m = lens(shape); m.set_use_attn_result(True); m.set_use_split_qkv_input(True); m.set_use_hook_mlp_in(True)
    for p in m.parameters(): p.requires_grad_(False)
    clean, corrupted = prompts(shape, rows, n)
    data = PromptDataLoader(PromptDataset(clean, corrupted, list(clean[:, :1]), list(clean[:, :1])), seq_len=None, diverge_idx=0, batch_size=rows, shuffle=False)
    p = patchable_model(m, factorized=True, slice_output="last_seq", separate_qkv=True)
    return m, p, data


def circuits(shape, rows, n, name):
    """auto-circuit: ten circuits of a clean run, the edges by a given rank."""
    from auto_circuit.prune import run_circuits
    from auto_circuit.types import PatchType
    m, p, data = patchable(shape, rows, n)
    L, H = m.cfg.n_layers, m.cfg.n_heads
    S, R = 1 + L * (H + 1), L * (3 * H + 1) + 1
    rank = torch.from_numpy(np.fromfile(root / f"rank-{shape}.f32", "<f4")).reshape(S, R)
    scores = p.new_prune_scores()
    for e in p.edges:
        d = e.dest.name
        r = R - 1
        if d.startswith("MLP"): r = int(d.split()[1]) * (3 * H + 1) + 3 * H
        elif d.startswith("A"):
            l, h, q = d[1:].split("."); r = int(l) * (3 * H + 1) + "QKV".index(q) * H + int(h)
        scores[e.dest.module_name][e.patch_idx] = rank[e.src.src_idx, r]
    edges = len(p.edges)
    def run(): return run_circuits(p, data, [edges * i // 10 for i in range(1, 11)], scores, PatchType.TREE_PATCH)
    diff = lambda o: torch.stack([x[:, 100] - x[:, 200] for k in sorted(o) for x in o[k].values()])
    timed(name, run, diff)


def acdc(shape, rows, n, name, tau, some=()):
    """auto-circuit's ACDC; on so many edges, if given: their difference is what an edge takes."""
    from auto_circuit.prune_algos.ACDC import acdc_prune_scores
    from ordered_set import OrderedSet
    _, p, data = patchable(shape, rows, n)
    edges = sorted(p.edges, key=lambda e: (e.dest.layer, e.dest.module_name, e.dest.head_idx or 0, e.src.src_idx))
    took = {}
    for k in some or (len(edges), len(edges)):
        p.edges = OrderedSet(edges[len(edges) // (2 * k)::len(edges) // k][:k])
        a = np.array([time.perf_counter(), time.process_time()])
        scores = acdc_prune_scores(p, data, None, tao_exps=[tau], tao_bases=[1])
        took[k] = np.array([time.perf_counter(), time.process_time()]) - a
    if not some:
        kept = sum(torch.isinf(s).sum().item() for s in scores.values())
        s, work = took[len(edges)]
        return print(f"{name}: {s:.3f} s, {work:.3f} of processor time, the second of two; {kept} of {len(edges)} edges stay", flush=True)
    s, work = (took[some[1]] - took[some[0]]) / (some[1] - some[0])
    print(f"{name}: {s:.3f} s an edge, {work:.3f} of processor time; {s * len(edges) / 3600:.2f} and {work * len(edges) / 3600:.2f} hours for {len(edges)}, extrapolated", flush=True)


works = {
    "EAP": lambda: eapig("gpt2-small", 8, 15, "EAP", "EAP", 1),
    "inputs": lambda: eapig("gpt2-small", 8, 15, "EAP-IG-inputs", "inputs", ig_steps=5),
    "activations": lambda: eapig("gpt2-small", 8, 15, "EAP-IG-activations", "activations", ig_steps=1),
    "sizes": lambda: circuits("gpt2-small", 8, 15, "sizes"),
    "routes": lambda: eapig("gpt2-small", 10, 64, "information-flow-routes", "routes"),
    "exact": lambda: eapig("4x4", 32, 15, "exact", "exact", each=True),
    "ACDC": lambda: acdc("gpt2-small", 8, 15, "ACDC", -6, (6, 30)),
    "toy-ACDC": lambda: acdc("4x4", 32, 15, "toy-ACDC", -4),
    # the same on a toy: whether the results agree is seen in seconds
    "toy": lambda: [eapig("4x4", 32, 15, "EAP", "toy-EAP"), eapig("4x4", 32, 15, "EAP-IG-inputs", "toy-inputs", ig_steps=5), eapig("4x4", 32, 15, "EAP-IG-activations", "toy-activations", ig_steps=1),
                    eapig("4x4", 32, 15, "information-flow-routes", "toy-routes"), circuits("4x4", 32, 15, "toy-sizes")],
}
for k in want or works: works[k]()
