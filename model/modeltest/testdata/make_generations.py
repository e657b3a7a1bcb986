"""What Hugging Face's generate() adds to prompts, greedily, with the tiny random model of every family that generates.

Made with transformers 5.24.0, torch 2.15, CPU, eager attention, one thread, float32: ragged prompts padded on the left,
once to the full length and once until a stop token ends some of the rows earlier. margin is the smallest difference
between the likeliest token's logit and the next one's: prompts are drawn until it is 1e-3, 20 times the tolerance.
Mixtral's and Qwen 3's with experts are of transformers 4.57.6.
    python make_generations.py [NAME ...]     reads */config.json beside itself, writes generations.json, or renews some lines of it
"""
import json, pathlib, sys
import torch
from safetensors.torch import load_file
import transformers as tf

LENGTHS, NEW, PAD, MARGIN = (3, 9, 1, 6), 24, 0, 1e-3
here = pathlib.Path(__file__).parent


def greedy(model, prompts, eos):
    width = max(map(len, prompts))
    ids = torch.tensor([[PAD] * (width - len(p)) + p for p in prompts])
    mask = torch.tensor([[0] * (width - len(p)) + [1] * len(p) for p in prompts])
    out = model.generate(ids, attention_mask=mask, generation_config=tf.GenerationConfig(
        do_sample=False, max_new_tokens=NEW, eos_token_id=eos, pad_token_id=PAD, return_dict_in_generate=True, output_logits=True))
    rows = [p + r[width:].tolist() for p, r in zip(prompts, out.sequences)]
    if eos is not None:
        rows = [r[: r.index(eos, len(p)) + 1] if eos in r[len(p) :] else r for p, r in zip(prompts, rows)]
    best = torch.stack(out.logits, 1).topk(2).values  # [batch, step, 2]
    margin = min((best[i, : len(r) - len(p), 0] - best[i, : len(r) - len(p), 1]).min().item() for i, (p, r) in enumerate(zip(prompts, rows)))
    return rows, margin


def stop(prompts, rows):
    """A token that ends some of the rows, not all, as early and as differently as there is."""
    at = {t: sorted(r.index(t, len(p)) - len(p) if t in r[len(p) :] else NEW for p, r in zip(prompts, rows)) for r in rows for t in r[1:]}
    at = {t: ends for t, ends in at.items() if ends[0] > 0 and ends[-1] == NEW and ends[0] < NEW}
    return max(at, key=lambda t: (len(set(at[t])), -at[t][0], -t)) if at else None


@torch.no_grad()
def main():
    only = sys.argv[1:]
    found = json.loads((here / "generations.json").read_text()) if only else {}
    for k, folder in enumerate(sorted(c.parent for c in here.glob("*/config.json"))):
        if "MaskedLM" in (folder / "config.json").read_text():
            continue  # an encoder
        if only and folder.name not in only:
            continue
        model = tf.AutoModelForCausalLM.from_pretrained(folder, attn_implementation="eager", dtype=torch.float32).eval()
        model.generation_config = tf.GenerationConfig()  # or its eos_token_id would be taken where none is asked for
        oracle = load_file(folder / "oracle.safetensors")
        off = (model(oracle["tokens"]).logits - oracle["logits"]).abs().max().item()
        assert off < 1e-4, (folder.name, off)
        for seed in range(300):
            g = torch.Generator().manual_seed(1000 * k + seed)
            prompts = [torch.randint(3, 97, (n,), generator=g).tolist() for n in LENGTHS]
            rows, margin = greedy(model, prompts, None)
            eos = stop(prompts, rows)
            if margin < MARGIN or eos is None or len({t for p, r in zip(prompts, rows) for t in r[len(p) :]}) < 5:
                continue
            alone = [greedy(model, [p], None)[0][0] for p in prompts]
            assert alone == rows, f"{folder.name}: padding on the left changes what is generated"
            stopped, _ = greedy(model, prompts, eos)
            assert [len(r) for r in stopped] != [len(r) for r in rows]
            found[folder.name] = dict(prompts=prompts, new=NEW, tokens=rows, stop=eos, stopped=stopped, margin=round(margin, 5))
            print(f"{folder.name:14s} seed {seed:2d}  margin {margin:.4f}  stop {eos} after {[len(r) - len(p) for p, r in zip(prompts, stopped)]}")
            break
        else:
            raise SystemExit(f"{folder.name}: no decisive prompts")
    lines = [f"{json.dumps(n)}: {json.dumps(v, separators=(',', ':'))}" for n, v in sorted(found.items())]
    (here / "generations.json").write_text("{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    torch.set_num_threads(1)
    tf.logging.set_verbosity_error()
    main()
