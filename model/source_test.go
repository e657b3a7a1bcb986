//go:build !golens_cell

package model

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
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

// A GGUF file is taken where no other weights lie beside it, whatever else does.
func TestQuantizedFileIsFound(t *testing.T) {
	dir := t.TempDir()
	write := func(name string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte("{}"), 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	write("config.json")
	one := write("a.gguf")
	if got, err := quantized(dir); got != one || err != nil {
		t.Errorf("one file and a config: %q, %v", got, err)
	}
	write("b.gguf")
	if _, err := quantized(dir); err == nil || !strings.Contains(err.Error(), "b.gguf") {
		t.Errorf("two files: %v", err)
	}
	write("model.safetensors")
	if got, err := quantized(dir); got != "" || err != nil {
		t.Errorf("beside other weights: %q, %v", got, err)
	}
}
