package tokenizer

import (
	"bufio"
	"bytes"
	"fmt"
	"testing"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// Every character is what the reference takes it for: characters.txt.gz has
// runs of characters, each with what cleaning does (R removes it, S makes it a
// space), what cutting does (W white space, P punctuation), and whether it is a
// mark (A), a nonspacing one (M) and Chinese (C).
func TestCharactersAreAsInTheReference(t *testing.T) {
	lines := bufio.NewScanner(bytes.NewReader(fixture(t, "characters.txt.gz")))
	var from rune
	want := ""
	wrong := 0
	check := func(to rune) {
		for r := from; r < to; r++ {
			// The reference's tables of what characters are made of are older.
			young := norm.NFD.String(string(r)) != string(r) && unicode.Is(afterUnicode8, r)
			if !utf8.ValidRune(r) || young {
				continue
			}
			if got := describe(r); got != want {
				if wrong++; wrong < 20 {
					t.Errorf("%U is %s, want %s", r, got, want)
				}
			}
		}
	}
	for lines.Scan() {
		var next rune
		var kind string
		if _, err := fmt.Sscanf(lines.Text(), "%x %s", &next, &kind); err != nil {
			t.Fatal(err)
		}
		check(next)
		from, want = next, kind
	}
	check(unicode.MaxRune + 1)
	if want == "" {
		t.Fatal("no characters were read")
	}
}

func describe(r rune) string {
	flag := func(c byte, is bool) byte {
		if is {
			return c
		}
		return '-'
	}
	kind := []byte("-----")
	switch cleanText(view{text: "a" + string(r) + "b"}).text {
	case "ab":
		kind[0] = 'R'
	case "a b":
		kind[0] = 'S'
	}
	kind[1] = flag('P', isPunctuation(r))
	if unicode.IsSpace(r) {
		kind[1] = 'W'
	}
	kind[2] = flag('A', isMark(r))
	kind[3] = flag('M', stripAccents(view{text: "a" + string(r) + "b"}).text == "ab")
	kind[4] = flag('C', isChinese(r))
	return string(kind)
}
