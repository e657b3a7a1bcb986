package tokenizer

import (
	"fmt"
	"unicode/utf8"
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

// Encode gives the ids of text. The empty text has none. The error says what
// has no token in the vocabulary; it does not occur for a vocabulary that has
// all bytes or an unknown token, as published models' have.
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
	pieces  []piece // of the word at hand
	out     []Token
	err     error
}

// given cuts the text as it was given at its added tokens.
func (e *encoder) given() {
	all := view{text: e.text}
	if e.literal {
		e.normalize(all)
		return
	}
	e.t.raw.split(e.text, func(from, to int, token *added) bool {
		if token != nil {
			e.out = append(e.out, Token{token.id, from, to})
			return true
		}
		return e.normalize(all.slice(from, to))
	})
}

// normalize normalizes a part of the text and cuts the outcome at those added
// tokens that are looked for in normalized text.
func (e *encoder) normalize(v view) bool {
	v = normalize(e.t.normalizers, v)
	if e.literal {
		return cut(e.t.cutters, v, e.word)
	}
	return e.t.normalized.split(v.text, func(i, j int, token *added) bool {
		if token != nil {
			at := v.span(i, j)
			e.out = append(e.out, Token{token.id, int(at.start), int(at.end)})
			return true
		}
		return cut(e.t.cutters, v.slice(i, j), e.word)
	})
}

// word appends a word's tokens.
func (e *encoder) word(v view) bool {
	pieces, ok := e.t.cache.get(v.text)
	if !ok {
		var bad int
		pieces, bad = e.t.model.word(e.pieces[:0], v.text)
		if bad != noBad {
			_, n := utf8.DecodeRuneInString(v.text[bad:])
			what := fmt.Sprintf("the character %q", v.text[bad:bad+n])
			if e.t.vocab.level {
				what = fmt.Sprintf("byte %#02x", v.text[bad])
			}
			e.err = fmt.Errorf("tokenizer: the vocabulary has no token for %s at offset %d, in the word %.40q", what, v.span(bad, bad+1).start, v.text)
			return false
		}
		e.pieces = pieces
		e.t.cache.put(v.text, pieces)
	}
	for _, p := range pieces {
		at := v.span(int(p.start), int(p.end))
		e.out = append(e.out, Token{p.id, int(at.start), int(at.end)})
	}
	return true
}
