package tokenizer

import (
	"encoding/json"
	"maps"
	"testing"
)

// object is a JSON object of a tokenizer.json made by a test.
type object = map[string]any

// tokenizerJSON makes a small file, whose vocabulary is the 256 bytes and
// "he", and replaces some of its parts; a nil in model deletes a field.
func tokenizerJSON(t testing.TB, parts, model object) []byte {
	t.Helper()
	vocabulary := object{"he": 256}
	for id, b := range byteOrder {
		vocabulary[string(byteLetter[b])] = id
	}
	m := object{"type": "BPE", "vocab": vocabulary, "merges": []string{"h e"}}
	maps.Copy(m, model)
	maps.DeleteFunc(m, func(_ string, v any) bool { return v == nil })
	f := object{
		"added_tokens": []object{}, "normalizer": nil, "post_processor": nil,
		"pre_tokenizer": byteLevel(false, true), "decoder": object{"type": "ByteLevel"}, "model": m,
	}
	maps.Copy(f, parts)
	data, err := json.Marshal(f)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func byteLevel(prefixSpace, regex bool) object {
	return object{"type": "ByteLevel", "add_prefix_space": prefixSpace, "use_regex": regex}
}

func addedEntry(id int, content string, flags ...string) object {
	entry := object{"id": id, "content": content}
	for _, flag := range flags {
		entry[flag] = true
	}
	return entry
}

func split(pattern, behavior string, invert bool) object {
	return object{"type": "Split", "pattern": object{"Regex": pattern}, "behavior": behavior, "invert": invert}
}

func sequence(steps ...any) object {
	return object{"type": "Sequence", "pretokenizers": steps}
}

func mustParse(t testing.TB, data []byte) *Tokenizer {
	t.Helper()
	tok, err := Parse(data)
	if err != nil {
		t.Fatal(err)
	}
	return tok
}
