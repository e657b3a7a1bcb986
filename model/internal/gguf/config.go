package gguf

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/golens/golens/model/tokenizer"
)

// key is one of a config.json and where its value stands in the header, after
// the architecture's name.
type key struct{ name, from string }

// sizes are the keys that all architectures have.
var sizes = []key{
	{"hidden_size", "embedding_length"}, {"num_hidden_layers", "block_count"}, {"intermediate_size", "feed_forward_length"},
	{"num_attention_heads", "attention.head_count"}, {"num_key_value_heads", "attention.head_count_kv"},
	{"max_position_embeddings", "context_length"}, {"head_dim", "attention.key_length"}, {"rope_theta", "rope.freq_base"},
}

// architecture is how the header of one architecture becomes a config.json.
type architecture struct {
	family string         // model_type
	keys   []key          // beside sizes
	fixed  map[string]any // what every model of it has
}

var (
	rms       = key{"rms_norm_eps", "attention.layer_norm_rms_epsilon"}
	sliding   = key{"sliding_window", "attention.sliding_window"}
	gemmaCaps = []key{{"attn_logit_softcapping", "attn_logit_softcapping"}, {"final_logit_softcapping", "final_logit_softcapping"}}
)

var architectures = map[string]architecture{
	"llama":  {"llama", []key{rms}, nil},
	"qwen2":  {"qwen2", []key{rms}, nil},
	"qwen3":  {"qwen3", []key{rms}, nil},
	"gemma":  {"gemma", []key{rms}, map[string]any{"hidden_act": "gelu_pytorch_tanh"}},
	"gemma2": {"gemma2", append([]key{rms, sliding}, gemmaCaps...), nil},
	"gemma3": {"gemma3_text", append([]key{rms, sliding}, gemmaCaps[1]), nil},
	"olmo2":  {"olmo2", []key{rms}, nil},
	"qwen3moe": {"qwen3_moe", []key{rms, {"num_experts", "expert_count"}, {"num_experts_per_tok", "expert_used_count"},
		{"moe_intermediate_size", "expert_feed_forward_length"}}, map[string]any{"norm_topk_prob": true}}, // llama.cpp always does
	"gpt2": {"gpt2", []key{{"layer_norm_epsilon", "attention.layer_norm_epsilon"}, {"n_inner", "feed_forward_length"}}, nil},
	"phi2": {"phi", []key{{"layer_norm_eps", "attention.layer_norm_epsilon"}}, nil},
}

// Config is the config.json of the model, and its architecture's name.
func (f *File) Config() (raw []byte, arch string, err error) {
	arch, _ = f.meta["general.architecture"].(string)
	a, ok := architectures[arch]
	if !ok {
		return nil, "", fmt.Errorf("%s: the architecture %q is not known; known in GGUF files: %s", f.path, arch, strings.Join(slices.Sorted(maps.Keys(architectures)), ", "))
	}
	c := map[string]any{"model_type": a.family}
	for name, value := range a.fixed {
		c[name] = value
	}
	for _, k := range append(slices.Clone(sizes), a.keys...) {
		value, there := f.meta[arch+"."+k.from]
		if !there {
			continue
		}
		if value, err = number(value); err != nil {
			return nil, "", fmt.Errorf("%s: %s.%s: %w", f.path, arch, k.from, err)
		}
		c[k.name] = value
	}
	heads, layers := f.int(arch+".attention.head_count", 0), f.int(arch+".block_count", 0)
	width, dHead := f.int(arch+".embedding_length", 0), f.int(arch+".attention.key_length", 0)
	if dHead == 0 && heads > 0 {
		dHead = width / heads
	}
	if v := f.int(arch+".attention.value_length", dHead); v != dHead {
		return nil, "", fmt.Errorf("%s: keys of %d and values of %d coordinates are not implemented", f.path, dHead, v)
	}
	embedding, err := f.Weights.Tensor("token_embd.weight")
	if err != nil {
		return nil, "", err
	}
	if len(embedding.Shape) == 2 {
		c["vocab_size"] = embedding.Shape[0]
	}
	_, untied := f.tensor("output.weight")
	c["tie_word_embeddings"] = !untied
	switch arch {
	case "gemma2", "gemma3":
		// The header has no scale of the scores; the largest models have another
		// than the rest, in llama.cpp by their number of layers.
		if largest := map[string]int{"gemma2": 46, "gemma3": 62}; layers == largest[arch] && heads > 0 {
			dHead = width / heads
		}
		c["query_pre_attn_scalar"] = dHead
	case "llama":
		if experts := f.int("llama.expert_count", 0); experts > 0 { // Mixtral goes by that name too
			c["model_type"], c["num_local_experts"], c["num_experts_per_tok"] = "mixtral", experts, f.int("llama.expert_used_count", 0)
		}
	case "qwen3moe":
		c["use_sliding_window"] = false
		var dense []int
		for l := range min(layers, 1<<12) {
			if _, there := f.tensor(fmt.Sprintf("blk.%d.ffn_gate_inp.weight", l)); !there {
				dense = append(dense, l)
			}
		}
		c["mlp_only_layers"] = dense
	case "qwen2", "qwen3":
		c["use_sliding_window"] = false
	case "gpt2":
		delete(c, "num_key_value_heads")
		delete(c, "intermediate_size")
		delete(c, "rope_theta")
		delete(c, "head_dim")
	case "phi2":
		delete(c, "head_dim")
		if dHead > 0 {
			c["partial_rotary_factor"] = float64(f.int(arch+".rope.dimension_count", dHead)) / float64(dHead)
		}
	}
	for role, from := range map[string]string{"bos_token_id": "bos_token_id", "eos_token_id": "eos_token_id"} {
		if id := f.int("tokenizer.ggml."+from, -1); id >= 0 {
			c[role] = id
		}
	}
	if err := f.rope(arch, c); err != nil {
		return nil, "", fmt.Errorf("%s: %w", f.path, err)
	}
	raw, err = json.Marshal(c)
	return raw, arch, err
}

// rope writes how rotary positions are stretched.
func (f *File) rope(arch string, c map[string]any) error {
	kind, _ := f.meta[arch+".rope.scaling.type"].(string)
	scaling := map[string]any{}
	for _, k := range []key{
		{"factor", "factor"}, {"original_max_position_embeddings", "original_context_length"}, {"attention_factor", "attn_factor"},
		{"beta_fast", "yarn_beta_fast"}, {"beta_slow", "yarn_beta_slow"},
	} {
		if value, there := f.meta[arch+".rope.scaling."+k.from]; there {
			n, err := number(value)
			if err != nil {
				return fmt.Errorf("%s.rope.scaling.%s: %w", arch, k.from, err)
			}
			scaling[k.name] = n
		}
	}
	switch kind {
	case "", "none":
		if factors, there := f.tensor("rope_freqs.weight"); there {
			values, err := factors.Float32()
			if err != nil {
				return err
			}
			scaling = map[string]any{"rope_type": "factors", "factors": values}
			break
		}
		return nil
	case "linear", "yarn":
		scaling["rope_type"] = kind
	default:
		return fmt.Errorf("%s.rope.scaling.type is %q, which is not implemented", arch, kind)
	}
	c["rope_scaling"] = scaling
	return nil
}

// Tokens is the tokenizer's vocabulary.
func (f *File) Tokens() tokenizer.Pieces {
	const prefix = "tokenizer.ggml."
	p := tokenizer.Pieces{BOS: f.int(prefix+"bos_token_id", -1), EOS: f.int(prefix+"eos_token_id", -1), Unknown: f.int(prefix+"unknown_token_id", -1)}
	p.Model, _ = f.meta[prefix+"model"].(string)
	p.Pre, _ = f.meta[prefix+"pre"].(string)
	p.Tokens, _ = f.meta[prefix+"tokens"].([]string)
	p.Merges, _ = f.meta[prefix+"merges"].([]string)
	p.Scores, _ = f.meta[prefix+"scores"].([]float32)
	p.Types, _ = f.meta[prefix+"token_type"].([]int32)
	flag := func(name string, otherwise bool) bool {
		if value, ok := f.meta[prefix+name].(bool); ok {
			return value
		}
		return otherwise
	}
	pieces := p.Model == "llama"
	p.AddBOS, p.AddEOS = flag("add_bos_token", pieces || p.Pre == "llama-bpe"), flag("add_eos_token", false)
	p.SpacePrefix = flag("add_space_prefix", pieces)
	return p
}

func (f *File) tensor(name string) (v interface{ Float32() ([]float32, error) }, there bool) {
	view, err := f.Weights.Tensor(name)
	return view, err == nil
}

// int is a whole number of the header.
func (f *File) int(name string, otherwise int) int {
	value, there := f.meta[name]
	if !there {
		return otherwise
	}
	n, err := number(value)
	if err != nil {
		return otherwise
	}
	if i, err := strconv.Atoi(n.String()); err == nil {
		return i
	}
	return otherwise
}

// number is a number as JSON writes it, the shortest that reads as the same.
// Arrays with a value per layer are numbers where all are equal.
func number(value any) (json.Number, error) {
	switch v := value.(type) {
	case float32:
		return finite(strconv.FormatFloat(float64(v), 'g', -1, 32))
	case float64:
		return finite(strconv.FormatFloat(v, 'g', -1, 64))
	case int8, int16, int32, int64, uint8, uint16, uint32, uint64:
		return json.Number(fmt.Sprint(v)), nil
	case []int32:
		return same(v)
	case []uint32:
		return same(v)
	}
	return "", fmt.Errorf("%T is no number", value)
}

func finite(text string) (json.Number, error) {
	if strings.ContainsAny(text, "NI") {
		return "", fmt.Errorf("it is %s", text)
	}
	return json.Number(text), nil
}

func same[T int32 | uint32](values []T) (json.Number, error) {
	if len(values) == 0 || slices.ContainsFunc(values, func(v T) bool { return v != values[0] }) {
		return "", fmt.Errorf("other values in each layer are not implemented")
	}
	return json.Number(fmt.Sprint(values[0])), nil
}
