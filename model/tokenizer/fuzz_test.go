package tokenizer

import (
	"slices"
	"testing"

	"golang.org/x/text/unicode/norm"
)

// Whatever the file, Parse gives an error or a tokenizer that keeps its word.
func FuzzParse(f *testing.F) {
	f.Add(tokenizerJSON(f, nil, nil))
	f.Add(tokenizerJSON(f, object{"added_tokens": []object{addedEntry(256, "he", "lstrip", "rstrip", "normalized")}}, object{"ignore_merges": true}))
	f.Add(tokenizerJSON(f, object{"normalizer": object{"type": "NFC"}, "pre_tokenizer": sequence(split(llama3Pattern, "Removed", true), byteLevel(false, false))}, nil))
	f.Add([]byte(`{"model":{"vocab":{"a":0,"":1,"é ":3},"merges":[]},"pre_tokenizer":{"type":"ByteLevel"},"decoder":{"type":"ByteLevel"},"added_tokens":[{"id":3,"content":"é "}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		tok, err := Parse(data)
		if err != nil {
			return
		}
		text := "he said: <|x|> é e\u0301 \xff 12\n"
		tokens, err := tok.EncodeOffsets(text, Options{Template: true})
		if err != nil {
			return
		}
		end := 0
		for _, token := range tokens {
			if token.Start < 0 || token.End < token.Start || token.End > len(text) || token.End < end {
				t.Fatalf("token %v after offset %d", token, end)
			}
			end = token.End
			tok.Label(token.ID)
		}
		if _, err := tok.DecodeBytes(tokenIDs(tokens)); err != nil {
			t.Fatal(err)
		}
	})
}

// With all bytes in the vocabulary, every text comes back, valid UTF-8 or not,
// and each token stands where it says.
func FuzzRoundTrip(f *testing.F) {
	for _, s := range []string{"", "The cat sat.\r\n  <|endoftext|>", "I'LL 12345 日本\xff\xf0\x9f", "e\u0301\u0300", " \u00a0 x"} {
		f.Add(s)
	}
	toks := map[string]*Tokenizer{
		"gpt2":       openGPT2(f),
		"bpe_llama3": mustParse(f, fixture(f, "bpe_llama3/tokenizer.json")),
		"bpe_qwen2":  mustParse(f, fixture(f, "bpe_qwen2/tokenizer.json")),
	}
	f.Fuzz(func(t *testing.T, text string) {
		for name, tok := range toks {
			for _, literal := range []bool{false, true} {
				tokens, err := tok.EncodeOffsets(text, Options{Literal: literal})
				if err != nil {
					t.Fatalf("%s: %v", name, err)
				}
				back, err := tok.DecodeBytes(tokenIDs(tokens))
				if err != nil {
					t.Fatalf("%s: %v", name, err)
				}
				if len(tok.normalizers) > 0 {
					checkComposed(t, text, string(back), tokens)
					continue
				}
				if string(back) != text {
					t.Fatalf("%s: %q comes back as %q", name, text, back)
				}
				for _, token := range tokens {
					if got := tok.vocab.tokens[token.ID]; got != text[token.Start:token.End] {
						t.Fatalf("%s: token %v is %q, but the text has %q", name, token, got, text[token.Start:token.End])
					}
				}
			}
		}
	})
}

// checkComposed checks what is left of the round trip under NFC: the text's
// composition comes back, and the tokens cover the text without gaps.
func checkComposed(t *testing.T, text, back string, tokens []Token) {
	t.Helper()
	// Added tokens divide the text before it is composed, so back may be
	// composed once more.
	if compose(view{text: back}, norm.NFC).text != compose(view{text: text}, norm.NFC).text {
		t.Fatalf("%q comes back as %q", text, back)
	}
	if !slices.IsSortedFunc(tokens, func(a, b Token) int { return a.End - b.End }) {
		t.Fatalf("%q has tokens %v", text, tokens)
	}
	end := 0
	for _, token := range tokens {
		if token.Start > end {
			t.Fatalf("%q: gap before %v", text, token)
		}
		end = token.End
	}
	if end != len(text) {
		t.Fatalf("%q has %d bytes, its tokens cover %d", text, len(text), end)
	}
}
