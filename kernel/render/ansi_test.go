package render

import (
	"strings"
	"testing"
)

func TestAnsiHTML(t *testing.T) {
	for _, test := range []struct{ name, text, want string }{
		{"plain", "a < b & c", "a &lt; b &amp; c"},
		{"colour", "\x1b[31mred\x1b[0m on", `<span class="a-fg1">red</span> on`},
		{"bold bright", "\x1b[1;92mok\x1b[m", `<span class="a-fg10 a-b">ok</span>`},
		{"inverse", "\x1b[7mx\x1b[27my", `<span class="a-fg15 a-bg0">x</span>y`},
		{"256 colours", "\x1b[38;5;196mx", `<span style="color:#ff0000">x</span>`},
		{"24 bit", "\x1b[48;2;1;2;3mx", `<span style="background:#010203">x</span>`},
		{"unfinished colour", "\x1b[38;5mx", `x`},
		{"over lines", "\x1b[32ma\nb", `<span class="a-fg2">a</span>` + "\n" + `<span class="a-fg2">b</span>`},
		{"carriage return", "10%\r20%\r100%", "100%"},
		{"carriage return with a rest", "abcdef\rxy", "xycdef"},
		{"erase to the end", "abcdef\rxy\x1b[K", "xy"},
		{"backspace", "abc\b\bX", "aXc"},
		{"windows lines", "a\r\nb", "a\nb"},
		{"cursor movement", "a\x1b[2Ab\x1b[5Gc", "ab  c"},
		{"huge column", "\x1b[999999999Gx", strings.Repeat(" ", 9999) + "x"},
		{"link", "\x1b]8;;https://x.y\x1b\\text\x1b]8;;\x1b\\", "text"},
		{"unfinished sequence", "a\x1b[31", "a"},
		{"lone escape", "a\x1b", "a"},
		{"bell and null", "a\x07\x00b", "ab"},
		{"not UTF-8", "a\xffb", "a\uFFFDb"},
		{"wide runes", "é→字", "é→字"},
		{"markup in colour", "\x1b[31m<script>\x1b[0m", `<span class="a-fg1">&lt;script&gt;</span>`},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := ansiHTML(test.text); got != test.want {
				t.Errorf("\n got %q\nwant %q", got, test.want)
			}
		})
	}
}

func FuzzAnsiHTML(f *testing.F) {
	f.Add("\x1b[38;2;1;2;3m<a>\r\x1b[K\x1b]8;;x\a")
	f.Fuzz(func(t *testing.T, text string) {
		out := ansiHTML(text)
		if strings.ContainsAny(out, "\x1b\r\b\x00") {
			t.Errorf("a control character in %q", out)
		}
		if strings.Count(out, "<span") != strings.Count(out, "</span>") {
			t.Errorf("unbalanced: %q", out)
		}
		if bare := strings.NewReplacer("<span ", "", "</span>", "").Replace(out); strings.Contains(bare, "<") {
			t.Errorf("markup that is not ours: %q", out)
		}
	})
}
