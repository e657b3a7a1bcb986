package handmade

import (
	"strings"

	"github.com/golens/golens/model/zoo/internal/ship"
)

// BOS is the token that begins a sequence, the first of the words.
const BOS = "<bos>"

// Tokenizer is the tokenizer.json of a list of words: byte-level BPE without
// merges, in which a whole word is a token (ignore_merges) and every word stands
// after a space, so that a word is the same token at the start of a text as
// inside.
func Tokenizer(words []string) ([]byte, error) {
	byteLevel := map[string]any{"type": "ByteLevel", "add_prefix_space": true, "trim_offsets": true, "use_regex": true}
	vocabulary := map[string]int{}
	for id, word := range words {
		vocabulary[piece(word)] = id
	}
	return ship.JSON(map[string]any{
		"version": "1.0", "truncation": nil, "padding": nil, "normalizer": nil, "post_processor": nil,
		"added_tokens": []any{map[string]any{
			"id": 0, "content": BOS, "single_word": false, "lstrip": false, "rstrip": false, "normalized": false, "special": true,
		}},
		"pre_tokenizer": byteLevel,
		"decoder":       byteLevel,
		"model": map[string]any{
			"type": "BPE", "dropout": nil, "unk_token": nil, "continuing_subword_prefix": nil, "end_of_word_suffix": nil,
			"fuse_unk": false, "byte_fallback": false, "ignore_merges": true,
			"vocab": vocabulary, "merges": []string{},
		},
	})
}

// piece is how byte-level BPE writes a word: a space is Ġ, and punctuation
// follows its word without one.
func piece(word string) string {
	if word == BOS || strings.ContainsAny(word, ".,") {
		return word
	}
	return "Ġ" + word
}
