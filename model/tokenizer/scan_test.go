package tokenizer

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/dlclark/regexp2"
)

// scanPieces are what the patterns tell apart, and what comes near it.
var scanPieces = []string{
	"a", "Z", "é", "e\u0301", "日", "ǅ", "ª", "1", "23", "4567", "½", "²", "Ⅷ", "٣", " ", "  ", "   ", "\t", "\n", "\r", "\r\n", "\v", "\f",
	"\u0085", "\u00a0", "\u2003", "\u2028", "\u3000", "\u200b", "\u200d", "\ufeff", "\u180e", "'", "’", "s", "S", "t", "re", "RE", "vE", "m", "ll", "lL", "d", "x",
	"'s", "'T", "'re", "'VE", "'ll", "'lL", "'d", ".", "!!", "-", "_", "😀", "\u0300", "\x00", "\x7f", "/", "AB", "aB", "ʰ", "\u0903",
}

func randomText(r *rand.Rand, pieces []string) string {
	var b strings.Builder
	for range r.IntN(12) {
		b.WriteString(pieces[r.IntN(len(pieces))])
	}
	return b.String()
}

// The scanners cut as a regular expression engine does with the same pattern.
func TestScannersEqualTheirPatterns(t *testing.T) {
	for _, c := range []struct {
		name, pattern string
		scan          scanner
	}{
		{"gpt2", gpt2Pattern, scanGPT2},
		{"llama3", llama3Pattern, scanCL100K(3)},
		{"qwen2", qwen2Pattern, scanCL100K(1)},
		{"o200k", o200kPattern, scanO200K(3, true)},
		{"tekken", tekkenPattern, scanO200K(1, false)},
		// The engine has no possessive quantifiers but atomic groups, the same.
		{"cl100k", strings.NewReplacer(`[^\r\n\p{L}\p{N}]?+`, `(?>[^\r\n\p{L}\p{N}]?)`, `[^\s\p{L}\p{N}]++`, `(?>[^\s\p{L}\p{N}]+)`).Replace(cl100kPattern), scanCL100K(3)},
	} {
		t.Run(c.name, func(t *testing.T) {
			re := regexp2.MustCompile(c.pattern, regexp2.None)
			r := rand.New(rand.NewPCG(1, 2))
			for range 20000 {
				s := randomText(r, scanPieces)
				var want []string
				m, err := re.FindStringMatch(s)
				for ; m != nil && err == nil; m, err = re.FindNextMatch(m) {
					want = append(want, m.String())
				}
				if err != nil {
					t.Fatal(err)
				}
				if got := scanAll(c.scan, s); !slices.Equal(got, want) {
					t.Fatalf("%q\n got %q\nwant %q", s, got, want)
				}
			}
		})
	}
}

func scanAll(scan scanner, s string) []string {
	var out []string
	for s != "" {
		n := scan(s)
		out, s = append(out, s[:n]), s[n:]
	}
	return out
}

func TestScan(t *testing.T) {
	for _, c := range []struct {
		name string
		scan scanner
		text string
		want []string
	}{
		{"gpt2 keeps a line break apart", scanGPT2, "end.\n\nNew", []string{"end", ".", "\n", "\n", "New"}},
		{"gpt2 capital contraction is none", scanGPT2, "I'M", []string{"I", "'", "M"}},
		{"gpt2 invalid bytes are symbols", scanGPT2, "a\xff\xfe b", []string{"a", "\xff\xfe", " b"}},
		{"llama3 long s is an s", scanCL100K(3), "it'ſ", []string{"it", "'ſ"}},
		{"llama3 digits by three", scanCL100K(3), "12345", []string{"123", "45"}},
		{"qwen2 digits by one", scanCL100K(1), "123", []string{"1", "2", "3"}},
		{"llama3 invalid byte leads a word", scanCL100K(3), "\xffab", []string{"\xffab"}},
		{"o200k words by case", scanO200K(3, true), "HTTPServer'S getURLs it'll", []string{"HTTPServer'S", " get", "URLs", " it'll"}},
		{"o200k invalid byte leads a word", scanO200K(3, true), "\xffAb\xff", []string{"\xffAb", "\xff"}},
		{"tekken", scanO200K(1, false), "12 it's //\n", []string{"1", "2", " it", "'s", " //\n"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := scanAll(c.scan, c.text); !slices.Equal(got, c.want) {
				t.Errorf("%q: got %q, want %q", c.text, got, c.want)
			}
		})
	}
}

func FuzzScan(f *testing.F) {
	f.Add("I'm  here\r\n \xff 1234'LL")
	scanners := map[string]scanner{"gpt2": scanGPT2, "llama3": scanCL100K(3), "qwen2": scanCL100K(1), "o200k": scanO200K(3, true), "tekken": scanO200K(1, false)}
	f.Fuzz(func(t *testing.T, s string) {
		for name, scan := range scanners {
			for rest := s; rest != ""; {
				n := scan(rest)
				if n < 1 || n > len(rest) {
					t.Fatalf("%s gives %d for %q", name, n, rest)
				}
				rest = rest[n:]
			}
		}
	})
}
