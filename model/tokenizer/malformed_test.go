package tokenizer

import (
	"encoding/json"
	"errors"
	"io/fs"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

func TestParseRefuses(t *testing.T) {
	added := func(entries ...object) object { return object{"added_tokens": entries} }
	pre := func(v any) object { return object{"pre_tokenizer": v} }
	post := func(v any) object { return object{"post_processor": v} }
	template := func(special object, single ...object) object {
		return post(object{"type": "TemplateProcessing", "single": single, "special_tokens": special})
	}
	text := object{"Sequence": object{"id": "A", "type_id": 0}}
	bos := object{"SpecialToken": object{"id": "<s>", "type_id": 0}}
	for _, c := range []struct {
		name         string
		parts, model object
		want         string // in the error
	}{
		{"model type", nil, object{"type": "WordLevel"}, `model: type "WordLevel"`},
		{"unigram in byte letters", nil, object{"type": "Unigram"}, `model: type "Unigram" is not supported with a ByteLevel`},
		{"wordpiece in byte letters", nil, object{"type": "WordPiece"}, `model: type "WordPiece" is not supported with a ByteLevel`},
		{"byte fallback without bytes", nil, object{"vocab": object{"a": 0}, "merges": []string{}, "byte_fallback": true}, "byte_fallback true"},
		{"model field", nil, object{"alpha": 0.1}, `unknown field "alpha"`},
		{"field", object{"sampling": true}, nil, `unknown field "sampling"`},
		{"version", object{"version": "2.0"}, nil, `version: "2.0"`},
		{"dropout", nil, object{"dropout": 0.1}, "dropout 0.1"},
		{"subword prefix", nil, object{"continuing_subword_prefix": "##"}, `continuing_subword_prefix "##"`},
		{"word suffix", nil, object{"end_of_word_suffix": "</w>"}, `end_of_word_suffix "</w>"`},
		{"unknown token without bytes", nil, object{"vocab": object{"a": 0}, "merges": []string{}, "unk_token": "b"}, `unk_token "b"`},
		{"no vocabulary", nil, object{"vocab": nil}, "vocab is missing"},
		{"no type and no merges", nil, object{"type": nil, "merges": nil}, "no type, and neither merges"},
		{"no merges", nil, object{"merges": nil}, "merges is missing"},
		{"no model", object{"model": nil}, nil, "model: missing"},
		{"negative id", nil, object{"vocab": object{"a": -1}, "merges": []string{}}, `"a" has id -1`},
		{"huge id", nil, object{"vocab": object{"a": 1 << 40}, "merges": []string{}}, "has id 1099511627776"},
		{"fractional id", nil, object{"vocab": object{"a": 0.5}}, "model: json"},
		{"id twice", nil, object{"vocab": object{"a": 0, "b": 0}, "merges": []string{}}, "two tokens have id 0"},
		{"merge of nothing known", nil, object{"merges": []string{"h x", "he x"}}, `"hx" is not in the vocabulary`},
		{"merge part unknown", nil, object{"merges": []string{"hh e"}}, `"hh" is not in the vocabulary`},
		{"merge of one part", nil, object{"merges": []string{"he"}}, `entry "he" is not two tokens`},
		{"merge of three parts", nil, object{"merges": []string{"h e x"}}, `entry "h e x" is not two tokens`},
		{"merge array of three", nil, object{"merges": []any{[]string{"h", "e", "x"}}}, "has 3 parts"},
		{"merge number", nil, object{"merges": []any{7}}, "model: json"},
		{"normalizer", object{"normalizer": object{"type": "Precompiled", "precompiled_charsmap": ""}}, nil, `normalizer: type "Precompiled"`},
		{"normalizer in sequence", object{"normalizer": object{"type": "Sequence", "normalizers": []object{{"type": "NFC"}, {"type": "Nmt"}}}}, nil, `normalizer: type "Nmt"`},
		{"normalizer field", object{"normalizer": object{"type": "NFC", "version": 16}}, nil, `normalizer: json: unknown field "version"`},
		{"normalizer lacks", object{"normalizer": object{"type": "BertNormalizer", "lowercase": true}}, nil, "normalizer: clean_text is missing"},
		{"replace pattern", object{"normalizer": object{"type": "Replace", "pattern": object{"Regex": "x+"}, "content": ""}}, nil, `Replace pattern "x+"`},
		{"a chain that multiplies", object{"normalizer": object{"type": "Sequence", "normalizers": slices.Repeat([]object{
			{"type": "Replace", "pattern": object{"String": "a"}, "content": "aa"}}, 60)}}, nil, "may make a text 1.15e+18 times as long"},
		{"nested sequences", object{"normalizer": json.RawMessage(strings.Repeat(`{"type":"Sequence","normalizers":[`, 1000) + strings.Repeat("]}", 1000))},
			nil, "normalizer: nested more than 32 deep"},
		{"nested pre-tokenizers", pre(json.RawMessage(strings.Repeat(`{"type":"Sequence","pretokenizers":[`, 20) + strings.Repeat("]}", 20))),
			nil, "pre_tokenizer: nested more than 32 deep"},
		{"replace nothing", object{"normalizer": object{"type": "Replace", "pattern": object{"String": ""}, "content": "x"}}, nil, "the String is empty"},
		{"pattern of two", object{"normalizer": object{"type": "Replace", "pattern": object{"String": "a", "Regex": "a"}, "content": "x"}}, nil, "want a Regex or a String"},
		{"no pre-tokenizer", pre(nil), nil, `decoder: type "ByteLevel" is not supported`},
		{"pre-tokenizer", pre(object{"type": "UnicodeScripts"}), nil, `pre_tokenizer: type "UnicodeScripts"`},
		{"metaspace of two", pre(object{"type": "Metaspace", "replacement": "__"}), nil, `replacement "__" is not one character`},
		{"metaspace scheme", pre(object{"type": "Metaspace", "replacement": "_", "prepend_scheme": "last"}), nil, `prepend_scheme "last"`},
		{"metaspace contradiction", pre(object{"type": "Metaspace", "replacement": "_", "prepend_scheme": "first", "add_prefix_space": false}), nil, "contradicts"},
		{"punctuation behavior", pre(sequence(object{"type": "Punctuation", "behavior": "Swapped"}, byteLevel(false, false))), nil, `Punctuation behavior "Swapped"`},
		{"split pattern", pre(sequence(split(`\w+`, "Isolated", false), byteLevel(false, false))), nil, `pattern "\\w+" is not known`},
		{"split behavior", pre(sequence(split(gpt2Pattern, "MergedWithNext", false), byteLevel(false, false))), nil, `behavior "MergedWithNext"`},
		{"split at string inverted", pre(sequence(object{"type": "Split", "pattern": object{"String": "x"}, "behavior": "Removed", "invert": true}, byteLevel(false, false))), nil, `behavior "Removed" with invert true`},
		{"split without pattern", pre(sequence(object{"type": "Split"}, byteLevel(false, false))), nil, "pattern is missing"},
		{"split after byte level", pre(sequence(byteLevel(false, false), split(gpt2Pattern, "Isolated", false))), nil, `"Split" after ByteLevel`},
		{"byte level in a sequence", pre(sequence(sequence(byteLevel(false, false)), object{"type": "Digits"})), nil, `"Digits" after ByteLevel`},
		{"digits", pre(sequence(object{"type": "Digits"}, byteLevel(false, true))), nil, "individual_digits is missing"},
		{"no decoder", object{"decoder": nil}, nil, `decoder: type "" is not supported with a ByteLevel`},
		{"decoder", object{"decoder": object{"type": "WordPiece"}}, nil, `decoder: type "WordPiece"`},
		{"decoder is a list", object{"decoder": []int{1}}, nil, "decoder: json"},
		{"post-processor", post(object{"type": "Other"}), nil, `post_processor: type "Other"`},
		{"ends", post(object{"type": "BertProcessing", "cls": []any{"a", 0}}), nil, "sep is missing"},
		{"end of three parts", post(object{"type": "BertProcessing", "cls": []any{"a", 0}, "sep": []any{"a", 0, 0}}), nil, "has 3 parts"},
		{"end's id", post(object{"type": "RobertaProcessing", "cls": []any{"a", 0}, "sep": []any{"a", -1}}), nil, "id -1, which is no token"},
		{"template of a pair", template(nil, object{"Sequence": object{"id": "B", "type_id": 0}}), nil, `names the text "B"`},
		{"template without its token", template(nil, bos, text), nil, `special_tokens lacks "<s>"`},
		{"template id", template(object{"<s>": object{"ids": []int{9999}}}, bos, text), nil, "id 9999, which is no token"},
		{"template without text", template(object{"<s>": object{"ids": []int{0}}}, bos), nil, "holds the text 0 times"},
		{"template item", template(nil, object{}), nil, "neither SpecialToken nor Sequence"},
		{"two templates", post(object{"type": "Sequence", "processors": []object{
			template(object{"<s>": object{"ids": []int{0}}}, bos, text)["post_processor"].(object),
			template(object{"<s>": object{"ids": []int{0}}}, bos, text)["post_processor"].(object),
		}}), nil, "a second template"},
		{"added without content", added(addedEntry(300, "")), nil, "has no content"},
		{"added with huge id", added(addedEntry(freeID, "<s>")), nil, "has id 262144"},
		{"added that vanishes", object{"normalizer": object{"type": "Strip", "strip_left": true, "strip_right": true}, "added_tokens": []object{addedEntry(300, "  ", "normalized")}}, nil, "nothing once it is normalized"},
		{"added twice", added(addedEntry(300, "<s>"), addedEntry(301, "<s>")), nil, "also id 300"},
		{"added at a word's id", added(addedEntry(256, "<s>")), nil, `already stands for "he"`},
		{"added at another id", added(addedEntry(300, "he")), nil, "id 256 in the vocabulary"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Parse(tokenizerJSON(t, c.parts, c.model))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v\nwant %q in it", err, c.want)
			}
		})
	}
}

func TestParseRefusesWhatIsNoJSON(t *testing.T) {
	for name, data := range map[string]string{"empty": "", "cut": `{"model": {"vocab"`, "a list": "[]", "nothing in it": "{}"} {
		t.Run(name, func(t *testing.T) {
			if _, err := Parse([]byte(data)); err == nil || !strings.Contains(err.Error(), "tokenizer.json") {
				t.Errorf("error %v, want one that names tokenizer.json", err)
			}
		})
	}
}

func TestOpen(t *testing.T) {
	file := func(s string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(s)} }
	vocabulary := file(`{"a": 0, "b": 1, "ab": 2, "<|endoftext|>": 3}`)
	for _, c := range []struct {
		name    string
		files   fstest.MapFS
		want    string // in the error, or "" for none
		missing bool
	}{
		{"gpt2", fstest.MapFS{"vocab.json": vocabulary, "merges.txt": file("#version: 0.2\r\na b\r\n")}, "", false},
		{"tokenizer.json first", fstest.MapFS{"vocab.json": vocabulary, "tokenizer.json": file("{}")}, "tokenizer.json: model: missing", false},
		{"nothing", fstest.MapFS{}, "neither tokenizer.json, vocab.json, vocab.txt nor tokenizer.model", true},
		{"no merges", fstest.MapFS{"vocab.json": vocabulary}, "vocab.json needs merges.txt", true},
		{"merge of three", fstest.MapFS{"vocab.json": vocabulary, "merges.txt": file("a b c\n")}, `merges.txt: merges: entry "a b c"`, false},
		{"merge unknown", fstest.MapFS{"vocab.json": vocabulary, "merges.txt": file("b a\n")}, `merges.txt: merges: entry 0, "b" with "a"`, false},
		{"no tokens", fstest.MapFS{"vocab.json": file("{}"), "merges.txt": file("")}, "vocab.json: vocab is missing", false},
		{"vocabulary is a list", fstest.MapFS{"vocab.json": file("[]"), "merges.txt": file("")}, "vocab.json: json", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			tok, err := Open(c.files)
			if c.want == "" {
				if err != nil {
					t.Fatal(err)
				}
				if ids, err := tok.Encode("ab<|endoftext|>"); err != nil || len(ids) != 2 || !tok.Special(ids[1]) {
					t.Errorf("ids %v, %v", ids, err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want %q in it", err, c.want)
			}
			if got := errors.Is(err, fs.ErrNotExist); got != c.missing {
				t.Errorf("wraps fs.ErrNotExist: %v, want %v", got, c.missing)
			}
		})
	}
}
