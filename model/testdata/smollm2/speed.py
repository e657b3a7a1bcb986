"""How long Hugging Face takes for what BenchmarkPublished does: float32, two threads, the best of several runs.

Made with transformers 4.57.6, torch 2.15, gguf.
    python speed.py SmolLM2-135M-Instruct.Q4_1.gguf [RUNS]
"""
import os, sys, time
import torch
import transformers as tf

torch.set_num_threads(2)
folder, name = os.path.split(sys.argv[1])
model = tf.AutoModelForCausalLM.from_pretrained(folder, gguf_file=name, dtype=torch.float32).eval()
row = lambda n: torch.tensor([[1000 + 37 * i % 40000 for i in range(n)]])


@torch.no_grad()
def loss(n):
    ids = row(n)
    return model(ids, labels=ids).loss.item()


@torch.no_grad()
def more():
    config = tf.GenerationConfig(do_sample=False, max_new_tokens=50, min_new_tokens=50, eos_token_id=None, pad_token_id=0)
    return model.generate(row(16), attention_mask=torch.ones(1, 16, dtype=torch.long), generation_config=config)


for what, do in {"loss of 1x128": lambda: loss(128), "loss of 1x512": lambda: loss(512), "50 tokens after 16": more}.items():
    do()
    best = float("inf")
    for _ in range(int(sys.argv[2]) if len(sys.argv) > 2 else 5):
        start = time.perf_counter()
        do()
        best = min(best, time.perf_counter() - start)
    print(f"{what:20s} {1000 * best:8.0f} ms")
