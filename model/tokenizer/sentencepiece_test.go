package tokenizer

import (
	"os"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"google.golang.org/protobuf/encoding/protowire"
)

// modelFile is a folder that holds a tokenizer.model, and perhaps a configuration.
func modelFile(t testing.TB, name, config string) fstest.MapFS {
	t.Helper()
	data, err := os.ReadFile("testdata/" + name + "/tokenizer.model")
	if err != nil {
		t.Fatal(err)
	}
	files := fstest.MapFS{"tokenizer.model": {Data: data}}
	if config != "" {
		files["tokenizer_config.json"] = &fstest.MapFile{Data: []byte(config)}
	}
	return files
}

// Texts become what SentencePiece makes of them, and come back.
func TestSentencePieceModels(t *testing.T) {
	for _, name := range []string{"spm_llama", "spm_gemma", "spm_users", "spm_unknown"} {
		t.Run(name, func(t *testing.T) {
			tok, err := Open(modelFile(t, name, `{"add_bos_token": false}`))
			if err != nil {
				t.Fatal(err)
			}
			for _, c := range fixtureCases(t, name+"/cases.jsonl.gz") {
				ids, err := tok.Encode(c.Text)
				if err != nil || !slices.Equal(ids, c.IDs) {
					t.Errorf("%q is\n%v, %v; SentencePiece says\n%v", c.Text, ids, err, c.IDs)
					continue
				}
				if back := tok.Decode(ids); name != "spm_unknown" && back != c.Decoded {
					t.Errorf("%q comes back as %q; SentencePiece says %q", c.Text, back, c.Decoded)
				}
			}
		})
	}
}

// A text begins with the begin token unless the configuration says otherwise.
func TestSentencePieceEnds(t *testing.T) {
	for config, want := range map[string]int{"": 1, `{"add_bos_token": true, "bos_token": "<s>"}`: 1, `{"add_bos_token": false}`: 0} {
		tok, err := Open(modelFile(t, "spm_llama", config))
		if err != nil {
			t.Fatal(err)
		}
		if before, after := tok.Template(); len(before) != want || len(after) != 0 || want == 1 && before[0] != 1 {
			t.Errorf("%s: %v, %v", config, before, after)
		}
	}
}

// What golens would cut otherwise is refused, and says what to do.
func TestSentencePieceIsRefused(t *testing.T) {
	for want, change := range map[string]struct {
		message, field protowire.Number
		value          []byte
	}{
		"kind 1":                          {modelTrainer, trainerKind, []byte{1}},
		"treat_whitespace_as_suffix true": {modelTrainer, trainerSuffix, []byte{1}},
		"table of 3 bytes":                {modelNormalizer, normalizerMap, []byte("\x03abc")},
		"(remove_extra_whitespaces)":      {modelNormalizer, normalizerTrim, []byte{1}},
		"escape_whitespaces is false":     {modelNormalizer, normalizerEscape, []byte{0}},
	} {
		files := modelFile(t, "spm_llama", "")
		kind := protowire.VarintType
		if change.field == normalizerMap && change.message == modelNormalizer {
			kind = protowire.BytesType
		}
		message := append(protowire.AppendTag(nil, change.field, kind), change.value...)
		data := protowire.AppendTag(files["tokenizer.model"].Data, change.message, protowire.BytesType) // the last value of a field counts
		files["tokenizer.model"].Data = protowire.AppendBytes(data, message)
		if _, err := Open(files); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "save_pretrained") {
			t.Errorf("%s: %v", want, err)
		}
	}
	for _, data := range []string{"", "IQ== 0\nIg== 1\n", "\x0a\xff\xff\xff\xff\xff\x01", "\x0a\x02\x0a\x00"} {
		if _, err := Open(fstest.MapFS{"tokenizer.model": {Data: []byte(data)}}); err == nil || !strings.Contains(err.Error(), "no file of SentencePiece's") {
			t.Errorf("%q: %v", data, err)
		}
	}
}

// Malformed files give an error and end.
func FuzzSentencePiece(f *testing.F) {
	for _, name := range []string{"spm_llama", "spm_gemma"} {
		data, err := os.ReadFile("testdata/" + name + "/tokenizer.model")
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data[:min(len(data), 600)])
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		tok, err := Open(fstest.MapFS{"tokenizer.model": {Data: data}})
		if err == nil {
			_, _ = tok.Encode("Mary and John")
		}
	})
}
