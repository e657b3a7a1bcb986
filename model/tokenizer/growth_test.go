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
	// Beside sixteen short texts a long one takes as long with linear growth, 1.4 times
	// with n log n and 16 times with quadratic growth. A busy machine holds up either as
	// often, and tries again.
	const most, patience = 5, time.Minute
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
				took := func(text string, times int) time.Duration {
					start := time.Now()
					for range times {
						ids, err := tok.Encode(text)
						if err != nil {
							t.Fatal(err)
						}
						tok.Decode(ids)
					}
					return time.Since(start)
				}
				short, long := text(n), text(times*n)
				a, b := took(short, times), took(long, 1)
				for start := time.Now(); b > most*a && time.Since(start) < patience; {
					a, b = min(a, took(short, times)), min(b, took(long, 1))
				}
				if b > most*a {
					t.Errorf("%d texts of %d bytes take %v, but one of %d bytes %v", times, len(short), a, len(long), b)
				}
			})
		}
	}
}
