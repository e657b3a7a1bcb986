package tokenizer

import (
	"math/rand/v2"
	"strings"
	"testing"
)

func TestTrieFindsTheLongestWord(t *testing.T) {
	r := rand.New(rand.NewPCG(11, 12))
	for range 500 {
		words, values := make([]string, r.IntN(30)), make([]int32, 0, 30)
		for i := range words {
			words[i] = randomText(r, []string{"a", "b", "é", "\xff", "\x00"})
			values = append(values, int32(i))
		}
		tree := newTrie(words, values)
		for range 20 {
			s := randomText(r, []string{"a", "b", "é", "\xff", "\x00", "x"})
			length, which := 0, int32(0)
			for i, w := range words {
				if len(w) > length && strings.HasPrefix(s, w) {
					length, which = len(w), int32(i)
				}
			}
			gotLength, got := tree.longest(s)
			if gotLength != length || length > 0 && got != which {
				t.Fatalf("%q of %q: length %d, word %d, want %d and %d", s, words, gotLength, got, length, which)
			}
		}
	}
}
