package arch

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"reflect"
	"slices"
	"strings"

	"github.com/golens/golens/model/config"
)

// A role is what keys of config.json say, under whatever name.
type role struct {
	keys  []string // the one that is written first, if none is there
	value func(c config.Config, keys map[string]json.RawMessage) any
}

func size(of func(config.Config) int, keys ...string) role {
	return role{keys, func(c config.Config, _ map[string]json.RawMessage) any { return of(c) }}
}

var roles = []role{
	size(func(c config.Config) int { return c.Vocab }, "vocab_size"),
	size(func(c config.Config) int { return c.DModel }, "hidden_size", "n_embd", "dim"),
	size(func(c config.Config) int { return c.Layers }, "num_hidden_layers", "n_layer", "n_layers", "num_layers"),
	size(func(c config.Config) int { return c.Heads }, "num_attention_heads", "n_head", "n_heads", "num_heads"),
	size(func(c config.Config) int { return c.KVHeads }, "num_key_value_heads", "n_kv_head", "num_kv_heads", "n_head_kv"),
	size(func(c config.Config) int { return c.DHead }, "head_dim", "d_head"),
	size(func(c config.Config) int { return c.DMLP }, "intermediate_size", "ffn_dim", "ffn_hidden_size", "hidden_dim", "n_inner"),
	{[]string{"max_position_embeddings", "n_positions"}, func(c config.Config, keys map[string]json.RawMessage) any {
		return c.Context + (&layout{config: c, keys: keys}).before()
	}},
	{[]string{"tie_word_embeddings"}, func(c config.Config, _ map[string]json.RawMessage) any { return c.Tied }},
	{[]string{"attn_scale", "attention_multiplier"}, func(c config.Config, _ map[string]json.RawMessage) any { return c.Scale }},
	{[]string{"query_pre_attn_scalar"}, func(c config.Config, _ map[string]json.RawMessage) any { return math.Round(1 / (c.Scale * c.Scale)) }},
	{[]string{"layer_types"}, func(c config.Config, _ map[string]json.RawMessage) any {
		return each(c, "sliding_attention", "full_attention")
	}},
	{[]string{"attention_layers"}, func(c config.Config, _ map[string]json.RawMessage) any { return each(c, "local", "global") }},
	{[]string{"attention_types"}, func(c config.Config, _ map[string]json.RawMessage) any {
		return [][]any{{each(c, "local", "global"), 1}}
	}},
	{[]string{"no_rope_layers"}, func(c config.Config, _ map[string]json.RawMessage) any { return each(c, 0, 1) }},
}

// each says of every layer whether it is local.
func each[T any](c config.Config, local, global T) []T {
	all := make([]T, c.Layers)
	for l := range all {
		if all[l] = global; c.IsLocal(l) {
			all[l] = local
		}
	}
	return all
}

// rewrite is a config.json that says c where the one at hand says from.
func rewrite(raw []byte, from, c config.Config, flags map[string]bool) ([]byte, error) {
	var keys map[string]json.RawMessage
	if err := json.Unmarshal(AsJSON(raw), &keys); err != nil {
		return nil, fmt.Errorf("config.json: %w", err)
	}
	reads, err := Keys(c.Family)
	if err != nil {
		return nil, err
	}
	known := map[string]bool{}
	for _, k := range reads {
		known[k.Name] = true
	}
	set := func(key string, value any) {
		if data, err := json.Marshal(value); err == nil {
			keys[key] = data
		}
	}
	for _, r := range roles {
		value := r.value(c, keys)
		if reflect.DeepEqual(value, r.value(from, keys)) {
			continue
		}
		var there []string
		for _, key := range r.keys {
			if raw, ok := keys[key]; ok && (string(raw) != "null" || known[key]) {
				there = append(there, key)
			}
		}
		if there == nil {
			for _, key := range r.keys {
				if known[key] && there == nil {
					there = []string{key}
				}
			}
		}
		for _, key := range there {
			set(key, value)
		}
	}
	for key, value := range flags {
		if known[key] {
			set(key, value)
		}
	}
	if c.Family == "opt" {
		set("word_embed_proj_dim", c.DModel) // projections are multiplied into the embeddings
	}
	for _, key := range []string{"torch_dtype", "dtype"} {
		if _, ok := keys[key]; ok {
			set(key, "float32")
		}
	}
	if raw, err = json.MarshalIndent(keys, "", "  "); err != nil {
		return nil, err
	}
	got, _, err := Parse(raw)
	if err != nil {
		return nil, fmt.Errorf("model type %s cannot have these sizes: %w", c.Family, err)
	}
	got.Warnings, c.Warnings, got.Headless = nil, nil, c.Headless
	if a, b := reflect.ValueOf(got), reflect.ValueOf(c); !reflect.DeepEqual(got, c) {
		var differ []string
		for i := range a.NumField() {
			if !reflect.DeepEqual(a.Field(i).Interface(), b.Field(i).Interface()) {
				differ = append(differ, fmt.Sprintf("%s is %v, which its config.json can only have as %v", a.Type().Field(i).Name, b.Field(i), a.Field(i)))
			}
		}
		return nil, fmt.Errorf("model type %s cannot have these sizes: %s", c.Family, strings.Join(differ, "; "))
	}
	return append(raw, '\n'), nil
}

// biases are the weights that a key of config.json gives a model, all or none.
var biases = map[string][]string{
	"attention_bias": {"attn.b_Q", "attn.b_K", "attn.b_V", "attn.b_O"},
	"use_qkv_bias":   {"attn.b_Q", "attn.b_K", "attn.b_V"},
	"mlp_bias":       {"mlp.b_gate", "mlp.b_in", "mlp.b_out"},
	"use_bias":       {"attn.b_Q", "attn.b_K", "attn.b_V", "attn.b_O", "mlp.b_in", "mlp.b_out"},
	"bias":           {"attn.b_Q", "attn.b_K", "attn.b_V", "attn.b_O", "mlp.b_in", "mlp.b_out"},
}

// biasKeys are those of them that a family reads.
func biasKeys(family string) []string {
	reads, err := Keys(family)
	if err != nil {
		return nil
	}
	var all []string
	for _, k := range reads {
		if biases[k.Name] != nil && !slices.Contains(all, k.Name) {
			all = append(all, k.Name)
		}
	}
	return all
}

// canBias tells whether transformers reads an optional weight of the family.
func canBias(family, weight string) bool {
	_, local, block := LayerOf(weight)
	if !block || !strings.Contains(local, ".b_") || family == "attn_only" {
		return true
	}
	switch family {
	case "gpt_bigcode":
		return true
	case "qwen2":
		return slices.Contains(biases["use_qkv_bias"], local)
	}
	return slices.ContainsFunc(biasKeys(family), func(key string) bool { return slices.Contains(biases[key], local) })
}

// completed gives a model that has some of the biases of a key the others too, as
// zeros, and says which keys are set. What one layer has, all have.
func completed(c config.Config, params Params) (Params, map[string]bool) {
	params = maps.Clone(params)
	shapes, flags, has := Shapes(c), map[string]bool{}, map[string]bool{}
	for name := range params {
		if _, local, ok := LayerOf(name); ok && optional(name) {
			has[local] = true
		}
	}
	for _, key := range biasKeys(c.Family) {
		flags[key] = slices.ContainsFunc(biases[key], func(local string) bool { return has[local] })
		for _, local := range biases[key] {
			has[local] = has[local] || flags[key]
		}
	}
	for local := range has {
		for l := range c.Layers {
			name := LayerName(l, local)
			if shape, ok := shapes[name]; ok && has[local] && params[name].Data == nil {
				params[name] = Param{shape, absent(name, shape[0])}
			}
		}
	}
	return params, flags
}
