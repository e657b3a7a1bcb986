package tokenizer

import (
	"strings"
	"testing"
)

func TestLabel(t *testing.T) {
	tok := openGPT2(t)
	for text, want := range map[string]string{
		" Mary": " Mary", "\n": `\n`, "\t": `\t`, " ": " ", "\x07": `\a`, "\xc3": "<0xC3>", "\u200b": `\u200b`, "\u00a0": `\u00a0`,
		" the": " the", "'": "'", `"`: `"`, `\`: `\`, "é": "é", " \xf0\x9f": " <0xF0><0x9F>", "<|endoftext|>": "<|endoftext|>",
	} {
		id, ok := tok.ID(text)
		if !ok {
			t.Errorf("%q is no token", text)
		} else if got := tok.Label(id); got != want {
			t.Errorf("Label of %q is %q, want %q", text, got, want)
		}
	}
	for id, want := range map[int32]string{-1: "<id -1>", 50257: "<id 50257>"} {
		if got := tok.Label(id); got != want {
			t.Errorf("Label(%d) = %q, want %q", id, got, want)
		}
	}
}

func TestID(t *testing.T) {
	tok := openGPT2(t)
	for text, want := range map[string]int32{" Mary": 5335, "Mary": 24119, "<|endoftext|>": 50256, " ": 220} {
		if id, ok := tok.ID(text); !ok || id != want {
			t.Errorf("ID(%q) = %d, %v, want %d", text, id, ok, want)
		}
	}
	for _, text := range []string{"", "ĠMary", " Mary and"} {
		if id, ok := tok.ID(text); ok {
			t.Errorf("ID(%q) = %d, want none", text, id)
		}
	}
}

func TestDecodeWhatIsNoToken(t *testing.T) {
	// Added token 300 leaves holes at 257 to 299.
	tok := mustParse(t, tokenizerJSON(t, object{"added_tokens": []object{addedEntry(300, "<s>")}}, nil))
	for _, id := range []int32{-1, 257, 301, 1 << 30} {
		if got := tok.Decode([]int32{256, id, 300}); got != "he\uFFFD<s>" {
			t.Errorf("Decode with id %d = %q", id, got)
		}
		if _, err := tok.DecodeBytes([]int32{256, id}); err == nil || !strings.Contains(err.Error(), "at position 1 is no token") {
			t.Errorf("DecodeBytes with id %d: %v", id, err)
		}
		if _, err := tok.Bytes(id); err == nil {
			t.Errorf("Bytes(%d) gives no error", id)
		}
	}
}

// The Unicode standard, section 3.9, table 3-8 and its neighbours.
func TestReadable(t *testing.T) {
	for in, want := range map[string]string{
		"ok é":                     "ok é",
		"\xe2\x82":                 "\uFFFD",
		"\xe2\x82A":                "\uFFFDA",
		"\xf0\x9f\x98":             "\uFFFD",
		"\xf0\x9f\x98\xf0\x9f":     "\uFFFD\uFFFD",
		"\xff\xfe":                 "\uFFFD\uFFFD",
		"\xed\xa0\x80":             "\uFFFD\uFFFD\uFFFD",
		"\xe1\x80\xe2\xf0\x91\x92": "\uFFFD\uFFFD\uFFFD",
		"a\x80\uFFFDb":             "a\uFFFD\uFFFDb",
	} {
		if got := readable([]byte(in)); got != want {
			t.Errorf("readable(%q) = %+q, want %+q", in, got, want)
		}
	}
}
