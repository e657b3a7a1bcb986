package tokenizer

import (
	"strings"
	"testing"
	"time"
)

// The time for a text grows with its length and not with the square of it,
// whatever the text and the kind of model.
func TestTimeGrowsWithTheText(t *testing.T) {
	const n, times = 1 << 11, 16
	// Linear growth is 16 times and n log n 22 times; quadratic growth is 256
	// times. A busy machine may slow a run down, but hardly each within
	// that time.
	const most, patience = 80, 5 * time.Second
	texts := map[string]func(n int) string{
		"letters":    withoutSpaces,
		"one letter": func(n int) string { return strings.Repeat("a", n) },
		"spaces":     func(n int) string { return strings.Repeat(" ", n) },
		"marks":      func(n int) string { return "e" + strings.Repeat("\u0301", n/2) },
		"Chinese":    func(n int) string { return strings.Repeat("日本", n/6) },
		"words":      func(n int) string { return strings.Repeat("Hello, ▁don't 12 ", n/18) },
		"added":      func(n int) string { return strings.Repeat(" Mary</s>", n/9) },
		"no text":    func(n int) string { return strings.Repeat("\xff\xc3", n/2) },
	}
	for _, name := range append([]string{"gpt2"}, smallTokenizers...) {
		var tok *Tokenizer
		if name == "gpt2" {
			tok = openGPT2(t)
		} else {
			tok = openSmall(t, name)
		}
		for kind, text := range texts {
			t.Run(name+"/"+kind, func(t *testing.T) {
				took := func(text string) time.Duration {
					start := time.Now()
					ids, err := tok.Encode(text)
					if err != nil {
						t.Fatal(err)
					}
					tok.Decode(ids)
					return time.Since(start)
				}
				short, long := text(n), text(times*n)
				a, b := took(short), took(long)
				for start := time.Now(); b > most*a && time.Since(start) < patience; {
					a, b = min(a, took(short)), min(b, took(long))
				}
				if b > most*a {
					t.Errorf("%d bytes take %v, but %d bytes %v", len(short), a, len(long), b)
				}
			})
		}
	}
}
