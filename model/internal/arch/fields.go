package arch

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/golens/golens/model/config"
)

// fields reads the keys of a config.json one by one and keeps the first error.
// A key that nobody has read and that is not known to be without effect is an
// error too: a model is computed as its config says, or not at all.
type fields struct {
	keys map[string]json.RawMessage
	read map[string]bool
	err  error
}

func newFields(raw json.RawMessage) *fields {
	f := &fields{read: map[string]bool{}}
	f.err = json.Unmarshal(raw, &f.keys)
	return f
}

// get reads a key into a variable, which keeps its value if the key is absent
// or null. It tells whether there was a value.
func (f *fields) get(key string, into any) bool {
	f.read[key] = true
	value, ok := f.keys[key]
	if !ok || string(value) == "null" || f.err != nil {
		return false
	}
	if err := json.Unmarshal(value, into); err != nil {
		f.err = fmt.Errorf("%s is %s: %w", key, short(value), err)
	}
	return f.err == nil
}

func (f *fields) int(key string, otherwise int) int {
	f.get(key, &otherwise)
	return otherwise
}

func (f *fields) float(key string, otherwise float64) float64 {
	f.get(key, &otherwise)
	return otherwise
}

func (f *fields) bool(key string, otherwise bool) bool {
	f.get(key, &otherwise)
	return otherwise
}

func (f *fields) text(key, otherwise string) string {
	f.get(key, &otherwise)
	return otherwise
}

// token is a token's id, nil if there is none; of several it is the first.
func (f *fields) token(key string) *int {
	var one int
	var several []int
	switch value := f.keys[key]; {
	case len(value) > 0 && value[0] == '[':
		if f.get(key, &several); len(several) > 0 {
			return &several[0]
		}
		return nil
	case f.get(key, &one):
		return &one
	}
	return nil
}

// act is an activation function.
func (f *fields) act(key, otherwise string) string {
	act, err := activation(f.text(key, otherwise))
	if err != nil && f.err == nil {
		f.err = fmt.Errorf("%s: %w", key, err)
	}
	return act
}

// must refuses any value of a key but one.
func (f *fields) must(key string, only any) {
	value, ok := f.keys[key]
	f.read[key] = true
	want, err := json.Marshal(only)
	if ok && err == nil && string(value) != "null" && string(value) != string(want) && f.err == nil {
		f.err = fmt.Errorf("%s is %s; only %s is implemented", key, short(value), want)
	}
}

// common reads what every family has under the same name.
func (f *fields) common(c *config.Config, tied bool) {
	c.BOS, c.EOS = f.token("bos_token_id"), f.token("eos_token_id")
	c.Tied = f.bool("tie_word_embeddings", tied)
	f.must("is_decoder", !c.Encoder)
	f.must("add_cross_attention", false)
}

// done is the error met, or that of the first key which nobody has read.
func (f *fields) done() error {
	if f.err != nil {
		return f.err
	}
	for _, key := range slices.Sorted(maps.Keys(f.keys)) {
		value := string(f.keys[key])
		nothing := value == "null" || value == "false" || value == "{}" || value == "[]" || value == `""`
		if !f.read[key] && !nothing && !inert(key) {
			return fmt.Errorf("%s is %s; golens does not know what that does to the model, and will not guess", key, short(f.keys[key]))
		}
	}
	return nil
}

// inert tells whether a key has no effect on what a model computes: training,
// generation, bookkeeping, heads for other tasks.
func inert(key string) bool {
	for _, part := range []string{"dropout", "pdrop", "drop_", "layerdrop", "init", "summary_", "classifier", "label", "_token_id",
		"torch", "dtype", "transformers_version", "attn_implementation", "gradient_checkpointing"} {
		if strings.Contains(key, part) {
			return true
		}
	}
	return slices.Contains([]string{
		"_name_or_path", "architectures", "auto_map", "cache_implementation", "chunk_size_feed_forward", "finetuning_task", "language",
		"model_type", "n_ctx", "num_return_sequences", "output_attentions", "output_hidden_states", "prefix", "pretraining_tp",
		"problem_type", "reorder_and_upcast_attn", "return_dict", "task_specific_params", "tokenizer_class", "use_cache",
		"use_return_dict", "license", "name_or_path", "batch_size", "seed", "max_length", "temperature", "top_k", "top_p", "do_sample",
	}, key)
}

func short(value json.RawMessage) string {
	if len(value) > 60 {
		return string(value[:60]) + "..."
	}
	return string(value)
}
