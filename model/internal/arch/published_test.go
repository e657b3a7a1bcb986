package arch

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"strings"
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

// Published models that cannot be run say why, and what to do or what there is; what
// nobody has heard of lists the families. The message is read by who has just asked for
// that model.
func TestRefusedModelsSayWhy(t *testing.T) {
	for _, c := range []struct{ name, config, why string }{
		{"state-spaces/mamba-130m-hf", `{"model_type":"mamba","hidden_size":768,"state_size":16,"num_hidden_layers":24}`, "carries a state from position to position"},
		{"tiiuae/falcon-mamba-7b", `{"model_type":"falcon_mamba","hidden_size":4096,"state_size":16}`, "as Pythia beside Mamba: open that"},
		{"RWKV/rwkv-4-169m-pile", `{"model_type":"rwkv","hidden_size":768,"attention_hidden_size":768}`, "carries a state"},
		{"google-t5/t5-small", `{"model_type":"t5","d_model":512,"num_layers":6,"is_encoder_decoder":true}`, "cross attention"},
		{"facebook/bart-base", `{"model_type":"bart","d_model":768,"is_encoder_decoder":true}`, "cross attention"},
		{"llava-hf/llava-1.5-7b-hf", `{"model_type":"llava","text_config":{"model_type":"llama"}}`, "model.language_model.save_pretrained"},
		{"bigscience/bloom-560m", `{"model_type":"bloom","n_layer":24,"hidden_size":1024}`, "ALiBi"},
		{"deepseek-ai/DeepSeek-V3", `{"model_type":"deepseek_v3","kv_lora_rank":512}`, "latent attention"},
		{"openai/gpt-oss-20b", `{"model_type":"gpt_oss","num_local_experts":32}`, "sink"},
		{"microsoft/deberta-v3-base", `{"model_type":"deberta-v2","relative_attention":true}`, "distances"},
		{"albert/albert-base-v2", `{"model_type":"albert","num_hidden_groups":1}`, "one block again and again"},
		{"tiiuae/falcon-rw-1b", `{"model_type":"falcon","alibi":true}`, "alibi"},
		{"TheBloke/Llama-2-7B-GPTQ", `{"model_type":"llama","quantization_config":{"quant_method":"gptq","bits":4}}`, "gptq"},
		{"nobody's", `{"model_type":"quux"}`, `"quux" is not known; known: attn_only, bert`},
		{"none", `{"hidden_size":8}`, "no model_type"},
	} {
		if _, _, err := Parse([]byte(c.config)); err == nil || !strings.Contains(err.Error(), c.why) {
			t.Errorf("%s: %v does not say %q", c.name, err, c.why)
		}
	}
	for _, kind := range refused {
		for _, name := range strings.Fields(kind.types) {
			if _, there := families[name]; there {
				t.Errorf("%s is said to be refused and is there", name)
			}
		}
	}
}
