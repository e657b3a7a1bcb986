package tokenizer

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// proseOf makes n bytes of text that resembles English to a tokenizer: GPT-2's
// own words of letters, their frequencies falling with rank as in prose, with
// commas, full stops and paragraphs.
func proseOf(t testing.TB, n int) string {
	tok := openGPT2(t)
	var words []string
	for id := range int32(20000) {
		w := tok.vocab.tokens[id]
		if len(w) > 2 && w[0] == ' ' && run(w[1:], letter) == len(w)-1 {
			words = append(words, w)
		}
	}
	r := rand.New(rand.NewPCG(7, 8))
	var b strings.Builder
	for b.Len() < n {
		// Uniform in the logarithm of the rank is Zipf's law.
		b.WriteString(words[int(math.Pow(float64(len(words)), r.Float64()))-1])
		switch r.IntN(40) {
		case 0, 1:
			b.WriteByte(',')
		case 2, 3:
			b.WriteByte('.')
		case 4:
			b.WriteString(".\n\n")
		}
	}
	return b.String()
}

func BenchmarkEncode(b *testing.B) {
	const mega = 1 << 20
	for _, c := range []struct{ name, text string }{
		{"prose 1KB", proseOf(b, 1<<10)},
		{"prose 1MB", proseOf(b, mega)},
		{"no spaces 1MB", withoutSpaces(mega)},
		{"one letter 1MB", strings.Repeat("a", mega)},
	} {
		b.Run(c.name, func(b *testing.B) {
			tok := openGPT2(b)
			b.SetBytes(int64(len(c.text)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := tok.Encode(c.text); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// One megabyte without spaces, for every kind of model.
func BenchmarkEncodeKinds(b *testing.B) {
	for _, name := range smallTokenizers {
		b.Run(name, func(b *testing.B) {
			tok := openSmall(b, name)
			text := withoutSpaces(1 << 20)
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := tok.Encode(text); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkOpenGPT2(b *testing.B) {
	files := gpt2Files(b)
	for b.Loop() {
		if _, err := Open(files); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkTrain(b *testing.B) {
	for _, c := range []struct {
		name  string
		bytes int
		size  int
	}{
		{"1MB to 512", 1 << 20, 512},
		{"5MB to 1024", 5 << 20, 1024},
	} {
		b.Run(c.name, func(b *testing.B) {
			docs := strings.SplitAfter(proseOf(b, c.bytes), "\n\n")
			b.SetBytes(int64(c.bytes))
			for b.Loop() {
				if _, err := Train(slices.Values(docs), c.size, []string{endOfText}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
