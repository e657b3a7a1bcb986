package tokenizer

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Size is the number of ids: one more than the largest. Few vocabularies have
// holes below it.
func (t *Tokenizer) Size() int { return len(t.vocab.tokens) }

// Special says whether id is a special token, such as <|endoftext|>, which
// readable text leaves out.
func (t *Tokenizer) Special(id int32) bool { return t.special[id] }

// Ordinary says whether id is a token that texts are made of: there is one, it is
// not special, and not a place kept for later use, such as [unused12].
func (t *Tokenizer) Ordinary(id int32) bool {
	return t.vocab.has(id) && !t.special[id] && !kept.MatchString(t.vocab.tokens[id])
}

// kept are the spellings of tokens that vocabularies keep for later use: BERT's,
// Gemma's, T5's, Llama 3's, Mistral's, OPT's.
var kept = regexp.MustCompile(`(?i)^([<\[]\|?(unused|reserved|extra|special|placeholder)[a-z_]*\d+\|?[>\]]|madeupword\d+)$`)

// Bytes gives what one token stands for, which may be part of a character.
func (t *Tokenizer) Bytes(id int32) ([]byte, error) {
	if !t.vocab.has(id) {
		return nil, fmt.Errorf("tokenizer: id %d is no token; the vocabulary has %d", id, t.Size())
	}
	return []byte(t.decoder.alone(t.vocab.tokens[id])), nil
}

// DecodeBytes gives the bytes that the tokens stand for, special tokens
// included. It is the inverse of Encode, as far as there is one.
func (t *Tokenizer) DecodeBytes(ids []int32) ([]byte, error) {
	for i, id := range ids {
		if !t.vocab.has(id) {
			return nil, fmt.Errorf("tokenizer: id %d at position %d is no token; the vocabulary has %d", id, i, t.Size())
		}
	}
	return []byte(t.join(ids, true)), nil
}

// Decode is DecodeBytes as readable text: what is not valid UTF-8, such as half
// a character at the end, becomes U+FFFD, and so does an id that is no token.
func (t *Tokenizer) Decode(ids []int32) string {
	return readable([]byte(t.join(ids, false)))
}

func (t *Tokenizer) join(ids []int32, raw bool) string {
	tokens := make([]string, len(ids))
	for i, id := range ids {
		tokens[i] = string(utf8.RuneError)
		if t.vocab.has(id) {
			tokens[i] = t.vocab.tokens[id]
		}
	}
	return t.decoder.join(tokens, raw)
}

// ID finds the token that stands for exactly this text, such as " Mary" with
// its leading space. An added token is found by its content, a token of
// WordPiece that goes on by its spelling, "##ing". Where the tokenizer folds
// text, to lower case or to NFC, the text may be unfolded.
func (t *Tokenizer) ID(text string) (int32, bool) {
	if id, ok := t.added[text]; ok {
		return id, true
	}
	names := t.names()
	if id, ok := names[text]; ok {
		return id, true
	}
	v := view{text: text}
	for _, n := range t.normalizers {
		if n.folds {
			v = n.apply(v)
		}
	}
	id, ok := names[v.text]
	return id, ok
}

// nameAll finds the model's tokens by what they stand for; of two that stand
// for the same, a space and its byte, it is the one that is no byte, and then
// the first.
func (t *Tokenizer) nameAll() map[string]int32 {
	if t.vocab.level {
		return t.vocab.ids
	}
	names := make(map[string]int32, len(t.vocab.ids))
	for _, bytes := range []bool{false, true} {
		for id, token := range t.vocab.tokens {
			if at, ok := t.vocab.ids[token]; !ok || at != int32(id) {
				continue
			}
			if _, is := byteOf(token); is != bytes {
				continue
			}
			name := t.decoder.alone(token)
			if _, taken := names[name]; !taken {
				names[name] = int32(id)
			}
		}
	}
	return names
}

// readable replaces each longest beginning of a character that does not go on,
// and each other stray byte, by U+FFFD, as the Unicode standard recommends.
func readable(b []byte) string {
	if utf8.Valid(b) {
		return string(b)
	}
	var out strings.Builder
	for len(b) > 0 {
		r, n := utf8.DecodeRune(b)
		if r == utf8.RuneError && n == 1 {
			n = broken(b)
		}
		out.WriteRune(r)
		b = b[n:]
	}
	return out.String()
}

// broken is the length of the character's beginning at the start of b, which
// is no whole character.
func broken(b []byte) int {
	for n := min(len(b), utf8.UTFMax-1); n > 1; n-- {
		// A beginning of a character is what more bytes could make whole.
		if !utf8.FullRune(b[:n]) {
			return n
		}
	}
	return 1
}

// Label is what a figure writes for a token: its text with the leading space
// as a space, control and invisible characters escaped (\n, \u200b), and bytes
// that are part of a character as <0xC3>. An id that is no token is <id 99>.
func (t *Tokenizer) Label(id int32) string {
	if !t.vocab.has(id) {
		return fmt.Sprintf("<id %d>", id)
	}
	var out strings.Builder
	for s := t.decoder.alone(t.vocab.tokens[id]); s != ""; {
		r, n := utf8.DecodeRuneInString(s)
		switch {
		case r == utf8.RuneError && n == 1:
			fmt.Fprintf(&out, "<0x%02X>", s[0])
		case unicode.IsPrint(r):
			out.WriteRune(r)
		default:
			out.WriteString(strings.Trim(strconv.QuoteRune(r), "'"))
		}
		s = s[n:]
	}
	return out.String()
}
