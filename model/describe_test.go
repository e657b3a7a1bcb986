//go:build !golens_cell

package model_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/golens/golens/model"
	"github.com/golens/golens/model/hook"
	"github.com/golens/golens/model/modeltest"
	"github.com/golens/golens/model/weights"
)

// A description has what the files say, and the memory of the weights.
func TestDescribe(t *testing.T) {
	d, err := model.Describe(context.Background(), modeltest.Families(t)["llama_bf16"])
	if err != nil {
		t.Fatal(err)
	}
	if d.Stored["BF16"] == 0 || d.Memory != 2*d.Stored["BF16"] || !strings.Contains(d.String(), "MB of BF16") {
		t.Errorf("%+v\n%s", d, d)
	}
	of := func(held string) *model.Description {
		t.Setenv(model.WeightsEnv, held)
		d, err := model.Describe(context.Background(), modeltest.Families(t)["llama_gqa"])
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	if all, few := of("float32"), of("published:0MB"); few.Memory >= all.Memory || few.Memory < all.Memory/2 || few.Held == "" { // two blocks of three
		t.Errorf("in float32: %s\nas published: %s", all, few)
	}
	t.Setenv(model.WeightsEnv, "")
	for _, family := range model.Families() {
		if table, err := model.ConfigKeys(family); err != nil || !strings.Contains(table, "rows of the embedding") {
			t.Errorf("%s: %v\n%s", family, err, table)
		}
	}
}

// changed is a copy of a model's folder without some tensors, under other names,
// and with keys added to its config.
func changed(t *testing.T, family string, name func(tensor string) string, keys string) string {
	t.Helper()
	from, to := modeltest.Families(t)[family], t.TempDir()
	raw, err := os.ReadFile(filepath.Join(from, "config.json"))
	if err != nil {
		t.Fatal(err)
	}
	if keys != "" {
		raw = []byte(strings.Replace(string(raw), "{", "{"+keys+",", 1))
	}
	store, err := weights.Open(from)
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	var kept []weights.Tensor
	for _, n := range store.Names() {
		shape, values, err := store.Float32(n)
		if err != nil {
			t.Fatal(err)
		}
		if n = name(n); n != "" {
			kept = append(kept, weights.Tensor{Name: n, Shape: shape, Values: values})
		}
	}
	if err := weights.Write(filepath.Join(to, "model.safetensors"), "F32", kept); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(to, "config.json"), raw, 0o644); err != nil {
		t.Fatal(err)
	}
	return to
}

// Files that hold a model's weights otherwise open, and compute the same.
func TestWeightsAsTheyAreFound(t *testing.T) {
	same := func(n string) string { return n }
	prefix := func(cut string) func(string) string {
		return func(n string) string { return strings.TrimPrefix(n, cut) }
	}
	for _, c := range []struct {
		name, family string
		rename       func(string) string
		keys         string
	}{
		{"the embedding under the head's name", "gpt2", func(n string) string { return strings.Replace(n, "transformer.wte.", "lm_head.", 1) }, ""},
		{"without the prefix", "gpt2", prefix("transformer."), ""},
		{"norms of TensorFlow's", "bert", func(n string) string {
			if !strings.Contains(n, "LayerNorm.") {
				return n
			}
			return strings.NewReplacer("LayerNorm.weight", "LayerNorm.gamma", "LayerNorm.bias", "LayerNorm.beta").Replace(n)
		}, ""},
		{"a config full of other keys", "llama", same, `"is_llama_config":true,"unsloth_fixed":true,"diversity_penalty":0.0,"_name_or_path":"x"`},
		{"a config of two names", "gpt2", same, `"hidden_size":32,"num_attention_heads":4`},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := changed(t, c.family, c.rename, c.keys)
			m, err := model.Open(dir)
			if err != nil {
				t.Fatal(err)
			}
			if w := m.Config().Warnings; len(w) > 0 {
				t.Errorf("warnings %q", w)
			}
			o := modeltest.OracleIn(t, modeltest.Families(t)[c.family], "oracle.safetensors")
			got := run(t, m, m.Rows(modeltest.Rows(o["tokens"])).Capture(hook.Logits()))
			d := table{}
			d.of("logits", got.At(hook.Logits()), o["logits"], tolerance)
			d.check(t)
		})
	}
}

// Weights without a head open; hidden states are right, and what needs logits
// says that there are none.
func TestHeadless(t *testing.T) {
	for family, head := range map[string][]string{"llama": {"lm_head."}, "bert": {"cls."}, "gpt_neox": {"embed_out."}, "roberta": {"lm_head."}} {
		t.Run(family, func(t *testing.T) {
			dir := changed(t, family, func(n string) string {
				for _, part := range head {
					if strings.HasPrefix(n, part) {
						return ""
					}
				}
				_, local, _ := strings.Cut(n, ".") // as the class without a head saves them
				return local
			}, "")
			m, err := model.Open(dir)
			if err != nil {
				t.Fatal(err)
			}
			o := modeltest.OracleIn(t, modeltest.Families(t)[family], "oracle.safetensors")
			rows := m.Rows(modeltest.Rows(o["tokens"]))
			got := run(t, m, rows.Capture(hook.ResidPre(1)))
			d := table{}
			d.of("resid_pre", got.At(hook.ResidPre(1)), o["hidden_states.1"], tolerance)
			d.check(t)
			for name, request := range map[string]model.Request{"logits": rows.Capture(hook.Logits()), "a metric": rows.Metric(model.NLL()),
				"a gradient": rows.Metric(model.LogProb("x")).Grad(hook.ResidPre(0))} {
				if _, err := m.Run(request); err == nil || !strings.Contains(err.Error(), "no unembedding") {
					t.Errorf("%s: %v", name, err)
				}
			}
			if !m.Config().Encoder {
				if _, err := m.Complete(rows.Complete(2)); err == nil || !strings.Contains(err.Error(), "no unembedding") {
					t.Errorf("a generation: %v", err)
				}
			}
		})
	}
}

// What is computed otherwise than a file says is a warning, in the model's info
// and in the provenance of its results, and an error if it is asked to be one.
func TestWarnings(t *testing.T) {
	dir := changed(t, "llama", func(n string) string { return n }, `"sinks":4`)
	m, err := model.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	got := run(t, m, m.Rows([][]int32{{1, 2}}).Capture(hook.Logits()))
	if w := got.Provenance.Warnings; len(w) != 1 || !strings.Contains(w[0], "sinks is 4") || !strings.Contains(m.String(), w[0]) {
		t.Errorf("%q, %s", w, m)
	}
	t.Setenv(model.StrictEnv, "1")
	if _, err := model.Open(dir); err == nil || !strings.Contains(err.Error(), "sinks is 4") {
		t.Errorf("strict: %v", err)
	}
}
