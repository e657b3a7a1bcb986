package tokenizer

import (
	"fmt"
	"strings"

	"golang.org/x/text/unicode/norm"
)

// Token is one token and the bytes of the text, [Start, End), that it stands
// for. A token of the template stands for nothing: Start == End.
type Token struct {
	ID         int32
	Start, End int
}

// Options says how a text is encoded.
type Options struct {
	// Template puts around the text what the file's post-processor puts there,
	// a beginning token for most; false: the text alone. See
	// [Tokenizer.Template].
	Template bool
	// Literal reads added tokens, such as <|endoftext|>, as ordinary text;
	// false: they are tokens. Set it for text that must not hold commands.
	Literal bool
}

// maxText bounds a text, so that positions in a word fit in 32 bits.
const maxText = 1 << 30

// Encode gives the ids of text. The empty text has none. The error says which
// byte has no token in the vocabulary; it does not occur for a vocabulary that
// has all bytes, as published models' have.
func (t *Tokenizer) Encode(text string) ([]int32, error) {
	tokens, err := t.EncodeOffsets(text, Options{})
	if err != nil {
		return nil, err
	}
	ids := make([]int32, len(tokens))
	for i, token := range tokens {
		ids[i] = token.ID
	}
	return ids, nil
}

// EncodeOffsets gives the tokens of text and where they stand in it.
func (t *Tokenizer) EncodeOffsets(text string, o Options) ([]Token, error) {
	if len(text) > maxText {
		return nil, fmt.Errorf("tokenizer: the text has %d bytes; at most %d can be encoded at once", len(text), maxText)
	}
	// English has about four bytes a token.
	e := &encoder{t: t, text: text, literal: o.Literal, out: make([]Token, 0, len(text)/4+len(t.template.before)+1)}
	if o.Template {
		for _, id := range t.template.before {
			e.out = append(e.out, Token{ID: id})
		}
	}
	e.given()
	if e.err != nil {
		return nil, e.err
	}
	if o.Template {
		for _, id := range t.template.after {
			e.out = append(e.out, Token{id, len(text), len(text)})
		}
	}
	return e.out, nil
}

// Template gives what the file's post-processor puts before and after a text.
func (t *Tokenizer) Template() (before, after []int32) {
	return append([]int32(nil), t.template.before...), append([]int32(nil), t.template.after...)
}

// encoder is one text on its way through the steps of the package comment.
type encoder struct {
	t       *Tokenizer
	text    string
	literal bool
	ids     []int32 // of the word at hand
	out     []Token
	err     error
}

// given cuts the text as it was given at its added tokens.
func (e *encoder) given() {
	if e.literal {
		e.normalize(0, len(e.text))
		return
	}
	e.t.raw.split(e.text, func(from, to int, token *added) bool {
		if token != nil {
			e.out = append(e.out, Token{token.id, from, to})
			return true
		}
		return e.normalize(from, to)
	})
}

// normalize normalizes text[from:to] and cuts the outcome at those added
// tokens that are looked for in normalized text.
func (e *encoder) normalize(from, to int) bool {
	text, src := e.text[from:to], source{}
	if e.t.nfc {
		text, src = compose(text)
	}
	src.base = from
	if e.literal {
		return e.words(text, src)
	}
	return e.t.normalized.split(text, func(i, j int, token *added) bool {
		if token != nil {
			start, end := src.span(i, j)
			e.out = append(e.out, Token{token.id, start, end})
			return true
		}
		part := src
		if src.starts == nil {
			part.base += i
		} else {
			part.starts, part.ends = src.starts[i:j], src.ends[i:j]
		}
		return e.words(text[i:j], part)
	})
}

// words cuts text into words and appends their tokens.
func (e *encoder) words(text string, src source) bool {
	if e.t.splitter.prefixSpace && text != "" && !strings.HasPrefix(text, " ") {
		text, src.prefix = " "+text, 1
	}
	return e.t.splitter.words(text, func(at int, word string) bool {
		ids, ok := e.t.cache.get(word)
		if !ok {
			var bad int
			ids, bad = e.t.vocab.word(e.ids[:0], word)
			if bad >= 0 {
				start, _ := src.span(at+bad, at+bad+1)
				e.err = fmt.Errorf("tokenizer: the vocabulary has no token for byte %#02x at offset %d, in the word %.40q", word[bad], start, word)
				return false
			}
			e.ids = ids
			e.t.cache.put(word, ids)
		}
		for _, id := range ids {
			next := at + len(e.t.vocab.tokens[id])
			start, end := src.span(at, next)
			e.out = append(e.out, Token{id, start, end})
			at = next
		}
		return true
	})
}

// ID finds the token that stands for exactly this text, such as " Mary" with
// its leading space. An added token is found by its content.
func (t *Tokenizer) ID(text string) (int32, bool) {
	if id, ok := t.added[text]; ok {
		return id, true
	}
	if t.nfc {
		text = norm.NFC.String(text)
	}
	id, ok := t.vocab.words[text]
	return id, ok
}
