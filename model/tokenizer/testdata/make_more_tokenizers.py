"""Small tokenizers of more kinds and cases of odd text for each, and what the reference takes characters for.

Made with tokenizers 0.22.2.
    python make_more_tokenizers.py [DIR]     DIR gets NAME/tokenizer.json, NAME/cases.jsonl.gz and characters.txt.gz
"""
import gzip, io, json, pathlib, random, sys
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

HERE = pathlib.Path(__file__).parent
TEXT = (HERE / "training.txt").read_text() * 3
PIECES = ["Hello", " hello", "HELLO", "don't", "I'M", "we'LL", "do not", "they've", " 's", "3.14", "1234567", "0x1F", "$5", "a_b", "x+=1;", "(", ")", "...", "!!!", "--", "\n", "\n\n", " \n ", "\r\n", "\t",
          "  ", "   ", "\u00a0", "\u2003", "\u200b", "\u200d", "\ufeff", "é", "e\u0301", "e\u0323\u0301", "a\u0301\u0327", "ñ", "ß", "İ", "ﬁ", "Σς", "日本語", "中文", "한국어", "가\u11a8", "привет", "مرحبا", "שָׁלוֹם", "नमस्ते", "ไทย", "😀",
          "👩‍👩‍👧‍👦", "🇫🇷", "👍🏽", "𝔘𝔫𝔦", "\u0000", "\u0001", "\u0007", "\u007f", "\u0085", "\u2028", "\u2e43", "\u166d", "�", "▁", "▁▁a", "<0x41>", "<0xC3>", "##ing", "Mary", " and", " John", " went", " to", " the", " store", ",", ".", "?",
          "http://a.b/c?d=e&f", "C:\\dir\\file", "π≈3", "½", "²", "Ⅷ", "①", "HTTPServer", "getURLs", "ǅ", "ʰ", "//\n", "x" * 40, " " * 17, "ab" * 30, "supercalifragilistic" * 6]
FIXED = ["", " ", "  ", "\n", "a", " a", "a ", "▁", "When Mary and John went to the store, John gave a drink to", "a" * 500, " " * 300, "\n" * 100, "日" * 150, "é" * 100, "def f(x):\n    return x  # y\n", TEXT[:400]]


def cases(n, seed, specials=()):
    r = random.Random(seed)
    out = FIXED + [p for s in specials for p in (s, " " + s, s + s, f"a{s}b", f" {s} x", f"_{s}.", f"\n {s}\t{s} ", s.lower(), s.upper())]
    while len(out) < n:
        out.append("".join(r.choice(PIECES + list(specials) * 3) + r.choice(["", "", " "]) for _ in range(r.randint(1, 14))))
    return out


def pack(path, data):
    with path.open("wb") as f, gzip.GzipFile(fileobj=f, mode="wb", mtime=0, filename="") as z:
        z.write(data.encode())


def write(root, name, tok, specials=(), n=250):
    d = root / name
    d.mkdir(parents=True, exist_ok=True)
    (d / "tokenizer.json").write_text(tok.to_str())
    lines = []
    for t in cases(n, name, specials):
        e, plain = tok.encode(t), tok.encode(t, add_special_tokens=False)
        lines.append(json.dumps(dict(text=t, ids=e.ids, ids_without_special=plain.ids, offsets=e.offsets, decoded=tok.decode(e.ids), decoded_with_special=tok.decode(e.ids, skip_special_tokens=False))) + "\n")
    pack(d / "cases.jsonl.gz", "".join(lines))
    print(name, tok.get_vocab_size(), len(lines))


def edit(tok, change):
    j = json.loads(tok.to_str())
    change(j)
    return Tokenizer.from_str(json.dumps(j))


def keep_special(*texts):
    def change(j):
        j["added_tokens"] = [a for a in j["added_tokens"] if a["content"] in texts]
    return change


BYTES = [f"<0x{i:02X}>" for i in range(256)]
LINES = TEXT.splitlines(keepends=True)
WORDS = [w for line in LINES for w in line.split()]


def level(split, specials, **kw):
    t = Tokenizer(models.BPE(**kw))
    t.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(split), "isolated"), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    t.decoder = decoders.ByteLevel()
    t.train_from_iterator(LINES, trainers.BpeTrainer(vocab_size=500, special_tokens=specials, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False))
    return t


def spaced_bpe(marks, size=560, **kw):
    """SentencePiece's BPE: words keep their mark, and no token goes over two words."""
    t = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=True, **kw))
    t.pre_tokenizer = pre_tokenizers.Metaspace()
    t.train_from_iterator(LINES, trainers.BpeTrainer(vocab_size=size, special_tokens=["<unk>", "<s>", "</s>"] + marks, show_progress=False))
    t = edit(t, keep_special("<unk>", "<s>", "</s>"))
    return t


def unigram(specials, byte_fallback, pre):
    t = Tokenizer(models.Unigram())
    t.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Replace(Regex(" {2,}"), " ")])
    t.pre_tokenizer = pre
    t.decoder = decoders.Metaspace()
    t.train_from_iterator(LINES, trainers.UnigramTrainer(vocab_size=300, special_tokens=specials + (BYTES if byte_fallback else []), unk_token="<unk>", show_progress=False))
    t = edit(t, keep_special(*specials))
    if byte_fallback:
        t = edit(t, lambda j: j["model"].update(byte_fallback=True))
        t.decoder = decoders.Sequence([decoders.ByteFallback(), decoders.Metaspace()])
    return t


def wordpiece(prefix="##", **kw):
    t = Tokenizer(models.WordPiece(unk_token="[UNK]", continuing_subword_prefix=prefix, max_input_chars_per_word=20))
    t.normalizer = normalizers.BertNormalizer(**kw)
    t.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    t.decoder = decoders.WordPiece(prefix, cleanup=True)
    t.train_from_iterator(LINES, trainers.WordPieceTrainer(vocab_size=450, special_tokens=["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"], continuing_subword_prefix=prefix, show_progress=False))
    return t


def main(root):
    o200k = r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
    write(root, "bpe_o200k", level(o200k, ["<|endoftext|>"], ignore_merges=True), ["<|endoftext|>"])

    # RoBERTa: a space before the text, and its own post-processor.
    r = Tokenizer(models.BPE())
    r.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    r.decoder = decoders.ByteLevel()
    r.train_from_iterator(LINES, trainers.BpeTrainer(vocab_size=400, special_tokens=["<s>", "</s>"], initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False))
    r.post_processor = processors.RobertaProcessing(("</s>", 1), ("<s>", 0), trim_offsets=False, add_prefix_space=True)
    r.add_tokens([AddedToken("<mask>", lstrip=True, special=True), AddedToken("Mary", single_word=True), AddedToken("<two  words>", rstrip=True, normalized=False)])
    write(root, "bpe_added", r, ["<mask>", "Mary", "<two  words>"])

    # Gemma: spaces are replaced, nothing is put in front.
    g = spaced_bpe(BYTES, 760, byte_fallback=True)
    g.normalizer = normalizers.Replace(" ", "▁")
    g.pre_tokenizer = pre_tokenizers.Split(" ", "merged_with_previous")
    g.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()])
    g.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 1)])
    g.add_tokens([AddedToken("\n\n", normalized=False), AddedToken("▁▁▁", normalized=False)])
    write(root, "sentencepiece_gemma", g, ["</s>", "\n\n"])

    # Llama, the newer form: Metaspace, once at the beginning, cuts nothing.
    f = spaced_bpe(BYTES, 760, byte_fallback=True)
    f.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first", split=False)
    f.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)])
    f.post_processor = processors.TemplateProcessing(single="<s> $A </s>", special_tokens=[("<s>", 1), ("</s>", 2)])
    f.add_tokens([AddedToken("<|user|>", rstrip=True, normalized=False, special=True)])
    write(root, "sentencepiece_first", f, ["</s>", "<|user|>"])

    # Unknown characters without bytes; Metaspace always and never; an added token that is normalized.
    a = spaced_bpe([])
    a.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always", split=True)
    a.decoder = decoders.Metaspace(prepend_scheme="always", split=True)
    a.normalizer = normalizers.Sequence([normalizers.NFD(), normalizers.StripAccents(), normalizers.Lowercase(), normalizers.Strip()])
    a.add_tokens([AddedToken("École", normalized=True), AddedToken("Mary", normalized=True, single_word=True)])
    write(root, "metaspace_always", a, ["</s>", "École", "Mary"])
    v = edit(spaced_bpe([]), lambda j: j["model"].update(fuse_unk=False))
    v.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.Punctuation("merged_with_next"), pre_tokenizers.Metaspace(prepend_scheme="never", split=True)])
    v.decoder = decoders.Metaspace(prepend_scheme="never", split=True)
    v.normalizer = normalizers.NFKD()
    write(root, "metaspace_never", v, ["</s>"])

    meta = pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace(prepend_scheme="always", split=True)])
    u = unigram(["<unk>", "<s>", "</s>"], False, meta)
    u.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 2)])
    write(root, "unigram_t5", u, ["</s>"])
    b = unigram(["<unk>", "<s>", "</s>"], True, pre_tokenizers.Metaspace(prepend_scheme="first", split=True))
    write(root, "unigram_bytes", b, ["</s>"])

    c = wordpiece(clean_text=True, handle_chinese_chars=True, strip_accents=False, lowercase=False)
    c.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    write(root, "wordpiece_cased", c, ["[MASK]"])
    n = wordpiece(prefix="@@", clean_text=False, handle_chinese_chars=False, strip_accents=True, lowercase=False)
    n.decoder = decoders.WordPiece("@@", cleanup=False)
    n.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Whitespace(), pre_tokenizers.Punctuation("contiguous")])
    n.add_tokens([AddedToken("[two words]", lstrip=True, rstrip=True, single_word=True)])
    write(root, "wordpiece_plain", n, ["[MASK]", "[two words]"])

    characters(root)


def characters(root):
    """For every character: what BERT's cleaning (R removes, S makes a space), cutting (W at white space, P at punctuation) and
    StripAccents do to it, and whether it is a nonspacing mark (M) and Chinese (C); in runs of equal characters."""
    clean = normalizers.BertNormalizer(clean_text=True, handle_chinese_chars=False, strip_accents=False, lowercase=False)
    marks = normalizers.BertNormalizer(clean_text=False, handle_chinese_chars=False, strip_accents=True, lowercase=False)
    chinese = normalizers.BertNormalizer(clean_text=False, handle_chinese_chars=True, strip_accents=False, lowercase=False)
    pre, accents = pre_tokenizers.BertPreTokenizer(), normalizers.StripAccents()
    out, last = io.StringIO(), None
    for c in range(0x110000):
        if 0xD800 <= c < 0xE000:
            continue
        s = "a" + chr(c) + "b"
        cleaned = clean.normalize_str(s)
        kind = "R" if cleaned == "ab" else "S" if cleaned == "a b" else "-"
        kind += {1: "-", 2: "W", 3: "P"}[len(pre.pre_tokenize_str(s))]
        kind += "A" if accents.normalize_str(s) == "ab" else "-"
        kind += "M" if marks.normalize_str(s) == "ab" else "-"
        kind += "C" if len(chinese.normalize_str(s)) == 5 else "-"
        if kind != last:
            out.write(f"{c:x} {kind}\n")
            last = kind
    pack(root / "characters.txt.gz", out.getvalue())


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else HERE)
