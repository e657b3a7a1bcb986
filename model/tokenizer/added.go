package tokenizer

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// added is a token that is found in the text before anything else is done.
type added struct {
	id             int32
	text           string // that is looked for
	lstrip, rstrip bool   // it takes the white space before or after it
	singleWord     bool   // it is not part of a word
}

// finder finds added tokens in a text.
type finder struct {
	tokens []added
	trie   *trie
}

// newFinder finds tokens; of two with the same text the first.
func newFinder(tokens []added) finder {
	words, at := make([]string, len(tokens)), make([]int32, len(tokens))
	for i, token := range tokens {
		words[i], at[i] = token.text, int32(i)
	}
	return finder{tokens, newTrie(words, at)}
}

// split cuts s at the tokens in it, leftmost first, the longest of those that
// start at one place; it calls part with each piece and its token, or nil for
// the text between, until part gives false.
func (f *finder) split(s string, part func(from, to int, token *added) bool) bool {
	if len(f.tokens) == 0 {
		return s == "" || part(0, len(s), nil)
	}
	done := 0 // everything before it was given to part
	for i := 0; i < len(s); {
		n, which := f.trie.longest(s[i:])
		if n == 0 {
			i++
			continue
		}
		token := &f.tokens[which]
		from, to := i, i+n
		if token.singleWord && (endsInWord(s[:from]) || beginsInWord(s[to:])) {
			i = to // as the reference: no shorter token is looked for in it
			continue
		}
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

func endsInWord(s string) bool {
	r, n := utf8.DecodeLastRuneInString(s)
	return n > 0 && isWordCharacter(r)
}

func beginsInWord(s string) bool {
	r, n := utf8.DecodeRuneInString(s)
	return n > 0 && isWordCharacter(r)
}

// addTokens enters the file's added tokens. Those that are "normalized" are
// looked for in the normalized text, the others in the text as given.
func (t *Tokenizer) addTokens(tokens []addedToken) error {
	var raw, normalized [2][]added // special ones before the others
	for i, a := range tokens {
		name := fmt.Sprintf("added_tokens: entry %d, %q", i, a.Content)
		switch {
		case a.Content == "":
			return fmt.Errorf("%s, has no content", name)
		case a.ID < 0 || a.ID >= int64(t.vocab.most):
			return fmt.Errorf("%s, has id %d; ids are from 0 to %d", name, a.ID, t.vocab.most-1)
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
		if t.vocab.has(id) && t.vocab.tokens[id] != a.Content {
			return fmt.Errorf("%s, has id %d, which already stands for %q", name, id, t.vocab.tokens[id])
		}
		t.vocab.set(id, a.Content)
		t.added[a.Content] = id
		rank := 1
		if a.Special {
			t.special[id], rank = true, 0
		}
		token := added{id, a.Content, a.LStrip, a.RStrip, a.SingleWord}
		if !a.Normalized {
			raw[rank] = append(raw[rank], token)
			continue
		}
		if !a.AsWritten {
			if token.text = normalize(t.normalizers, view{text: a.Content}).text; token.text == "" {
				return fmt.Errorf("%s, is nothing once it is normalized", name)
			}
		}
		normalized[rank] = append(normalized[rank], token)
	}
	t.raw = newFinder(append(raw[0], raw[1]...))
	t.normalized = newFinder(append(normalized[0], normalized[1]...))
	return nil
}
