package tokenizer

import (
	"encoding/json"
	"slices"
	"testing"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"github.com/golens/golens/model/internal/frugal"
)

// maxParse bounds what reading a file may allocate: a table of ids, which
// for a small file is of at most freeID, and a multiple of the file.
func maxParse(data []byte) int { return 32<<20 + 256*len(data) }

// Whatever the file, Parse gives an error or a tokenizer that keeps its word.
func FuzzParse(f *testing.F) {
	f.Add(tokenizerJSON(f, nil, nil))
	f.Add(tokenizerJSON(f, object{"added_tokens": []object{addedEntry(256, "he", "lstrip", "rstrip", "normalized", "single_word")}}, object{"ignore_merges": true}))
	f.Add(tokenizerJSON(f, object{"normalizer": object{"type": "NFC"}, "pre_tokenizer": sequence(split(llama3Pattern, "Removed", true), byteLevel(false, false))}, nil))
	f.Add([]byte(`{"model":{"vocab":{"a":0,"":1,"é ":3},"merges":[]},"pre_tokenizer":{"type":"ByteLevel"},"decoder":{"type":"ByteLevel"},"added_tokens":[{"id":3,"content":"é "}]}`))
	for _, name := range smallTokenizers {
		f.Add(withoutVocabulary(f, fixture(f, name+"/tokenizer.json")))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var tok *Tokenizer
		var err error
		frugal.Check(t, maxParse(data), func() { tok, err = Parse(data) })
		if err != nil {
			return
		}
		checkEncoding(t, tok, "he said: <|x|> é e\u0301 \xff 12\n")
	})
}

// withoutVocabulary is a file with few tokens, which is changed faster.
func withoutVocabulary(f *testing.F, data []byte) []byte {
	var file map[string]any
	if err := json.Unmarshal(data, &file); err != nil {
		f.Fatal(err)
	}
	m := file["model"].(map[string]any)
	if list, ok := m["vocab"].([]any); ok {
		m["vocab"] = list[:8]
	} else {
		vocabulary := map[string]any{"a": 300, "b": 301, "ab": 302}
		for token, id := range m["vocab"].(map[string]any) {
			if id.(float64) < 5 {
				vocabulary[token] = id
			}
		}
		m["vocab"] = vocabulary
	}
	if m["merges"] != nil {
		m["merges"] = []string{"a b"}
	}
	file["added_tokens"] = nil
	data, err := json.Marshal(file)
	if err != nil {
		f.Fatal(err)
	}
	return data
}

// checkEncoding encodes text, unless it has no tokens, and checks what holds
// for every tokenizer.
func checkEncoding(t *testing.T, tok *Tokenizer, text string) {
	t.Helper()
	for _, o := range []Options{{Template: true}, {Literal: true}} {
		tokens, err := tok.EncodeOffsets(text, o)
		if err != nil {
			continue
		}
		last := Token{}
		for _, token := range tokens {
			// What was put in front stands at the whole first character.
			shorter := token.End < last.End && token.Start > last.Start
			if token.Start < last.Start || token.End < token.Start || token.End > len(text) || shorter {
				t.Fatalf("token %v after %v", token, last)
			}
			last = token
			tok.Label(token.ID)
		}
		ids := tokenIDs(tokens)
		if _, err := tok.DecodeBytes(ids); err != nil {
			t.Fatal(err)
		}
		if got := tok.Decode(ids); !utf8.ValidString(got) {
			t.Fatalf("%q is decoded as %q", text, got)
		}
	}
}

// Every kind encodes every text, with memory in proportion to it.
func FuzzEncode(f *testing.F) {
	var toks []*Tokenizer
	for i, name := range smallTokenizers {
		toks = append(toks, openSmall(f, name))
		for _, c := range fixtureCases(f, "wordpiece_plain/cases.jsonl.gz")[:60] {
			f.Add(c.Text, byte(i))
		}
		f.Add("e\u0301\xff\xe3\x81 İ日\u0301", byte(i))
	}
	f.Fuzz(func(t *testing.T, text string, which byte) {
		tok := toks[int(which)%len(toks)]
		if _, err := tok.Encode(text); err != nil {
			t.Fatal(err)
		}
		// Spans of 8 bytes for each of 3 bytes that one becomes, in several
		// steps, and 80 bytes for merging each of them; once it is warm.
		frugal.Check(t, 1<<20+4000*len(text), func() { checkEncoding(t, tok, text) })
	})
}

// With all bytes in the vocabulary, every text comes back, valid UTF-8 or not,
// and each token stands where it says.
func FuzzRoundTrip(f *testing.F) {
	toks := []*Tokenizer{openGPT2(f), mustParse(f, fixture(f, "bpe_llama3/tokenizer.json")),
		mustParse(f, fixture(f, "bpe_qwen2/tokenizer.json")), mustParse(f, fixture(f, "bpe_o200k/tokenizer.json"))}
	for _, s := range []string{"", "The cat sat.\r\n  <|endoftext|>", "I'LL 12345 日本\xff\xf0\x9f", "e\u0301\u0300", " \u00a0 x"} {
		for i := range toks {
			f.Add(s, byte(i), true)
			f.Add(s, byte(i), false)
		}
	}
	f.Fuzz(func(t *testing.T, text string, which byte, literal bool) {
		tok := toks[int(which)%len(toks)]
		tokens, err := tok.EncodeOffsets(text, Options{Literal: literal})
		if err != nil {
			t.Fatal(err)
		}
		back, err := tok.DecodeBytes(tokenIDs(tokens))
		if err != nil {
			t.Fatal(err)
		}
		if len(tok.normalizers) > 0 {
			checkComposed(t, text, string(back), tokens)
			return
		}
		if string(back) != text {
			t.Fatalf("%q comes back as %q", text, back)
		}
		for _, token := range tokens {
			if got := tok.vocab.tokens[token.ID]; got != text[token.Start:token.End] {
				t.Fatalf("token %v is %q, but the text has %q", token, got, text[token.Start:token.End])
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
