package tokenizer

import (
	"encoding/json"
	"io/fs"
	"os"
	"slices"
	"testing"
	"testing/fstest"
)

// follows says which version of transformers is right where they differ: the
// newer, in which tokenizer.json's post-processor outdoes add_bos_token and the
// general class heeds no add_prefix_space. Qwen 2's there puts a space before
// every word, T5's takes the end for the unknown token, and BERT's makes a file that has
// words alone its own.
var follows = map[string]string{
	"Llama 2's class, no begin token": "5.23.0", "Llama 2's class, an end token": "5.23.0",
	"Gemma's class, no begin token": "5.23.0", "Gemma's class, an end token": "5.23.0",
	"GPT-NeoX's class, a begin token": "5.23.0", "no class, a prefix space": "5.23.0", "Fast class, a prefix space": "5.23.0",
	"cased, without a class": "5.23.0", "Qwen 2's class, a prefix space": "4.57.6", "GPT-2's files, a begin and an end token": "5.23.0",
	"further tokens in both": "4.57.6", "T5's class, no end token": "4.57.6", "words alone, lowered": "4.57.6",
}

// What tokenizer_config.json and the files beside it change is what it changes in
// transformers, 4.57 and 5.23, by the recordings of make_settings.py.
func TestSettingsEqualTransformers(t *testing.T) {
	for _, version := range []string{"4.57.6", "5.23.0"} {
		var recorded struct {
			Cases []struct {
				Name, Base string
				Config     json.RawMessage
				Files      map[string]json.RawMessage
				IDs        map[string][]int32
			}
		}
		if err := json.Unmarshal(fixture(t, "settings/transformers-"+version+".json"), &recorded); err != nil {
			t.Fatal(err)
		}
		if len(recorded.Cases) < 80 {
			t.Fatalf("%d cases", len(recorded.Cases))
		}
		folders := map[string]string{"byte-level": "settings/base", "vocab": "settings/vocab", "bert": "wordpiece_bert", "llama": "sentencepiece_llama2",
			"gemma": "sentencepiece_gemma", "qwen2": "bpe_qwen2", "llama3": "bpe_llama3", "cased": "wordpiece_cased", "plain": "wordpiece_plain", "t5": "unigram_t5", "o200k": "bpe_o200k"}
		for _, c := range recorded.Cases {
			t.Run(version+" "+c.Name, func(t *testing.T) {
				if right := follows[c.Name]; right != "" && right != version {
					t.Skipf("here transformers %s is followed", right)
				}
				files := fstest.MapFS{"tokenizer_config.json": {Data: c.Config}}
				for name, data := range c.Files {
					files[name] = &fstest.MapFile{Data: data}
				}
				base := os.DirFS("testdata/" + folders[c.Base])
				for _, name := range []string{"tokenizer.json", "vocab.json", "merges.txt"} {
					if data, err := fs.ReadFile(base, name); err == nil {
						files[name] = &fstest.MapFile{Data: data}
					}
				}
				tok, err := Open(files)
				if err != nil {
					t.Fatal(err)
				}
				for text, want := range c.IDs {
					got, err := tok.EncodeOffsets(text, Options{Template: true})
					if err != nil || !slices.Equal(tokenIDs(got), want) {
						t.Errorf("%q is %v, %v; transformers gives %v", text, tokenIDs(got), err, want)
					}
				}
			})
		}
	}
}

// OPT's files name their special tokens in tokenizer_config.json alone, since
// transformers 5 writes no special_tokens_map.json.
func TestSpecialTokensOfTheConfig(t *testing.T) {
	file := func(s string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(s)} }
	tok, err := Open(fstest.MapFS{
		"vocab.json": file(`{"<s>": 0, "<pad>": 1, "</s>": 2, "h": 3, "i": 4}`), "merges.txt": file(""),
		"tokenizer_config.json": file(`{"tokenizer_class": "GPT2Tokenizer", "add_bos_token": true, "pad_token": "<pad>", "unk_token": "</s>",
			"bos_token": {"content": "</s>", "normalized": true, "__type": "AddedToken"}}`),
	})
	if err != nil {
		t.Fatal(err)
	}
	got, err := tok.EncodeOffsets("</s>hi<pad>", Options{Template: true})
	if want := []int32{2, 2, 3, 4, 1}; err != nil || !slices.Equal(tokenIDs(got), want) {
		t.Errorf("%v, %v; want %v", got, err, want)
	}
}

// A byte-level vocabulary that lacks bytes has the unknown token for them, if it
// has one, and byte fallback works where it lacks bytes of other characters.
func TestUnknownBytes(t *testing.T) {
	tok := mustParse(t, tokenizerJSON(t, nil, object{"vocab": object{"a": 0, "b": 1, "<unk>": 2}, "merges": []string{}, "unk_token": "<unk>"}))
	for text, want := range map[string][]int32{"ab": {0, 1}, "a!b": {0, 2, 1}, "é": {2, 2}} {
		if got, err := tok.Encode(text); err != nil || !slices.Equal(got, want) {
			t.Errorf("%q: %v, %v; want %v", text, got, err, want)
		}
	}
	vocabulary := object{"<unk>": 0, "a": 1, "\t": 2}
	for b := range 256 {
		if b != '\t' { // as in Gemma's file, which has the character itself
			vocabulary[byteName(b)] = len(vocabulary)
		}
	}
	tok = mustParse(t, tokenizerJSON(t, object{"pre_tokenizer": nil, "decoder": object{"type": "ByteFallback"}},
		object{"vocab": vocabulary, "merges": []string{}, "unk_token": "<unk>", "byte_fallback": true}))
	for text, want := range map[string][]string{"a\t": {"a", "\t"}, "aé": {"a", "<0xC3>", "<0xA9>"}} {
		ids, err := tok.Encode(text)
		var got []string
		for _, id := range ids {
			got = append(got, tok.vocab.tokens[id])
		}
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%q: %q, %v; want %q", text, got, err, want)
		}
	}
}

func byteName(b int) string {
	const digits = "0123456789ABCDEF"
	return "<0x" + string([]byte{digits[b>>4], digits[b&15]}) + ">"
}
