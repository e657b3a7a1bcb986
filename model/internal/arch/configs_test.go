package arch

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// The whole config of every family, as two versions of transformers write it with
// generation's defaults, is read without a word of warning, and says the same.
func TestWholeConfigsAreKnown(t *testing.T) {
	paths, err := filepath.Glob("testdata/configs-*.json")
	if err != nil || len(paths) != 2 {
		t.Fatalf("%v, %v", paths, err)
	}
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		var recorded struct{ Configs map[string]json.RawMessage }
		if err := json.Unmarshal(data, &recorded); err != nil {
			t.Fatal(err)
		}
		if len(recorded.Configs)+1 < len(Families()) { // all but golens' own
			t.Errorf("%s has %d families of %d", path, len(recorded.Configs), len(Families()))
		}
		for name, raw := range recorded.Configs {
			c, _, err := Parse(raw)
			if err != nil || len(c.Warnings) > 0 {
				t.Errorf("%s: %s: %v, %q", path, name, err, c.Warnings)
				continue
			}
			if !strings.Contains(path, "4.57") {
				continue // its defaults are others here and there
			}
			bare, _, err := Parse([]byte(`{"model_type":"` + name + `"}`))
			if err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			// What the class says by default is what is taken where nothing is said.
			bare.BOS, bare.EOS = c.BOS, c.EOS
			if a, b := c.String(), bare.String(); a != b || c.Eps != bare.Eps || c.Act != bare.Act || c.Tied != bare.Tied || c.Scale != bare.Scale ||
				c.Window != bare.Window || !slices.Equal(c.Local, bare.Local) || c.Rotary.Base != bare.Rotary.Base || c.Rotary.Dim != bare.Rotary.Dim {
				t.Errorf("%s: %s: all defaults are\n%+v\nand nothing is\n%+v", path, name, c, bare)
			}
		}
	}
}

// Every key that a family reads is described.
func TestKeysAreDescribed(t *testing.T) {
	for _, name := range Families() {
		keys, err := Keys(name)
		if err != nil || len(keys) < 10 {
			t.Errorf("%s reads %d keys, %v", name, len(keys), err)
		}
		for _, k := range keys {
			if Effect(k.Name) == "" {
				t.Errorf("%s reads %s, of which nothing is said", name, k.Name)
			}
		}
	}
	if _, err := Keys("mamba"); err == nil || !strings.Contains(err.Error(), "llama") {
		t.Errorf("an unknown family: %v", err)
	}
}
