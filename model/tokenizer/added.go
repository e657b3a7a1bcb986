package tokenizer

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// added is a token that is found in the text before anything else is done.
type added struct {
	id             int32
	text           string
	lstrip, rstrip bool // it takes the white space before or after it
}

// trie finds added tokens in a text.
type trie struct {
	next  map[byte]*trie
	token *added // the token that ends here
}

func (t *trie) insert(a *added) {
	for i := range len(a.text) {
		if t.next == nil {
			t.next = map[byte]*trie{}
		}
		b := a.text[i]
		if t.next[b] == nil {
			t.next[b] = &trie{}
		}
		t = t.next[b]
	}
	t.token = a
}

// longest finds the longest token at the start of s, or nil.
func (t *trie) longest(s string) *added {
	var found *added
	for i := 0; i < len(s) && t.next != nil; i++ {
		if t = t.next[s[i]]; t == nil {
			break
		}
		if t.token != nil {
			found = t.token
		}
	}
	return found
}

// split cuts s at the tokens in it, leftmost first, the longest of those that
// start at one place; it calls part with each piece and its token, or nil for
// the text between, until part gives false.
func (t *trie) split(s string, part func(from, to int, token *added) bool) bool {
	done := 0 // everything before it was given to part
	for i := 0; i < len(s); {
		token := t.longest(s[i:])
		if token == nil {
			i++
			continue
		}
		from, to := i, i+len(token.text)
		if token.lstrip {
			from = done + len(strings.TrimRightFunc(s[done:from], unicode.IsSpace))
		}
		if token.rstrip {
			to = len(s) - len(strings.TrimLeftFunc(s[to:], unicode.IsSpace))
		}
		if done < from && !part(done, from, nil) || !part(from, to, token) {
			return false
		}
		i, done = to, to
	}
	return done == len(s) || part(done, len(s), nil)
}

// addTokens enters the file's added tokens. Those that are "normalized" are
// looked for in the normalized text, the others in the text as given.
func (t *Tokenizer) addTokens(tokens []addedToken) error {
	for i, a := range tokens {
		name := fmt.Sprintf("added_tokens: entry %d, %q", i, a.Content)
		switch {
		case a.Content == "":
			return fmt.Errorf("%s, has no content", name)
		case a.ID < 0 || a.ID >= maxID:
			return fmt.Errorf("%s, has id %d; ids are from 0 to %d", name, a.ID, maxID-1)
		case a.SingleWord:
			return fmt.Errorf("%s, has single_word true, which is not supported", name)
		case !utf8.ValidString(a.Content):
			return fmt.Errorf("%s, is not valid UTF-8", name)
		}
		id := int32(a.ID)
		if old, ok := t.added[a.Content]; ok && old != id {
			return fmt.Errorf("%s, has id %d, but also id %d", name, id, old)
		}
		if old, ok := t.vocab.spelled(a.Content); ok && old != id {
			return fmt.Errorf("%s, has id %d, but id %d in the vocabulary", name, id, old)
		}
		if t.has(id) && t.vocab.tokens[id] != a.Content {
			return fmt.Errorf("%s, has id %d, which already stands for %q", name, id, t.vocab.tokens[id])
		}
		t.vocab.set(id, a.Content)
		t.added[a.Content] = id
		if a.Special {
			t.special[id] = true
		}
		token := &added{id: id, text: a.Content, lstrip: a.LStrip, rstrip: a.RStrip}
		if !a.Normalized {
			t.raw.insert(token)
			continue
		}
		if t.nfc {
			token.text = norm.NFC.String(token.text)
		}
		t.normalized.insert(token)
	}
	return nil
}
