// Package tokenizer turns text into a model's token ids and back: by byte-level
// BPE, as GPT-2, Llama 3 and Qwen do it; by SentencePiece's BPE, as Llama 2
// and Gemma, and Unigram; by WordPiece, as BERT.
//
// # Overview
//
// [Open] reads a model folder's tokenizer.json (the Hugging Face format) or,
// without one, GPT-2's vocab.json and merges.txt, BERT's vocab.txt, or the
// tokenizer.model of SentencePiece's BPE, with what
// tokenizer_config.json, special_tokens_map.json and added_tokens.json change, as
// transformers 5.23 does it. [Parse] reads the bytes of a tokenizer.json,
// [FromPieces] the vocabulary of a GGUF file. [Tokenizer.Encode] gives ids,
// [Tokenizer.EncodeOffsets] also where each token stands in the text and, on
// request, the tokens around a text such as [CLS] and [SEP];
// [Tokenizer.DecodeBytes] is the inverse, [Tokenizer.Decode] its readable form
// and [Tokenizer.Label] what a figure writes on an axis. [Train] makes a
// tokenizer.json from text.
//
// A text passes these steps, each in files of its own:
//
//	added tokens   <|endoftext|> and the like are cut out      added.go
//	normalizer     accents, case, spaces are made one          normalize*.go, compose.go, decompose.go
//	pre-tokenizer  the text is cut into words                  pretokenize.go, split.go, metaspace.go, scan*.go
//	model          each word becomes tokens                    bpe.go, merge.go, wordpiece.go, unigram.go
//	template       tokens put around the text, on request      template.go
//	decoder        and the way back                            decode.go, decoder.go, byte_fallback.go
//
// # What is not read
//
// A tokenizer.model that is no BPE, replaces characters or takes out spaces (T5,
// XLM-R): where it stands alone, Hugging Face's AutoTokenizer makes a
// tokenizer.json of it (save_pretrained). In one that is read, "<s>" in a text is
// the begin token, and what is not known comes back as "<unk>": both as with
// transformers, where SentencePiece reads letters and says " ⁇ ". In a tokenizer.json: the normalizers Precompiled (T5, XLM-R) and Nmt; the model
// WordLevel; BPE with affixes (GPT-1, CLIP) or dropout; a Split at another regular
// expression than those of GPT-2, cl100k, Llama 3, Qwen 2, o200k and Tekken.
//
// # Conventions
//
// A token is named by the text it stands for, " Mary", never by its spelling in
// the file, "ĠMary" or "▁Mary". Those of WordPiece are named as they are
// spelled, because "ing" and "##ing" stand for the same text.
//
// Offsets count bytes of the text as it was given, [Start, End). A token that
// begins or ends inside a character has offsets inside that character. What a
// normalizer made of a character stands where the character stood, and so does
// what was put in front of the first one. Where NFC or NFKC composed characters,
// a token covers all the characters it was composed from.
//
// Truncation and padding in the file are ignored: they concern batches. So are
// trim_offsets, as offsets include a token's leading space, and the template for
// a pair, as texts are encoded one by one.
//
// What characters are follows the reference, version 0.22 of the Python package
// tokenizers: for BERT that is Unicode 8, elsewhere Unicode 15.
//
// # Invariants
//
//   - Byte-level, DecodeBytes(Encode(text)) == text for every string, valid
//     UTF-8 or not, unless the file asks for NFC, a prefix space, or added tokens
//     that strip the spaces around them.
//   - What the package does not implement is an error of [Open] that names the
//     field and its value, and never a tokenizer that gives other ids.
//   - What the vocabulary has no token for is an error of Encode, unless it has
//     an unknown token.
//   - Time and memory grow with the text, n log n at most.
//   - A [Tokenizer] does not change and is safe for concurrent use.
package tokenizer
