package tokenizer

import (
	"math/rand/v2"
	"strings"
	"testing"

	"golang.org/x/text/unicode/norm"
)

// composePieces combine with each other in every way that NFC has.
var composePieces = []string{
	"a", "e", "é", "A", "Å", "\u212b", "s", " ", "日", "\u0300", "\u0301", "\u0308", "\u0344", "\u0323", "\u0327", "\u0345", "\u0338", "=",
	"\u1100", "\u1161", "\u11a8", "가", "각", "\u0915", "\u093c", "\u0958", "\u09c7", "\u09be", "\u0dd9", "\u0dcf", "\u0dca", "\u1e69", "\u2126", "\ufb1d", "α",
}

func TestComposeEqualsNFC(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 10))
	for range 50000 {
		text := randomText(r, composePieces)
		want := norm.NFC.String(text)
		v := compose(view{text: text}, norm.NFC)
		got := v.text
		if got != want {
			t.Fatalf("compose(%+q) = %+q, want %+q", text, got, want)
		}
		if v.spans != nil && len(v.spans) != len(got) {
			t.Fatalf("compose(%+q) maps %d bytes of %d", text, len(v.spans), len(got))
		}
		var long strings.Builder
		for rest := text; rest != ""; {
			n := segment(rest, norm.NFC)
			long.WriteString(composeLong(rest[:n], norm.NFC))
			rest = rest[n:]
		}
		if long.String() != want {
			t.Fatalf("composeLong over %+q = %+q, want %+q", text, long.String(), want)
		}
	}
}

func TestComposeKeeps(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"many marks":       {"e" + strings.Repeat("\u0301", 50), "é" + strings.Repeat("\u0301", 49)},
		"marks in order":   {"e" + strings.Repeat("\u0308", 40) + "\u0323", "\u1eb9" + strings.Repeat("\u0308", 40)},
		"an invalid byte":  {"e\xff\u0301e\u0301", "e\xff\u0301é"},
		"the lost start":   {"\u0301e", "\u0301e"},
		"half a character": {"e\u0301\xf0\x9f", "é\xf0\x9f"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := compose(view{text: c.text}, norm.NFC).text; got != c.want {
				t.Errorf("compose(%+q) = %+q, want %+q", c.text, got, c.want)
			}
		})
	}
}
