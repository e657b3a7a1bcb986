package arch

import (
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/golens/golens/model/config"
	"github.com/golens/golens/model/internal/frugal"
)

// Any config.json is read or refused: no panic, little memory, and what is read
// can run: sizes in bounds, rotary tables finite.
func FuzzParse(f *testing.F) {
	configs, err := filepath.Glob("../../modeltest/testdata/*/config.json")
	if err != nil || len(configs) < 17 {
		f.Fatalf("%d configs, %v", len(configs), err)
	}
	for _, path := range configs {
		raw, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw)
	}
	for _, family := range Families() { // all defaults
		f.Add([]byte(`{"model_type":"` + family + `"}`))
	}
	f.Add([]byte(`{"model_type":"attn_only","vocab_size":5,"n_positions":8,"n_embd":8,"n_layer":1,"n_head":2,"d_head":4,"norm":"none"}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		var c config.Config
		var family Family
		var err error
		// encoding/json takes up to a hundred bytes per key, three times over; a
		// config's layers take 4 KiB.
		frugal.Check(t, 1<<20+1000*len(raw), func() { c, family, err = Parse(raw) })
		if err != nil {
			return
		}
		if family.Config == nil || family.Load == nil || c.Check() != nil || c.Family == "" {
			t.Errorf("a config that cannot be used: %v", c)
		}
		for l := range min(c.Layers, 8) {
			rates, size := rotaryRates(c.RotaryOf(l))
			for _, r := range append(rates, size) {
				if math.IsNaN(r) || math.IsInf(r, 0) {
					t.Errorf("layer %d rotates by %v", l, r)
					break
				}
			}
		}
	})
}

// What a config asks for and golens does not do is an error that names it.
func TestUnknownValues(t *testing.T) {
	for _, c := range []struct{ name, config, want string }{
		{"longrope", `{"model_type":"llama","rope_scaling":{"rope_type":"longrope","factor":4,"original_max_position_embeddings":64}}`, "longrope: short_factor"},
		{"a longrope table", `{"model_type":"llama","rope_scaling":{"rope_type":"yarn","factor":4,"long_factor":[1]}}`, "long_factor"},
		{"activation", `{"model_type":"llama","hidden_act":"quick_gelu"}`, "quick_gelu"},
		{"BERT's relative positions", `{"model_type":"bert","position_embedding_type":"relative_key"}`, "position_embedding_type"},
		{"layer-wise scale", `{"model_type":"gpt2","scale_attn_by_inverse_layer_idx":true}`, "scale_attn_by_inverse_layer_idx"},
		{"layer type", `{"model_type":"qwen2","use_sliding_window":true,"layer_types":["chunked_attention"]}`, "chunked_attention"},
		{"two-way gemma", `{"model_type":"gemma3_text","use_bidirectional_attention":true}`, "use_bidirectional_attention"},
		{"OPT without biases", `{"model_type":"opt","enable_bias":false}`, "enable_bias"},
		{"layer types of rotation", `{"model_type":"gemma3_text","rope_parameters":{"chunked_attention":{"rope_type":"default"}}}`, "chunked_attention"},
		{"quantized weights", `{"model_type":"llama","quantization_config":{"quant_method":"gptq","bits":4}}`, "gptq"},
		{"pruned heads", `{"model_type":"gpt2","pruned_heads":{"0":[1]}}`, "pruned_heads"},
		{"an encoder and a decoder", `{"model_type":"bert","is_encoder_decoder":true}`, "is_encoder_decoder"},
		{"a decoder of BERT's", `{"model_type":"bert","is_decoder":true}`, "is_decoder"},
		{"two names that differ", `{"model_type":"gpt2","n_embd":32,"hidden_size":64}`, "hidden_size"},
		{"a web page", `<!DOCTYPE html><html>Entry not found</html>`, "web page"},
		{"a list", `[1]`, "must be an object"},
		{"a text for a number", `{"model_type":"llama","rms_norm_eps":"1e-5"}`, `rms_norm_eps is "1e-5"; it must be a number`},
		{"a fraction of a head", `{"model_type":"llama","num_attention_heads":4.5}`, "it must be a whole number"},
		{"an infinite number that is used", `{"model_type":"llama","rope_theta":Infinity}`, `rope_theta is "Infinity"; it must be a number`},
		{"cross attention", `{"model_type":"bert","add_cross_attention":true}`, "add_cross_attention"},
		{"unknown family", `{"model_type":"mamba"}`, "attn_only, bert"},
		{"a scale that is not a number", `{"model_type":"gemma2","query_pre_attn_scalar":-1}`, "scale of the scores"},
		{"too many layers", `{"model_type":"llama","num_hidden_layers":100000}`, "100000 layers"},
	} {
		if _, _, err := Parse([]byte(c.config)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v does not name %s", c.name, err, c.want)
		}
	}
}

// What a config says that changes nothing is passed over, and what nobody knows
// is a warning, listed once.
func TestWarnings(t *testing.T) {
	for _, c := range []struct{ name, config, want string }{
		{"GPT-2's first", `{"model_type":"gpt2","n_special":0,"predict_special_tokens":true,"output_past":true,"n_ctx":1024}`, ""},
		{"SmolLM2's", `{"model_type":"llama","is_llama_config":true,"rope_interleaved":false,"transformers.js_config":{"dtype":"q4"}}`, ""},
		{"a mirror's", `{"model_type":"llama","unsloth_fixed":true,"_model_name_or_path":"x"}`, "_model_name_or_path"},
		{"Chinese BERT's", `{"model_type":"bert","directionality":"bidi","pooler_fc_size":768,"pooler_type":"first_token_transform"}`, ""},
		{"transformers 5's", `{"model_type":"gpt_neox","is_decoder":false,"rope_parameters":{"rope_theta":10000,"rope_type":"default","partial_rotary_factor":0.25}}`, ""},
		{"numbers as Python writes them", `{"model_type":"llama","initializer_range":Infinity,"classifier_dropout":NaN}`, ""},
		{"nobody's, as Python writes it", `{"model_type":"llama","limit":[0.0,-Infinity],"_name_or_path":"a \"NaN\""}`, "limit is"},
		{"a file that begins with a byte order mark", "\ufeff" + `{"model_type":"llama"}`, ""},
		{"nobody's", `{"model_type":"mistral","sinks":4}`, "sinks is 4"},
		{"Gemma's first name", `{"model_type":"gemma","hidden_act":"gelu"}`, "hidden_act is gelu"},
		{"Gemma's second", `{"model_type":"gemma","hidden_act":"gelu_pytorch_tanh","hidden_activation":"gelu"}`, ""},
		{"Gemma 3's cap", `{"model_type":"gemma3_text","attn_logit_softcapping":50}`, "attn_logit_softcapping is 50"},
	} {
		got, _, err := Parse([]byte(c.config))
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if text := strings.Join(got.Warnings, "; "); (c.want == "") != (text == "") || !strings.Contains(text, c.want) || len(got.Warnings) > 1 {
			t.Errorf("%s: warnings %q, want %q", c.name, got.Warnings, c.want)
		}
	}
}
