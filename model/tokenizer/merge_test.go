package tokenizer

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// mergeNaive is what merge does, word by word as the method is described.
func mergeNaive(b *bpe, ids []int32) []int32 {
	ids = slices.Clone(ids)
	for {
		best, at := merged{rank: -1}, 0
		for i := range len(ids) - 1 {
			if m, ok := b.merges[pair{ids[i], ids[i+1]}]; ok && (best.rank < 0 || m.rank < best.rank) {
				best, at = m, i
			}
		}
		if best.rank < 0 {
			return ids
		}
		ids = slices.Replace(ids, at, at+2, best.id)
	}
}

func TestMergeEqualsNaive(t *testing.T) {
	b := openGPT2(t).model.(*bpe)
	r := rand.New(rand.NewPCG(3, 4))
	alphabets := []string{"ab", "etaoin shrdlu", "aA1.\n\xe3\x81\x82\xff"}
	for range 3000 {
		alphabet := alphabets[r.IntN(len(alphabets))]
		ids := make([]int32, 1+r.IntN(60))
		for i := range ids {
			ids[i] = b.letters[alphabet[r.IntN(len(alphabet))]]
		}
		word := make([]piece, len(ids))
		for i, id := range ids {
			word[i] = piece{id, int32(2 * i), int32(2*i + 2)}
		}
		var got []int32
		end := int32(0)
		for _, p := range b.merge(nil, word) {
			if p.start != end || p.end <= p.start {
				t.Fatalf("merge(%v) has a token at [%d, %d) after %d", ids, p.start, p.end, end)
			}
			got, end = append(got, p.id), p.end
		}
		if want := mergeNaive(b, ids); !slices.Equal(got, want) || int(end) != 2*len(ids) {
			t.Fatalf("merge(%v) = %v up to %d, want %v", ids, got, end, want)
		}
	}
}

// withoutSpaces is one word of n letters.
func withoutSpaces(n int) string {
	r := rand.New(rand.NewPCG(5, 6))
	var b strings.Builder
	for b.Len() < n {
		b.WriteByte('a' + byte(r.IntN(26)))
	}
	return b.String()
}
