package gguf_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/golens/golens/model/internal/arch"
	"github.com/golens/golens/model/internal/gguf"
	"github.com/golens/golens/model/modeltest"
	"github.com/golens/golens/model/weights"
)

// converted is a family's tiny model as llama.cpp's converter writes it: its names,
// the rows of llama's queries and keys turned, one added to Gemma's norms, GPT-2's
// matrices transposed, in float32.
func converted(t *testing.T, family, name string) []byte {
	t.Helper()
	dir := modeltest.Families(t)[strings.TrimSuffix(family, packs)]
	raw, err := os.ReadFile(filepath.Join(dir, "config.json"))
	if err != nil {
		t.Fatal(err)
	}
	var c map[string]any
	if err := json.Unmarshal(raw, &c); err != nil {
		t.Fatal(err)
	}
	number := func(keys ...string) float64 {
		for _, k := range keys {
			if v, ok := c[k].(float64); ok {
				return v
			}
		}
		return 0
	}
	heads, width := number("num_attention_heads", "n_head"), number("hidden_size", "n_embd")
	dHead := width / heads
	if v := number("head_dim"); v > 0 {
		dHead = v
	}
	pairs := []pair{{"general.architecture", name}}
	put := func(key string, v float64) { pairs = append(pairs, pair{name + "." + key, uint32(v)}) }
	real := func(key string, v float64) { pairs = append(pairs, pair{name + "." + key, float32(v)}) }
	put("embedding_length", width)
	put("block_count", number("num_hidden_layers", "n_layer"))
	put("context_length", number("max_position_embeddings", "n_positions"))
	put("attention.head_count", heads)
	if kv := number("num_key_value_heads"); kv > 0 {
		put("attention.head_count_kv", kv)
	}
	inner := number("intermediate_size", "n_inner")
	if inner == 0 {
		inner = 4 * width
	}
	put("feed_forward_length", inner)
	if name == "gpt2" || name == "phi2" {
		real("attention.layer_norm_epsilon", number("layer_norm_epsilon", "layer_norm_eps"))
	} else {
		real("attention.layer_norm_rms_epsilon", number("rms_norm_eps"))
		put("attention.key_length", dHead)
		put("attention.value_length", dHead)
	}
	if experts := number("num_local_experts", "num_experts"); experts > 0 {
		put("expert_count", experts)
		put("expert_used_count", number("num_experts_per_tok"))
		if wide := number("moe_intermediate_size"); wide > 0 {
			put("expert_feed_forward_length", wide)
		}
	}
	if theta := number("rope_theta"); theta > 0 {
		real("rope.freq_base", theta)
	}
	if share := number("partial_rotary_factor"); share > 0 {
		put("rope.dimension_count", share*dHead)
	}
	if window := number("sliding_window"); window > 0 {
		put("attention.sliding_window", window)
	}
	for _, cap := range []string{"attn_logit_softcapping", "final_logit_softcapping"} {
		if v := number(cap); v > 0 {
			real(cap, v)
		}
	}

	store, err := weights.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	var all []tensor
	for _, n := range store.Names() {
		shape, values, err := store.Float32(n)
		if err != nil {
			t.Fatal(err)
		}
		to := ggufName(n, name)
		if to == "" {
			continue
		}
		if strings.HasPrefix(name, "gemma") && strings.Contains(to, "norm") {
			values = slices.Clone(values)
			for i := range values {
				values[i]++
			}
		}
		if name == "gpt2" && len(shape) == 2 && strings.HasPrefix(to, "blk.") {
			values, shape = transposed(values, shape)
		}
		if name == "llama" && (strings.Contains(to, "attn_q.") || strings.Contains(to, "attn_k.")) {
			values = turned(values, shape[0], int(dHead))
		}
		all = append(all, f32(to, values, shape...))
	}
	return encode(pairs, packed(all, family != "mixtral"))
}

// packs is what the name of a family ends in whose experts are in one tensor here.
const packs = "_packed"

// packed joins the matrices of experts, which are named NAME#EXPERT, to one tensor, or
// leaves them apart as older files have them.
func packed(all []tensor, together bool) (out []tensor) {
	at := map[string]int{}
	for _, t := range all {
		name, expert := t.name, -1
		if before, after, is := strings.Cut(t.name, "#"); is {
			if _, err := fmt.Sscanf(after, "%d", &expert); err != nil {
				panic(err)
			}
			name = before + "_exps.weight"
			if !together {
				t.name = fmt.Sprintf("%s.%d.weight", before, expert)
			}
		}
		if expert < 0 || !together {
			out = append(out, t)
			continue
		}
		i, there := at[name]
		if !there {
			i = len(out)
			at[name] = i
			out = append(out, tensor{name, append([]int{0}, t.shape...), t.kind, nil})
		}
		size := len(t.data)
		for len(out[i].data) < (expert+1)*size {
			out[i].data = append(out[i].data, 0)
		}
		copy(out[i].data[expert*size:], t.data)
		out[i].shape[0] = max(out[i].shape[0], expert+1)
	}
	return out
}

func transposed(x []float32, shape []int) ([]float32, []int) {
	out := make([]float32, len(x))
	for i := range shape[0] {
		for j := range shape[1] {
			out[j*shape[0]+i] = x[i*shape[1]+j]
		}
	}
	return out, []int{shape[1], shape[0]}
}

// turned is llama.cpp's order of a head's rows: the two of a pair side by side.
func turned(x []float32, rows, dHead int) []float32 {
	out := make([]float32, len(x))
	n := len(x) / rows
	for row := range rows {
		at, half := row%dHead, dHead/2
		to := row - at + at%half*2 + at/half
		copy(out[to*n:][:n], x[row*n:][:n])
	}
	return out
}

// ggufName is llama.cpp's name of a tensor of Hugging Face's, "" for none.
func ggufName(n, name string) string {
	for _, r := range []struct{ from, to string }{
		{"transformer.wte.", "token_embd."}, {"transformer.wpe.", "position_embd."}, {"transformer.ln_f.", "output_norm."},
		{"model.embed_tokens.", "token_embd."}, {"model.norm.", "output_norm."}, {"model.final_layernorm.", "output_norm."}, {"lm_head.", "output."},
	} {
		if strings.HasPrefix(n, r.from) {
			return r.to + strings.TrimPrefix(n, r.from)
		}
	}
	var layer int
	var local string
	for _, prefix := range []string{"transformer.h.%d.%s", "model.layers.%d.%s"} {
		if k, _ := fmt.Sscanf(n, prefix, &layer, &local); k == 2 {
			break
		}
	}
	for from, to := range map[string]string{"w1": "ffn_gate", "w3": "ffn_up", "w2": "ffn_down", "gate_proj": "ffn_gate", "up_proj": "ffn_up", "down_proj": "ffn_down"} {
		var expert int
		for _, block := range []string{"block_sparse_moe", "mlp"} {
			if k, _ := fmt.Sscanf(local, block+".experts.%d."+from+".weight", &expert); k == 1 && strings.Contains(local, from) {
				return fmt.Sprintf("blk.%d.%s#%d", layer, to, expert)
			}
		}
	}
	behind := "ffn_norm."
	if name == "gemma2" || name == "gemma3" || name == "olmo2" {
		behind = "post_attention_norm."
	}
	for _, r := range []struct{ from, to string }{
		{"ln_1.", "attn_norm."}, {"ln_2.", "ffn_norm."}, {"attn.c_attn.", "attn_qkv."}, {"attn.c_proj.", "attn_output."}, {"mlp.c_fc.", "ffn_up."}, {"mlp.c_proj.", "ffn_down."},
		{"input_layernorm.", "attn_norm."}, {"post_attention_layernorm.", behind}, {"pre_feedforward_layernorm.", "ffn_norm."}, {"post_feedforward_layernorm.", "post_ffw_norm."},
		{"self_attn.q_proj.", "attn_q."}, {"self_attn.k_proj.", "attn_k."}, {"self_attn.v_proj.", "attn_v."}, {"self_attn.o_proj.", "attn_output."},
		{"self_attn.dense.", "attn_output."}, {"self_attn.q_norm.", "attn_q_norm."}, {"self_attn.k_norm.", "attn_k_norm."},
		{"block_sparse_moe.gate.", "ffn_gate_inp."}, {"mlp.gate.", "ffn_gate_inp."},
		{"mlp.gate_proj.", "ffn_gate."}, {"mlp.up_proj.", "ffn_up."}, {"mlp.down_proj.", "ffn_down."}, {"mlp.fc1.", "ffn_up."}, {"mlp.fc2.", "ffn_down."},
	} {
		if strings.HasPrefix(local, r.from) {
			return fmt.Sprintf("blk.%d.%s%s", layer, r.to, strings.TrimPrefix(local, r.from))
		}
	}
	return ""
}

// A family's model from a GGUF file has the weights and the config of the one in
// Hugging Face's format, to the bit.
func TestFamiliesEqualTheirOriginals(t *testing.T) {
	for family, name := range map[string]string{"gpt2": "gpt2", "llama": "llama", "llama_bias": "llama", "mistral_full": "llama", "qwen2": "qwen2", "qwen3": "qwen3",
		"gemma": "gemma", "gemma2": "gemma2", "gemma3_text": "gemma3", "phi": "phi2", "olmo2": "olmo2", "mixtral": "llama",
		"mixtral_packed": "llama", "qwen3_moe": "qwen3moe"} {
		t.Run(family, func(t *testing.T) {
			dir := modeltest.Families(t)[strings.TrimSuffix(family, packs)]
			raw, err := os.ReadFile(filepath.Join(dir, "config.json"))
			if err != nil {
				t.Fatal(err)
			}
			c, original, err := arch.Parse(raw)
			if err != nil {
				t.Fatal(err)
			}
			store, err := weights.Open(dir)
			if err != nil {
				t.Fatal(err)
			}
			defer store.Close()
			plan, err := original.Load(&c, store)
			if err != nil {
				t.Fatal(err)
			}
			want, err := plan.Read()
			if err != nil {
				t.Fatal(err)
			}

			f, err := gguf.Open(written(t, converted(t, family, name)))
			if err != nil {
				t.Fatal(err)
			}
			defer f.Weights.Close()
			mapped, architecture, err := f.Config()
			if err != nil {
				t.Fatal(err)
			}
			got, _, err := arch.Parse(mapped)
			if err != nil {
				t.Fatalf("%v\n%s", err, mapped)
			}
			plan, err = arch.LoadGGUF(architecture, &got, f.Weights)
			if err == nil {
				err = plan.Check(got)
			}
			if err != nil {
				t.Fatal(err)
			}
			params, err := plan.Read()
			if err != nil {
				t.Fatal(err)
			}
			for _, n := range want.Names() {
				if !slices.Equal(params[n].Shape, want[n].Shape) || !slices.Equal(params[n].Data, want[n].Data) {
					t.Errorf("weight %s differs", n)
				}
			}
			if len(params) != len(want) {
				t.Errorf("%d weights of %d", len(params), len(want))
			}
			// The file has no more of these: which layers are local, and the scale
			// of the scores, follow from the size of published models; special
			// tokens come with the tokenizer.
			got.Family, got.Local, got.Window, got.LocalRotary, got.Scale, got.BOS, got.EOS = c.Family, c.Local, c.Window, c.LocalRotary, c.Scale, c.BOS, c.EOS
			if a, b := fmt.Sprintf("%+v", got), fmt.Sprintf("%+v", c); a != b {
				t.Errorf("config\n%s\nis not\n%s", a, b)
			}
		})
	}
}
