"""The whole config of every family as transformers writes it, all defaults, with generation's as old versions wrote them too.

usage: make_configs.py OUT.json   with each version of transformers that is to be recorded
"""
import json, sys
import transformers
from transformers import CONFIG_MAPPING

families = "bert cohere distilbert falcon gemma gemma2 gemma3_text gpt2 gpt_bigcode gpt_neo gpt_neox gptj granite llama mistral mixtral olmo olmo2 opt phi phi3 qwen2 qwen3 qwen3_moe roberta smollm3 stablelm starcoder2".split()
generation = {k: v for k, v in transformers.GenerationConfig().to_dict().items() if not k.startswith("_")}
out = {}
for name in families:
    c = CONFIG_MAPPING[name]().to_dict()
    out[name] = {k: v for k, v in (generation | c).items() if k not in ("transformers_version",)} | {"model_type": name}
json.dump({"transformers": transformers.__version__, "configs": out}, open(sys.argv[1], "w"), sort_keys=True, default=str)
