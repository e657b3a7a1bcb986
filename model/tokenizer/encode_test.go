package tokenizer

import (
	"slices"
	"strings"
	"sync"
	"testing"
)

// wordLevel is a file of whole words, without merges, as planted networks have.
func wordLevel(t testing.TB) *Tokenizer {
	return mustParse(t, tokenizerJSON(t,
		object{
			"added_tokens":  []object{addedEntry(0, "<bos>", "special")},
			"pre_tokenizer": byteLevel(true, true),
		},
		object{
			"ignore_merges": true, "merges": []string{},
			"vocab": object{"<bos>": 0, "ĠThe": 1, "Ġcat": 2, "Ġsat": 3, ".": 4},
		}))
}

func TestWholeWords(t *testing.T) {
	tok := wordLevel(t)
	got, err := tok.EncodeOffsets("The cat sat.<bos>cat", Options{})
	want := []Token{{1, 0, 3}, {2, 3, 7}, {3, 7, 11}, {4, 11, 12}, {0, 12, 17}, {2, 17, 20}}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("got %v, %v, want %v", got, err, want)
	}
	if got := tok.Decode(tokenIDs(want)); got != " The cat sat.<bos> cat" {
		t.Errorf("decoded %q", got)
	}
	_, err = tok.Encode("The cat sat, on")
	if want := `no token for byte 0x2c at offset 11, in the word ","`; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("error %v, want %q in it", err, want)
	}
}

func TestEncodeOffsets(t *testing.T) {
	byteOf := func(s string) int32 { return int32(slices.Index(byteOrder, s[0])) }
	nfc := object{"normalizer": object{"type": "NFC"}}
	for _, c := range []struct {
		name    string
		parts   object
		text    string
		options Options
		want    []Token
	}{
		{"empty", nil, "", Options{}, []Token{}},
		{"merge", nil, "xhe", Options{}, []Token{{byteOf("x"), 0, 1}, {256, 1, 3}}},
		{"part of a character", nil, "é", Options{}, []Token{{byteOf("\xc3"), 0, 1}, {byteOf("\xa9"), 1, 2}}},
		{"prefix space is at the first character", object{"pre_tokenizer": byteLevel(true, true)}, "he", Options{}, []Token{{byteOf(" "), 0, 1}, {256, 0, 2}}},
		{"no prefix to a space", object{"pre_tokenizer": byteLevel(true, true)}, " x", Options{}, []Token{{byteOf(" "), 0, 1}, {byteOf("x"), 1, 2}}},
		{"composed", nfc, "he\u0301x", Options{}, []Token{{byteOf("h"), 0, 1}, {byteOf("\xc3"), 1, 4}, {byteOf("\xa9"), 1, 4}, {byteOf("x"), 4, 5}}},
		{"longest added", object{"added_tokens": []object{addedEntry(300, "<a"), addedEntry(301, "<a>")}}, "<a><ax", Options{},
			[]Token{{301, 0, 3}, {300, 3, 5}, {byteOf("x"), 5, 6}}},
		{"literal", object{"added_tokens": []object{addedEntry(300, "<h>")}}, "<h>", Options{Literal: true},
			[]Token{{byteOf("<"), 0, 1}, {byteOf("h"), 1, 2}, {byteOf(">"), 2, 3}}},
		{"strips left", object{"added_tokens": []object{addedEntry(300, "<m>", "lstrip")}}, "he \n<m> x", Options{},
			[]Token{{256, 0, 2}, {300, 2, 7}, {byteOf(" "), 7, 8}, {byteOf("x"), 8, 9}}},
		{"strips right", object{"added_tokens": []object{addedEntry(300, "<m>", "rstrip")}}, "<m> \n<m>x", Options{},
			[]Token{{300, 0, 5}, {300, 5, 8}, {byteOf("x"), 8, 9}}},
		{"normalized added", object{"normalizer": object{"type": "NFC"}, "added_tokens": []object{addedEntry(300, "<é>", "normalized")}}, "x<e\u0301>x", Options{},
			[]Token{{byteOf("x"), 0, 1}, {300, 1, 6}, {byteOf("x"), 6, 7}}},
		{"given added", object{"normalizer": object{"type": "NFC"}, "added_tokens": []object{addedEntry(300, "<é>")}}, "<é><he\u0301", Options{},
			[]Token{{300, 0, 4}, {byteOf("<"), 4, 5}, {byteOf("h"), 5, 6}, {byteOf("\xc3"), 6, 9}, {byteOf("\xa9"), 6, 9}}},
		{"removed inverted is isolated", object{"pre_tokenizer": sequence(split(cl100kPattern, "Removed", true), byteLevel(false, false))}, "he", Options{},
			[]Token{{256, 0, 2}}},
		{"no words at all", object{"pre_tokenizer": byteLevel(false, false)}, "he he", Options{},
			[]Token{{256, 0, 2}, {byteOf(" "), 2, 3}, {256, 3, 5}}},
		{"template", object{
			"added_tokens": []object{addedEntry(300, "<s>", "special"), addedEntry(301, "</s>", "special")},
			"post_processor": object{"type": "TemplateProcessing",
				"single":         []object{{"SpecialToken": object{"id": "<s>"}}, {"Sequence": object{"id": "A"}}, {"SpecialToken": object{"id": "</s>"}}},
				"special_tokens": object{"<s>": object{"ids": []int{300}}, "</s>": object{"ids": []int{301}}}},
		}, "he", Options{Template: true}, []Token{{300, 0, 0}, {256, 0, 2}, {301, 2, 2}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			tok := mustParse(t, tokenizerJSON(t, c.parts, nil))
			for _, round := range []string{"fresh", "cached"} {
				got, err := tok.EncodeOffsets(c.text, c.options)
				if err != nil || !slices.Equal(got, c.want) {
					t.Errorf("%s: got %v, %v, want %v", round, got, err, c.want)
				}
			}
		})
	}
}

func TestTemplate(t *testing.T) {
	tok := mustParse(t, fixture(t, "bpe_llama3/tokenizer.json"))
	before, after := tok.Template()
	if !slices.Equal(before, []int32{0}) || len(after) != 0 {
		t.Errorf("Template() = %v, %v, want [0], []", before, after)
	}
}

// Many goroutines share one tokenizer, and with it the cache, which they fill.
func TestConcurrentUse(t *testing.T) {
	tok := openGPT2(t)
	cases := fixtureCases(t, "gpt2.jsonl.gz")
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for _, c := range cases {
				if ids, err := tok.Encode(c.Text); err != nil || !slices.Equal(ids, c.IDs) {
					t.Errorf("Encode(%q) = %v, %v", c.Text, ids, err)
				}
			}
		})
	}
	wg.Wait()
}

func TestCacheIsBounded(t *testing.T) {
	var c cache
	word := func(i int) string { return string([]byte{byte(i), byte(i >> 8), byte(i >> 16)}) }
	for i := range cacheWords + 10 {
		c.put(word(i), []piece{{id: int32(i)}})
	}
	if len(c.words) > cacheWords {
		t.Errorf("%d words are kept, want at most %d", len(c.words), cacheWords)
	}
	if ids, ok := c.get(word(cacheWords + 9)); !ok || ids[0].id != cacheWords+9 {
		t.Errorf("the last word gives %v, %v", ids, ok)
	}
	long := strings.Repeat("x", cacheLength+1)
	c.put(long, []piece{{id: 1}})
	if _, ok := c.get(long); ok {
		t.Error("a long word is kept")
	}
}
