//go:build !golens_cell

package model

import (
	"fmt"
	"testing"

	"github.com/golens/golens/model/tokenizer"
)

// Special tokens may be beyond the model's vocabulary, others may not.
func TestTokensFitTheVocabulary(t *testing.T) {
	file := func(special bool) []byte {
		return fmt.Appendf(nil, `{"model": {"type": "BPE", "vocab": {"a": 0, "b": 1}, "merges": []}, "decoder": null,
			"added_tokens": [{"id": 2, "content": "<image>", "special": %v}]}`, special)
	}
	for _, c := range []struct {
		special bool
		vocab   int
		fits    bool
	}{{true, 3, true}, {true, 2, true}, {false, 2, false}, {true, 1, false}} {
		tokens, err := tokenizer.Parse(file(c.special))
		if err != nil {
			t.Fatal(err)
		}
		if err := fits(tokens, c.vocab); (err == nil) != c.fits {
			t.Errorf("special %v in a vocabulary of %d: %v", c.special, c.vocab, err)
		}
	}
}
