package model_test

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/golens/golens/model"
	"github.com/golens/golens/model/modeltest"
)

// Texts are made of neither special tokens, nor of places kept for later use,
// nor of rows of the embedding that have no token.
func TestOrdinaryTokens(t *testing.T) {
	dir := modeltest.ByHand(t, map[string]any{"d_head": 1, "n_embd": 1, "vocab_size": 12, "n_positions": 2, "eos_token_id": 2}).Dir()
	const tokenizer = `{"added_tokens": [
		{"id": 3, "content": "<pad>", "special": true, "lstrip": false, "rstrip": false, "normalized": false, "single_word": false},
		{"id": 4, "content": "<unused0>", "special": false, "lstrip": false, "rstrip": false, "normalized": false, "single_word": false}],
		"pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true},
		"decoder": {"type": "ByteLevel", "add_prefix_space": true, "trim_offsets": true, "use_regex": true},
		"model": {"type": "BPE", "vocab": {"a": 0, "b": 1, "c": 2, "<pad>": 3, "<unused0>": 4, "[unused12]": 5,
			"<|reserved_special_token_7|>": 6, "madeupword0001": 7, "[x]": 8}, "merges": [], "ignore_merges": true}}`
	if err := os.WriteFile(filepath.Join(dir, "tokenizer.json"), []byte(tokenizer), 0o644); err != nil {
		t.Fatal(err)
	}
	m, err := model.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	if got, want := m.Ordinary(), []int32{0, 1, 8}; !slices.Equal(got, want) {
		t.Errorf("ordinary tokens %v, want %v", got, want)
	}
	if got, want := m.Info().Special, []int32{3, 4, 5, 6, 7, 9, 10, 11}; !slices.Equal(got, want) {
		t.Errorf("special tokens %v, want %v", got, want)
	}
}
