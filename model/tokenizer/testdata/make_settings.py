"""Encodings of small tokenizers under many tokenizer_config.json, by transformers' AutoTokenizer.

usage: make_settings.py OUT.json   (with each version of transformers that is to be recorded)

Reads settings/base (a byte-level tokenizer.json), settings/vocab (vocab.json and merges.txt) and the small
tokenizers beside them, writes each variant to a temporary folder, and notes the ids with special tokens.
"""
import json, pathlib, shutil, sys, tempfile

import transformers

here = pathlib.Path(__file__).parent
bases = {
    "byte-level": {"tokenizer.json": here / "settings/base/tokenizer.json"},
    "vocab": {"vocab.json": here / "settings/vocab/vocab.json", "merges.txt": here / "settings/vocab/merges.txt"},
    "bert": {"tokenizer.json": here / "wordpiece_bert/tokenizer.json"},
    "gemma": {"tokenizer.json": here / "sentencepiece_gemma/tokenizer.json"},
    "qwen2": {"tokenizer.json": here / "bpe_qwen2/tokenizer.json"},
    "llama3": {"tokenizer.json": here / "bpe_llama3/tokenizer.json"},
    "cased": {"tokenizer.json": here / "wordpiece_cased/tokenizer.json"},
    "llama": {"tokenizer.json": here / "sentencepiece_llama2/tokenizer.json"},
    "plain": {"tokenizer.json": here / "wordpiece_plain/tokenizer.json"},
    "t5": {"tokenizer.json": here / "unigram_t5/tokenizer.json"},
    "o200k": {"tokenizer.json": here / "bpe_o200k/tokenizer.json"},
}
end = "<|endoftext|>"
gpt2 = {"tokenizer_class": "GPT2Tokenizer", "bos_token": end, "eos_token": end, "unk_token": end}
token = lambda content, **k: dict({"content": content, "lstrip": False, "normalized": False, "rstrip": False, "single_word": False, "special": True}, **k)
texts = ["hello", "Hello world", "a<|pad|>b", "a <|im_start|> b", "a1b22c333", "Café au lait", end + "hi", "hi" + end, "中文 Mary"]
variants = [
    # name, base, tokenizer_config.json, further files
    ("plain", "byte-level", gpt2, {}),
    ("prefix space", "byte-level", gpt2 | {"add_prefix_space": True}, {}),
    ("pad token without an id", "byte-level", gpt2 | {"pad_token": "<|pad|>"}, {}),
    ("pad token as an object", "byte-level", gpt2 | {"pad_token": token("<|pad|>", __type="AddedToken")}, {}),
    ("pad token that strips", "byte-level", gpt2 | {"pad_token": token("<|im_start|>", lstrip=True, rstrip=True, __type="AddedToken")}, {}),
    ("added_tokens_decoder", "byte-level", gpt2 | {"pad_token": "<|pad|>", "added_tokens_decoder": {"0": token(end), "500": token("<|pad|>")}}, {}),
    ("added_tokens_decoder, not special", "byte-level", gpt2 | {"added_tokens_decoder": {"0": token(end), "500": token("<|pad|>", special=False), "501": token("<|im_start|>")}}, {}),
    ("additional_special_tokens", "byte-level", gpt2 | {"additional_special_tokens": ["<|im_start|>", "<|pad|>"]}, {}),
    ("begin token", "byte-level", {"tokenizer_class": "PreTrainedTokenizerFast", "bos_token": end, "add_bos_token": True}, {}),
    ("begin and end token", "byte-level", {"tokenizer_class": "PreTrainedTokenizerFast", "bos_token": end, "eos_token": end, "add_bos_token": True, "add_eos_token": True}, {}),
    ("no begin token though asked for", "byte-level", {"tokenizer_class": "PreTrainedTokenizerFast", "add_bos_token": True}, {}),
    ("GPT-2's files", "vocab", gpt2, {}),
    ("GPT-2's files, added_tokens.json", "vocab", gpt2 | {"pad_token": "<|pad|>"}, {"added_tokens.json": {"<|pad|>": 500}, "special_tokens_map.json": {"bos_token": end}}),
    ("Qwen 2's files", "vocab", {"tokenizer_class": "Qwen2Tokenizer"}, {}),
    ("Qwen 2's files, chat tokens", "vocab", {"tokenizer_class": "Qwen2Tokenizer", "additional_special_tokens": ["<|im_start|>"], "pad_token": end, "eos_token": end}, {}),
    ("BERT", "bert", {"tokenizer_class": "BertTokenizer", "do_lower_case": True}, {}),
    ("BERT, case kept", "bert", {"tokenizer_class": "BertTokenizer", "do_lower_case": False}, {}),
    ("BERT, accents kept", "bert", {"tokenizer_class": "BertTokenizer", "do_lower_case": True, "strip_accents": False}, {}),
    ("Llama 2, no begin token", "llama", {"tokenizer_class": "PreTrainedTokenizerFast", "bos_token": "<s>", "eos_token": "</s>", "add_bos_token": False, "add_eos_token": False}, {}),
    ("Llama 2, an end token", "llama", {"tokenizer_class": "PreTrainedTokenizerFast", "bos_token": "<s>", "eos_token": "</s>", "add_bos_token": True, "add_eos_token": True}, {}),
    ("Llama 2's class", "llama", {"tokenizer_class": "LlamaTokenizer", "bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}, {}),
    ("Llama 2's class, no begin token", "llama", {"tokenizer_class": "LlamaTokenizer", "bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>", "add_bos_token": False, "add_eos_token": False}, {}),
    ("Llama 2's class, an end token", "llama", {"tokenizer_class": "LlamaTokenizerFast", "bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>", "add_bos_token": True, "add_eos_token": True}, {}),
    ("Gemma's class, no begin token", "gemma", {"tokenizer_class": "GemmaTokenizer", "bos_token": "<bos>", "eos_token": "<eos>", "add_bos_token": False}, {}),
    ("Gemma's class, an end token", "gemma", {"tokenizer_class": "GemmaTokenizerFast", "bos_token": "<bos>", "eos_token": "<eos>", "add_bos_token": True, "add_eos_token": True}, {}),
    ("GPT-2's class, a begin token", "byte-level", gpt2 | {"add_bos_token": True}, {}),
    ("GPT-2's files, a begin token", "vocab", gpt2 | {"add_bos_token": True}, {}),
    ("GPT-NeoX's class, a begin token", "byte-level", gpt2 | {"tokenizer_class": "GPTNeoXTokenizer", "add_bos_token": True}, {}),
    ("GPT-NeoX's class, a prefix space", "byte-level", gpt2 | {"tokenizer_class": "GPTNeoXTokenizer", "add_prefix_space": True}, {}),
    ("no class, a prefix space", "byte-level", {"add_prefix_space": True}, {}),
    ("Fast class, a prefix space", "byte-level", {"tokenizer_class": "PreTrainedTokenizerFast", "add_prefix_space": True}, {}),
    ("Qwen 2's class, a prefix space", "qwen2", {"tokenizer_class": "Qwen2Tokenizer", "add_prefix_space": True}, {}),
    ("Qwen 2's class, begin token", "qwen2", {"tokenizer_class": "Qwen2Tokenizer", "add_bos_token": True, "bos_token": end}, {}),
    ("Llama 3, no begin token", "llama3", {"tokenizer_class": "PreTrainedTokenizerFast", "add_bos_token": False}, {}),
    ("Llama 3, case", "llama3", {"tokenizer_class": "PreTrainedTokenizerFast", "do_lower_case": True}, {}),
    ("DistilBERT, case kept", "bert", {"tokenizer_class": "DistilBertTokenizer", "do_lower_case": False}, {}),
    ("cased, lowered", "cased", {"tokenizer_class": "BertTokenizer", "do_lower_case": True}, {}),
    ("cased, nothing said", "cased", {"tokenizer_class": "BertTokenizer"}, {}),
    ("cased, without a class", "cased", {}, {}),
    ("Chinese apart or not", "bert", {"tokenizer_class": "BertTokenizer", "tokenize_chinese_chars": False}, {}),
    ("pad token that the vocabulary spells", "byte-level", gpt2 | {"pad_token": "he"}, {}),
    ("special tokens named twice", "byte-level", gpt2 | {"pad_token": "<|pad|>", "additional_special_tokens": ["<|pad|>", "<|pad|>", end]}, {}),
    ("decoder that changes a token of the file", "byte-level", gpt2 | {"added_tokens_decoder": {"0": token(end, lstrip=True, rstrip=True)}}, {}),
    ("decoder that moves a token of the file", "byte-level", gpt2 | {"added_tokens_decoder": {"777": token(end)}}, {}),
    ("decoder with two tokens of one id's text", "byte-level", gpt2 | {"added_tokens_decoder": {"0": token(end), "500": token("<|pad|>"), "501": token("<|pad|>")}}, {}),
    ("decoder's token is a single word", "byte-level", gpt2 | {"added_tokens_decoder": {"0": token(end), "500": token("a", single_word=True, special=False)}}, {}),
    ("decoder's token is normalized", "bert", {"tokenizer_class": "BertTokenizer", "added_tokens_decoder": {"900": token("CAFÉ", normalized=True, special=False)}}, {}),
    ("decoder's token is not normalized", "bert", {"tokenizer_class": "BertTokenizer", "added_tokens_decoder": {"900": token("Café", special=False)}}, {}),
    ("decoder leaves a gap", "byte-level", gpt2 | {"pad_token": "<|pad|>", "added_tokens_decoder": {"0": token(end), "900": token("<|im_start|>")}}, {}),
    ("special_tokens_map.json alone", "byte-level", {"tokenizer_class": "GPT2Tokenizer"}, {"special_tokens_map.json": {"pad_token": "<|pad|>", "additional_special_tokens": ["<|im_start|>"]}}),
    ("special_tokens_map.json says otherwise", "byte-level", gpt2 | {"pad_token": "<|pad|>"}, {"special_tokens_map.json": {"pad_token": token("<|im_start|>", rstrip=True)}}),
    ("special_tokens_map.json beside the decoder", "byte-level", gpt2 | {"pad_token": "<|pad|>", "added_tokens_decoder": {"0": token(end)}}, {"special_tokens_map.json": {"pad_token": "<|im_start|>"}, "added_tokens.json": {"hello": 600}}),
    ("null in special_tokens_map.json", "byte-level", gpt2 | {"pad_token": "<|pad|>"}, {"special_tokens_map.json": {"pad_token": None, "additional_special_tokens": ["<|im_start|>"]}}),
    ("a begin token that only the map has", "vocab", {"tokenizer_class": "GPT2Tokenizer", "add_bos_token": True, "bos_token": None}, {"special_tokens_map.json": {"bos_token": end}}),
    ("further tokens in both", "byte-level", gpt2 | {"additional_special_tokens": ["<|im_start|>"]}, {"special_tokens_map.json": {"additional_special_tokens": ["<|pad|>"]}}),
    ("Llama 2's class, a prefix space", "llama", {"tokenizer_class": "LlamaTokenizerFast", "bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>", "add_prefix_space": True}, {}),
    ("added_tokens.json beside tokenizer.json", "byte-level", gpt2, {"added_tokens.json": {"<|pad|>": 500, "<|im_start|>": 501}}),
    ("added_tokens.json and the decoder differ", "byte-level", gpt2 | {"added_tokens_decoder": {"0": token(end), "510": token("<|pad|>")}}, {"added_tokens.json": {"<|pad|>": 500}}),
    ("null special tokens", "byte-level", {"tokenizer_class": "GPT2Tokenizer", "bos_token": None, "eos_token": None, "unk_token": None, "pad_token": None}, {}),
    ("extra_special_tokens", "byte-level", gpt2 | {"extra_special_tokens": {"image_token": "<|im_start|>"}}, {}),
    ("a list of extra_special_tokens", "byte-level", gpt2 | {"extra_special_tokens": ["<|im_start|>"]}, {}),
    ("a class of no library", "byte-level", gpt2 | {"tokenizer_class": "NobodysTokenizer", "add_prefix_space": True}, {}),
    ("CodeGen's class, a prefix space", "byte-level", gpt2 | {"tokenizer_class": "CodeGenTokenizer", "add_prefix_space": True}, {}),
    ("no prefix space", "byte-level", gpt2 | {"add_prefix_space": False}, {}),
    ("GPT-2's files, a prefix space", "vocab", gpt2 | {"add_prefix_space": True}, {}),
    ("GPT-2's files, a begin and an end token", "vocab", gpt2 | {"add_bos_token": True, "add_eos_token": True}, {}),
    ("GPT-2's files, the decoder", "vocab", gpt2 | {"added_tokens_decoder": {"500": token("<|pad|>", lstrip=True), "501": token("<|im_start|>", special=False, normalized=True)}}, {}),
    ("GPT-2's files, an unknown token of its own", "vocab", gpt2 | {"unk_token": "<|unk|>"}, {}),
    ("GPT-2's files, tokens named twice", "vocab", gpt2 | {"pad_token": "<|pad|>", "additional_special_tokens": ["<|im_start|>", "<|pad|>"]}, {"added_tokens.json": {"<|im_start|>": 500}}),
    ("Qwen 2's files, the decoder", "vocab", {"tokenizer_class": "Qwen2Tokenizer", "added_tokens_decoder": {"500": token(end), "501": token("<|im_start|>")}, "eos_token": "<|im_start|>", "pad_token": end}, {}),
    ("Qwen 2's class, chat tokens", "qwen2", {"tokenizer_class": "Qwen2Tokenizer", "additional_special_tokens": ["<|im_start|>"], "pad_token": "<|pad|>"}, {}),
    ("BERT, Chinese together and case kept", "bert", {"tokenizer_class": "BertTokenizerFast", "do_lower_case": False, "tokenize_chinese_chars": False}, {}),
    ("BERT, accents stripped and case kept", "bert", {"tokenizer_class": "BertTokenizer", "do_lower_case": False, "strip_accents": True}, {}),
    ("BERT, a further token", "bert", {"tokenizer_class": "BertTokenizer", "additional_special_tokens": ["<|im_start|>"], "mask_token": "[MASK]"}, {}),
    ("Electra's class", "bert", {"tokenizer_class": "ElectraTokenizer", "do_lower_case": False}, {}),
    ("MPNet's class on BERT's file", "bert", {"tokenizer_class": "PreTrainedTokenizerFast", "do_lower_case": False}, {}),
    ("Llama 2, tokens that strip", "llama", {"tokenizer_class": "PreTrainedTokenizerFast", "bos_token": "<s>", "pad_token": token("<|pad|>", lstrip=True, rstrip=True)}, {}),
    ("Llama 2, a token in the text", "llama", {"tokenizer_class": "PreTrainedTokenizerFast", "added_tokens_decoder": {"900": token("<|im_start|>"), "901": token("<|pad|>", normalized=True, special=False)}}, {}),
    ("Llama 2's class, not legacy", "llama", {"tokenizer_class": "LlamaTokenizer", "bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>", "legacy": False}, {}),
    ("Llama 2's class, no prefix space", "llama", {"tokenizer_class": "LlamaTokenizerFast", "bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>", "add_prefix_space": False, "legacy": False}, {}),
    ("Llama 3, chat tokens", "llama3", {"tokenizer_class": "PreTrainedTokenizerFast", "pad_token": "<|pad|>", "eos_token": "<|im_start|>"}, {}),
    ("T5's class, no end token", "t5", {"tokenizer_class": "T5TokenizerFast", "add_eos_token": False, "extra_ids": 0}, {}),
    ("T5's file, the general class", "t5", {"tokenizer_class": "PreTrainedTokenizerFast", "pad_token": "<|pad|>"}, {}),
    ("o200k, further tokens", "o200k", {"tokenizer_class": "PreTrainedTokenizerFast", "additional_special_tokens": ["<|im_start|>"], "pad_token": "<|pad|>"}, {}),
    ("words alone, lowered", "plain", {"tokenizer_class": "BertTokenizer", "do_lower_case": True}, {}),
]

out = []
for name, base, config, files in variants:
    with tempfile.TemporaryDirectory() as d:
        d = pathlib.Path(d)
        for n, p in bases[base].items():
            shutil.copy(p, d / n)
        for n, content in (files | {"tokenizer_config.json": config}).items():
            (d / n).write_text(json.dumps(content))
        try:
            t = transformers.AutoTokenizer.from_pretrained(d)
            ids = {text: t(text)["input_ids"] for text in texts}
        except Exception as e:  # what one version refuses, another may read
            ids = None
            print(name, "refused:", str(e)[:200], file=sys.stderr)
        out.append({"name": name, "base": base, "config": config, "files": files, "ids": ids})
path = pathlib.Path(sys.argv[1])
path.write_text(json.dumps({"transformers": transformers.__version__, "cases": out}, ensure_ascii=False))
