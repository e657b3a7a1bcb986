package tokenizer

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

func TestNamesOfTokens(t *testing.T) {
	for _, c := range []struct{ file, text, label string }{
		{"sentencepiece_llama2", " a", " a"},
		{"sentencepiece_llama2", "\n", `\n`},
		{"sentencepiece_llama2", "\xc3", "<0xC3>"},
		{"sentencepiece_llama2", "\x00", `\x00`},
		{"sentencepiece_llama2", " ", " "},
		{"sentencepiece_llama2", "</s>", "</s>"},
		{"unigram_bytes", " the", " the"},
		{"metaspace_always", " To", " to"},
		{"wordpiece_bert", "mary", "mary"},
		{"wordpiece_bert", "Mary", "mary"},
		{"wordpiece_bert", "##s", "##s"},
		{"wordpiece_bert", "[MASK]", "[MASK]"},
	} {
		tok := openSmall(t, c.file)
		id, ok := tok.ID(c.text)
		if !ok {
			t.Errorf("%s: %q is no token", c.file, c.text)
		} else if got := tok.Label(id); got != c.label {
			t.Errorf("%s: Label of %q is %q, want %q", c.file, c.text, got, c.label)
		}
	}
	tok := openSmall(t, "sentencepiece_llama2")
	if id, _ := tok.ID(" "); tok.vocab.tokens[id] != metaspace {
		t.Errorf("a space is token %d, which is spelled %q", id, tok.vocab.tokens[id])
	}
	if id, ok := tok.ID("▁a"); ok {
		t.Errorf("a spelling is token %d", id)
	}
}

// Bytes that are not UTF-8 come back from byte fallback, and are unknown or
// left out elsewhere.
func TestBytesThatAreNoText(t *testing.T) {
	const text = "Mary \xff\xe3\x81 é\xc3"
	for name, want := range map[string]string{
		"bpe_o200k": text, "sentencepiece_llama2": text, "sentencepiece_gemma": text, "sentencepiece_first": text,
		"unigram_bytes": text, "wordpiece_bert": "mary e", "wordpiece_cased": "Mary é",
	} {
		tok := openSmall(t, name)
		ids, err := tok.Encode(text)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		got, err := tok.DecodeBytes(ids)
		if err != nil || string(got) != want {
			t.Errorf("%s: %q comes back as %q, %v, want %q", name, text, got, err, want)
		}
	}
	// A run of byte tokens that is no text is U+FFFD for each.
	tok := openSmall(t, "sentencepiece_llama2")
	ids, err := tok.Encode("\xe3\x81")
	if got := tok.Decode(ids); err != nil || got != "\uFFFD\uFFFD" {
		t.Errorf("decoded %q, %v", got, err)
	}
}

func TestWhatHasNoToken(t *testing.T) {
	wordPiece := object{
		"model":      object{"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##", "max_input_chars_per_word": 10, "vocab": object{"a": 0}},
		"normalizer": nil, "pre_tokenizer": object{"type": "WhitespaceSplit"}, "decoder": nil,
	}
	unigram := object{
		"model":      object{"type": "Unigram", "vocab": []any{[]any{"a", -1}}},
		"normalizer": object{"type": "Prepend", "prepend": "a"}, "pre_tokenizer": nil, "decoder": nil,
	}
	bpe := object{
		"model":      object{"type": "BPE", "vocab": object{"a": 0}, "merges": []string{}},
		"normalizer": nil, "pre_tokenizer": nil, "decoder": nil,
	}
	for name, c := range map[string]struct {
		file object
		text string
		want string
	}{
		"wordpiece": {wordPiece, "a é", `the character "é" at offset 2, in the word "é"`},
		"unigram":   {unigram, "aé", `the character "é" at offset 1, in the word "aaé"`},
		"bpe":       {bpe, "aaé", `the character "é" at offset 2`},
		"no text":   {bpe, "a\xff", `the character "\xff" at offset 1`},
	} {
		t.Run(name, func(t *testing.T) {
			tok := mustParse(t, tokenizerJSON(t, c.file, nil))
			if _, err := tok.Encode(c.text); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want %q in it", err, c.want)
			}
			// Without a decoder, tokens are joined with spaces.
			if ids, err := tok.Encode("a"); err != nil || tok.Decode(append(ids, 0)) != strings.Repeat("a ", len(ids))+"a" {
				t.Errorf("decoded %q, %v", tok.Decode(ids), err)
			}
		})
	}
}

func TestOpenOlderFiles(t *testing.T) {
	file := func(s string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(s)} }
	bert := file("[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nthe\nThe\n##s\ncafe\ncafé\n中\n")
	opt := fstest.MapFS{
		"vocab.json": file(`{"<s>": 0, "</s>": 1, "a": 2, "b": 3, "ab": 4, "Ġ": 5}`), "merges.txt": file("a b\n"),
		"special_tokens_map.json": file(`{"bos_token": {"content": "</s>", "lstrip": false}, "eos_token": "</s>", "additional_special_tokens": ["<s>"]}`),
		"tokenizer_config.json":   file(`{"add_bos_token": true, "bos_token": {"content": "</s>"}, "add_prefix_space": true, "tokenizer_class": "GPT2Tokenizer"}`),
	}
	with := func(files fstest.MapFS, name, data string) fstest.MapFS {
		out := fstest.MapFS{name: file(data)}
		for n, f := range files {
			if n != name {
				out[n] = f
			}
		}
		return out
	}
	for name, c := range map[string]struct {
		files fstest.MapFS
		text  string
		want  []int32
		err   string
	}{
		"bert":            {fstest.MapFS{"vocab.txt": bert}, "The [MASK] cafés中", []int32{2, 5, 4, 8, 7, 10, 3}, ""},
		"bert cased":      {with(fstest.MapFS{"vocab.txt": bert}, "tokenizer_config.json", `{"do_lower_case": false}`), "The café", []int32{2, 6, 9, 3}, ""},
		"bert accents":    {with(fstest.MapFS{"vocab.txt": bert}, "tokenizer_config.json", `{"strip_accents": false}`), "The café", []int32{2, 5, 9, 3}, ""},
		"bert ends":       {fstest.MapFS{"vocab.txt": file("[UNK]\n[CLS]\na\r\n")}, "", nil, "no [SEP] is in it"},
		"bert twice":      {fstest.MapFS{"vocab.txt": file("a\nb\na\n")}, "", nil, `line 3 is "a" once more`},
		"bert empty":      {fstest.MapFS{"vocab.txt": file("")}, "", nil, "vocab.txt: vocab is missing"},
		"opt":             {opt, "ab<s>ab", []int32{1, 5, 4, 0, 5, 4}, ""},
		"opt without bos": {with(opt, "tokenizer_config.json", `{"add_bos_token": true, "bos_token": null, "added_tokens_decoder": {}}`), "ab", []int32{4}, ""},
		"unknown class":   {with(opt, "tokenizer_config.json", `{"tokenizer_class": "CLIPTokenizer"}`), "", nil, `"CLIPTokenizer" is not known`},
		"bad config":      {with(opt, "tokenizer_config.json", `[]`), "", nil, "tokenizer_config.json: json"},
		"bad specials":    {with(opt, "special_tokens_map.json", `{"bos_token": 7}`), "", nil, "special_tokens_map.json: bos_token"},
	} {
		t.Run(name, func(t *testing.T) {
			tok, err := Open(c.files)
			if c.err != "" {
				if err == nil || !strings.Contains(err.Error(), c.err) {
					t.Errorf("error %v, want %q in it", err, c.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			got, err := tok.EncodeOffsets(c.text, Options{Template: true})
			if err != nil || !slices.Equal(tokenIDs(got), c.want) {
				t.Errorf("%v, %v, want %v", got, err, c.want)
			}
		})
	}
}

// The oldest files do not name their model's type.
func TestModelsWithoutAType(t *testing.T) {
	plain := func(model string) []byte {
		return fmt.Appendf(nil, `{"model": %s, "pre_tokenizer": {"type": "WhitespaceSplit"}, "decoder": null}`, model)
	}
	for _, model := range []string{
		`{"vocab": {"a": 0, "b": 1, "ab": 2}, "merges": ["a b"]}`,
		`{"unk_token": "a", "continuing_subword_prefix": "#", "max_input_chars_per_word": 9, "vocab": {"a": 0, "b": 1, "ab": 2}}`,
		`{"unk_id": 0, "vocab": [["a", -3], ["b", -3], ["ab", -1]]}`,
	} {
		tok := mustParse(t, plain(model))
		if ids, err := tok.Encode("ab"); err != nil || !slices.Equal(ids, []int32{2}) {
			t.Errorf("%s: %v, %v", model, ids, err)
		}
	}
}
