package arch

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"

	"github.com/golens/golens/model/config"
)

// fields reads the keys of a config.json one by one and keeps the first error.
// What a family reads is noted, so that the rest can be told from it: keys that
// are known to change nothing are passed over, others are warned of.
type fields struct {
	keys     map[string]json.RawMessage
	read     map[string]bool
	order    []Key // what was read, in that order
	warnings []string
	err      error
}

// A Key is one that a family reads.
type Key struct {
	Name    string
	Default string // what is taken where config.json has none, as JSON; "" for nothing
	Only    bool   // no other value than the default is implemented
}

func newFields(raw json.RawMessage) *fields {
	f := &fields{read: map[string]bool{}}
	f.err = json.Unmarshal(raw, &f.keys)
	return f
}

// note remembers that a key is read.
func (f *fields) note(key string, otherwise any, only bool) {
	if f.read[key] {
		return
	}
	f.read[key] = true
	text := ""
	if v := reflect.ValueOf(otherwise); v.IsValid() && v.Kind() != reflect.Pointer && v.Kind() != reflect.Slice && v.Kind() != reflect.Map {
		if raw, err := json.Marshal(otherwise); err == nil {
			text = string(raw)
		}
	}
	f.order = append(f.order, Key{key, text, only})
}

// ignored reads a key that changes nothing in this family.
func (f *fields) ignored(keys ...string) {
	for _, key := range keys {
		f.read[key] = true
	}
}

// warn says what is computed otherwise than somebody might think.
func (f *fields) warn(format string, args ...any) {
	f.warnings = append(f.warnings, "config.json: "+fmt.Sprintf(format, args...))
}

// fail keeps the first error.
func (f *fields) fail(format string, args ...any) {
	if f.err == nil {
		f.err = fmt.Errorf(format, args...)
	}
}

// null tells whether a key is there and null.
func (f *fields) null(key string) bool {
	value, ok := f.keys[key]
	return ok && string(value) == "null"
}

// alias takes a key's value where config.json has it under another name, which
// transformers allows too.
func (f *fields) alias(names ...string) {
	for i := 0; i < len(names); i += 2 {
		key, other := names[i], names[i+1]
		value, ok := f.keys[other]
		f.read[other] = true
		if !ok || f.keys == nil {
			continue
		}
		if own, both := f.keys[key]; both && string(own) != string(value) {
			f.fail("%s is %s and %s is %s; they are two names of one number", key, short(own), other, short(value))
		}
		f.keys[key] = value
	}
}

// get reads a key into a variable, which keeps its value if the key is absent
// or null. It tells whether there was a value.
func (f *fields) get(key string, into any) bool {
	f.note(key, reflect.ValueOf(into).Elem().Interface(), false)
	value, ok := f.keys[key]
	if !ok || string(value) == "null" || f.err != nil {
		return false
	}
	if err := json.Unmarshal(value, into); err != nil {
		f.fail("%s is %s; it must be %s", key, short(value), wants(into))
	}
	return f.err == nil
}

// wants says in JSON's words what a variable takes.
func wants(into any) string {
	t := reflect.TypeOf(into).Elem()
	many := ""
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice {
		if t.Kind() == reflect.Slice {
			many = "a list, each "
		}
		t = t.Elem()
	}
	switch t.Kind() {
	case reflect.Int, reflect.Int32, reflect.Int64:
		return many + "a whole number"
	case reflect.Float64:
		return many + "a number"
	case reflect.Bool:
		return many + "true or false"
	case reflect.String:
		return many + "a text"
	}
	return many + "an object"
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
	f.note(key, nil, false)
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
	if err != nil {
		f.fail("%s: %w", key, err)
	}
	return act
}

// must refuses any value of a key but one.
func (f *fields) must(key string, only any) {
	value, ok := f.keys[key]
	f.note(key, only, true)
	want, err := json.Marshal(only)
	if ok && err == nil && string(value) != "null" && string(value) != string(want) {
		f.fail("%s is %s; only %s is implemented", key, short(value), want)
	}
}

// common reads what every family has under the same name.
func (f *fields) common(c *config.Config, tied bool) {
	c.BOS, c.EOS = f.token("bos_token_id"), f.token("eos_token_id")
	c.Tied = f.bool("tie_word_embeddings", tied)
	if c.Encoder {
		f.must("is_decoder", false)
	} else {
		f.ignored("is_decoder") // a causal model is one whatever it says
	}
	f.must("add_cross_attention", false)
	f.must("is_encoder_decoder", false)
	f.must("pruned_heads", struct{}{})
	if value, ok := f.keys["quantization_config"]; ok && string(value) != "null" && string(value) != "{}" {
		var q struct {
			Method string `json:"quant_method"`
		}
		_ = json.Unmarshal(value, &q) // without a method it is said as it stands
		f.fail("quantization_config is %s: weights quantized that way (%s) are not read; open the model that it was made from, or a GGUF file of it",
			short(value), cmp.Or(q.Method, "no method is named"))
	}
	f.note("quantization_config", nil, true)
}

// done is the error met. Keys that nobody has read and that are not known to be
// without effect become warnings.
func (f *fields) done() error {
	if f.err != nil {
		return f.err
	}
	for _, key := range slices.Sorted(maps.Keys(f.keys)) {
		value := string(f.keys[key])
		nothing := value == "null" || value == "false" || value == "{}" || value == "[]" || value == `""`
		if !f.read[key] && !nothing && !inert(key) {
			f.warn("%s is %s, which golens does not know and leaves aside", key, short(f.keys[key]))
		}
	}
	return nil
}

func short(value json.RawMessage) string {
	if len(value) > 60 {
		return string(value[:60]) + "..."
	}
	return string(value)
}
