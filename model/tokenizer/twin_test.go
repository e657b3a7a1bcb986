package tokenizer

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

// twinPieces are the parts of the texts on which models equal their twins.
var twinPieces = []string{"a", "b", "c", "e", "he", "the", "ing", "Mary", "n", "s", "t", "▁", "▁the", "▁▁", "日", "é", "\xff", "😀", ".", "0"}

// A text that is not cut is merged to the same tokens as its parts.
func TestCuttingAtMarksChangesNothing(t *testing.T) {
	for _, name := range []string{"sentencepiece_gemma", "sentencepiece_first"} {
		t.Run(name, func(t *testing.T) {
			tok := openSmall(t, name)
			b := tok.model.(*bpe)
			if !b.cuts() {
				t.Fatal("the text is not cut")
			}
			r := rand.New(rand.NewPCG(13, 14))
			for range 3000 {
				s := randomText(r, twinPieces) + "x"
				whole, _ := b.word(nil, s)
				var parts []piece
				cut([]cutter{{scan: scanMarks}}, view{text: s}, func(v view) bool {
					of, _ := b.word(nil, v.text)
					for _, p := range of {
						parts = append(parts, piece{p.id, p.start + int32(v.base), p.end + int32(v.base)})
					}
					return true
				})
				if !slices.Equal(whole, parts) {
					t.Fatalf("%q\n whole %v\nin parts %v", s, whole, parts)
				}
			}
		})
	}
	if openSmall(t, "sentencepiece_llama2").model.(*bpe).cuts() {
		t.Error("a vocabulary with tokens over two words is cut between words")
	}
}

// Unigram finds the highest sum of scores, tried out over all ways to cut.
func TestUnigramIsTheBestOfAll(t *testing.T) {
	for _, name := range []string{"unigram_t5", "unigram_bytes"} {
		t.Run(name, func(t *testing.T) {
			u := openSmall(t, name).model.(*unigram)
			r := rand.New(rand.NewPCG(15, 16))
			for range 2000 {
				s := randomText(r, twinPieces)
				if len(s) > 24 || s == "" { // the ways to cut double with each byte
					continue
				}
				got, bad := u.word(nil, s)
				if bad != noBad {
					t.Fatalf("%q: no token at %d", s, bad)
				}
				sum, end := 0.0, int32(0)
				for _, p := range got {
					part := s[p.start:p.end]
					if p.start == end {
						if id, ok := u.vocab.ids[part]; ok && id != u.unknown {
							sum += u.scores[id]
						} else {
							sum += u.penalty * float64(utf8.RuneCountInString(part))
						}
						end = p.end
					} else if p.end != end { // one more byte of an unknown part
						t.Fatalf("%q: token %v after %d", s, p, end)
					}
				}
				if want := bestSum(u, s); int(end) != len(s) || math.Abs(sum-want) > 1e-9 { // rounding of a sum of 24
					t.Fatalf("%q: %v has the sum %v, want %v", s, got, sum, want)
				}
			}
		})
	}
}

// bestSum tries out all ways to cut s.
func bestSum(u *unigram, s string) float64 {
	if s == "" {
		return 0
	}
	best := math.Inf(-1)
	_, width := utf8.DecodeRuneInString(s)
	for n := 1; n <= len(s); n++ {
		id, ok := u.vocab.ids[s[:n]]
		switch {
		case ok:
			best = max(best, u.scores[id]+bestSum(u, s[n:]))
		case n == width:
			best = max(best, u.penalty+bestSum(u, s[n:]))
		}
	}
	return best
}

// WordPiece is the naive search for the longest token, from the left.
func TestWordPieceEqualsNaive(t *testing.T) {
	for name, prefix := range map[string]string{"wordpiece_bert": "##", "wordpiece_plain": "@@"} {
		t.Run(name, func(t *testing.T) {
			tok := openSmall(t, name)
			w := tok.model.(*wordPiece)
			r := rand.New(rand.NewPCG(17, 18))
			for range 5000 {
				s := strings.ToLower(randomText(r, twinPieces))
				if s == "" {
					continue
				}
				var want []piece
				for i, lead := 0, ""; i < len(s); lead = prefix {
					n := len(s) - i
					for n > 0 {
						if id, ok := tok.vocab.ids[lead+s[i:i+n]]; ok {
							want = append(want, piece{id, int32(i), int32(i + n)})
							break
						}
						n--
					}
					if n == 0 {
						want = nil
						break
					}
					i += n
				}
				if want == nil || utf8.RuneCountInString(s) > w.most {
					want = []piece{{w.unknown, 0, int32(len(s))}}
				}
				if got, _ := w.word(nil, s); !slices.Equal(got, want) {
					t.Fatalf("%q: %v, want %v", s, got, want)
				}
			}
		})
	}
}

// The ways to cut at a delimiter, on the example of the reference's
// documentation.
func TestDelimited(t *testing.T) {
	for behavior, want := range map[string][]string{
		"Removed":            {"the", "final", "countdown"},
		"Isolated":           {"the", "-", "final", "-", "-", "countdown"},
		"MergedWithPrevious": {"the-", "final-", "-", "countdown"},
		"MergedWithNext":     {"the", "-final", "-", "-countdown"},
		"Contiguous":         {"the", "-", "final", "--", "countdown"},
	} {
		c, ok := delimited(matchString("-"), behavior)
		var got []string
		cut([]cutter{c}, view{text: "the-final--countdown"}, func(v view) bool {
			got = append(got, v.text)
			return true
		})
		if !ok || !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", behavior, got, want)
		}
	}
}
