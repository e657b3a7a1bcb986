"""Small tokenizer.model files of SentencePiece's BPE, and what SentencePiece makes of odd texts with them.

Made with sentencepiece 0.2.3.
    python make_sentencepiece.py     writes spm_NAME/tokenizer.model and spm_NAME/cases.jsonl.gz beside itself
"""
import json, os
import sentencepiece as spm
from make_more_tokenizers import HERE, cases, pack

KINDS = {
    "llama": dict(byte_fallback=True, add_dummy_prefix=True),
    "gemma": dict(byte_fallback=True, add_dummy_prefix=False, user_defined_symbols=["<start_of_turn>", "▁▁", "\n\n"], pad_id=0, eos_id=1, bos_id=2, unk_id=3),
    "users": dict(byte_fallback=True, add_dummy_prefix=True, user_defined_symbols=["[SYM]", "[SYM][SYM]", "two words", "  ", "▁▁▁", "\n", "\t"]),
    "unknown": dict(byte_fallback=False, add_dummy_prefix=True, character_coverage=0.99),
}

os.chdir(HERE)  # a model keeps the names of its files
for name, how in KINDS.items():
    d = HERE / f"spm_{name}"
    d.mkdir(exist_ok=True)
    args = dict(input="training.txt", model_prefix=f"{d.name}/tokenizer", vocab_size=420, model_type="bpe", normalization_rule_name="identity",
                remove_extra_whitespaces=False, split_digits=True, num_threads=1, minloglevel=2, hard_vocab_limit=False, self_test_sample_size=0) | how
    spm.SentencePieceTrainer.train(**args)
    (d / "tokenizer.vocab").unlink()
    p = spm.SentencePieceProcessor(model_file=str(d / "tokenizer.model"))
    lines = []
    for t in cases(200, name, how.get("user_defined_symbols", ())):
        if "\u0000" in t or "▁" in t and name not in ("gemma", "users"):
            continue
        lines.append(json.dumps(dict(text=t, ids=p.encode(t), decoded=p.decode(p.encode(t)))) + "\n")
    pack(d / "cases.jsonl.gz", "".join(lines))
    print(name, p.vocab_size(), len(lines))
