package arch

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"testing"
)

// The configs of published models are read, without a warning but where one is
// due: layers, heads, key-value heads, d_head, d_mlp, vocabulary and context are
// those of the models. testdata/published.jsonl has the keys and values of their
// config.json as far as they matter here; it was written down, not downloaded.
func TestPublishedConfigs(t *testing.T) {
	file, err := os.Open("testdata/published.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	n := 0
	for lines := bufio.NewScanner(file); lines.Scan(); n++ {
		var m struct {
			Name, Want string
			Warnings   int
			Config     json.RawMessage
		}
		if err := json.Unmarshal(lines.Bytes(), &m); err != nil {
			t.Fatal(err)
		}
		c, _, err := Parse(m.Config)
		if err != nil {
			t.Errorf("%s: %v", m.Name, err)
			continue
		}
		if len(c.Warnings) != m.Warnings {
			t.Errorf("%s: warnings %q, want %d", m.Name, c.Warnings, m.Warnings)
		}
		if got := fmt.Sprint(c.Layers, c.Heads, c.KVHeads, c.DHead, c.DMLP, c.Vocab, c.Context); got != m.Want {
			t.Errorf("%s: %s, want %s", m.Name, got, m.Want)
		}
	}
	if n < 40 {
		t.Errorf("%d models", n)
	}
}
