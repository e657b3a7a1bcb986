// Package tokenizer turns text into a model's token ids and back, by
// byte-level BPE, as GPT-2, Llama 3, Qwen 2 and their relatives do it.
//
// # Overview
//
// [Open] reads a model folder's tokenizer.json (the Hugging Face format) or,
// without one, GPT-2's vocab.json and merges.txt. [Parse] reads the bytes of a
// tokenizer.json. [Tokenizer.Encode] gives ids, [Tokenizer.EncodeOffsets] also
// where each token stands in the text; [Tokenizer.DecodeBytes] is the inverse,
// [Tokenizer.Decode] its readable form and [Tokenizer.Label] what a figure
// writes on an axis. [Train] makes a tokenizer.json from text.
//
// A text passes these steps, each in a file of its own:
//
//	added tokens   <|endoftext|> and the like are cut out     added.go
//	normalizer     none or NFC                                normalize.go, compose.go
//	pre-tokenizer  the text is cut into words                 scan*.go
//	model          each word's bytes are merged into tokens   merge.go
//	template       tokens put around the text, on request     template.go
//
// # Conventions
//
// A token is named by the text it stands for, " Mary", never by its byte-level
// spelling in the file, "ĠMary". Offsets count bytes of the text as it was
// given, [Start, End). A token that begins or ends inside a character has
// offsets inside that character. Where NFC composed characters, a token covers
// all the characters it was composed from. A space that add_prefix_space put in
// front stands nowhere in the text, so its token starts at the word.
//
// Truncation and padding in the file are ignored: they concern batches. So is
// trim_offsets: offsets include a token's leading space.
//
// # Invariants
//
//   - DecodeBytes(Encode(text)) == text for every string, valid UTF-8 or not,
//     unless the file asks for NFC, a prefix space, or added tokens that strip
//     the spaces around them.
//   - What the package does not implement is an error of [Open] that names the
//     field and its value, and never a tokenizer that gives other ids.
//   - A byte for which the vocabulary has no token is an error of Encode.
//   - A [Tokenizer] does not change and is safe for concurrent use.
package tokenizer
