package tokenizer

import (
	"slices"
	"testing"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

func TestGPT2EqualsReference(t *testing.T) {
	tok := openGPT2(t)
	if tok.Size() != 50257 {
		t.Fatalf("Size() = %d, want 50257", tok.Size())
	}
	for _, c := range fixtureCases(t, "gpt2.jsonl.gz") {
		ids, err := tok.Encode(c.Text)
		if err != nil {
			t.Fatalf("%q: %v", c.Text, err)
		}
		if !slices.Equal(ids, c.IDs) {
			t.Errorf("Encode(%q)\n got %v\nwant %v", c.Text, ids, c.IDs)
		}
		if got := tok.Decode(c.IDs); got != c.Decoded {
			t.Errorf("Decode(%v) = %q, want %q", c.IDs, got, c.Decoded)
		}
		if got, err := tok.DecodeBytes(c.IDs); err != nil || string(got) != c.Text {
			t.Errorf("DecodeBytes(%v) = %q, %v, want %q", c.IDs, got, err, c.Text)
		}
	}
}

func TestSmallTokenizersEqualReference(t *testing.T) {
	for _, name := range smallTokenizers {
		t.Run(name, func(t *testing.T) {
			tok := openSmall(t, name)
			for _, c := range fixtureCases(t, name+"/cases.jsonl.gz") {
				with, err := tok.EncodeOffsets(c.Text, Options{Template: true})
				if err != nil {
					t.Fatalf("%q: %v", c.Text, err)
				}
				if got := tokenIDs(with); !slices.Equal(got, c.IDs) {
					t.Errorf("%q with template\n got %v\nwant %v", c.Text, got, c.IDs)
					continue
				}
				if got, err := tok.Encode(c.Text); err != nil || !slices.Equal(got, c.Plain) {
					t.Errorf("%q\n got %v, %v\nwant %v", c.Text, got, err, c.Plain)
				}
				if got := tok.Decode(c.IDs); got != c.All {
					t.Errorf("Decode(%v) = %q, want %q", c.IDs, got, c.All)
				}
				shown := slices.DeleteFunc(slices.Clone(c.IDs), tok.Special)
				if got := tok.Decode(shown); got != c.Decoded {
					t.Errorf("Decode(%v) without special tokens = %q, want %q", c.IDs, got, c.Decoded)
				}
				checkOffsets(t, tok, c, with)
			}
		})
	}
}

// checkOffsets compares offsets with the reference's, which count characters
// and round a part of a character up to all of it. Of characters that NFC
// composed, the reference names the first and ours are all of them. A token of
// the template stands nowhere.
func checkOffsets(t *testing.T, tok *Tokenizer, c fixtureCase, got []Token) {
	t.Helper()
	before, after := tok.Template()
	for i := len(before); i < len(got)-len(after); i++ {
		token := got[i]
		start, end := token.Start, token.End
		for start > 0 && start < len(c.Text) && !utf8.RuneStart(c.Text[start]) {
			start--
		}
		for end < len(c.Text) && !utf8.RuneStart(c.Text[end]) {
			end++
		}
		chars := [2]int{utf8.RuneCountInString(c.Text[:start]), utf8.RuneCountInString(c.Text[:end])}
		composed := composes(tok) && !norm.NFC.IsNormalString(c.Text[start:end])
		if chars[0] != c.Offsets[i][0] || !composed && chars[1] != c.Offsets[i][1] || chars[1] < c.Offsets[i][1] {
			t.Errorf("%q: token %d (id %d) at characters %v, want %v", c.Text, i, token.ID, chars, c.Offsets[i])
		}
	}
}

// composes says whether the tokenizer composes characters.
func composes(tok *Tokenizer) bool {
	return normalize(tok.normalizers, view{text: "e\u0301"}).text == "é"
}

func tokenIDs(tokens []Token) []int32 {
	ids := make([]int32, len(tokens))
	for i, token := range tokens {
		ids[i] = token.ID
	}
	return ids
}
