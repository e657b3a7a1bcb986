package tokenizer

import (
	"encoding/json"
	"fmt"
	"unicode/utf8"
)

// wordPiece cuts a word into the longest tokens from the left; all but the
// first are spelled with a prefix, "##". A word that does not come out even is
// unknown as a whole.
type wordPiece struct {
	starts, goesOn *trie // the tokens at a word's start, and without prefix
	unknown        int32
	most           int // a word of more characters is unknown
}

type wordPieceModel struct {
	Type     string           `json:"type"`
	UnkToken *string          `json:"unk_token"`
	Prefix   string           `json:"continuing_subword_prefix"`
	Most     int              `json:"max_input_chars_per_word"`
	Vocab    map[string]int64 `json:"vocab"`
}

func parseWordPiece(raw json.RawMessage) (*vocab, model, error) {
	var m wordPieceModel
	if err := read("model", raw, &m, "unk_token", "continuing_subword_prefix", "max_input_chars_per_word", "vocab"); err != nil {
		return nil, nil, err
	}
	v, w, err := newWordPiece(m)
	if err != nil {
		return nil, nil, fmt.Errorf("model: %w", err)
	}
	return v, w, nil
}

func newWordPiece(m wordPieceModel) (*vocab, *wordPiece, error) {
	if len(m.Vocab) == 0 {
		return nil, nil, fmt.Errorf("vocab is missing or empty")
	}
	v, err := newVocab(m.Vocab, false)
	if err != nil {
		return nil, nil, err
	}
	words, ids := v.sorted()
	return v, &wordPiece{
		starts: newTrie(words, ids), goesOn: newTrie(stripped(words, ids, m.Prefix)),
		unknown: v.unknown(m.UnkToken), most: m.Most,
	}, nil
}

// word implements model.
func (w *wordPiece) word(out []piece, s string) ([]piece, int) {
	from := len(out)
	// A word has no more characters than bytes.
	known := len(s) <= w.most || utf8.RuneCountInString(s) <= w.most
	tokens := w.starts
	for i := 0; known && i < len(s); {
		n, id := tokens.longest(s[i:])
		if n == 0 {
			known = false
			break
		}
		out = append(out, piece{id, int32(i), int32(i + n)})
		i, tokens = i+n, w.goesOn
	}
	switch {
	case known:
		return out, noBad
	case w.unknown == noToken:
		return out[:from], 0
	}
	return append(out[:from], piece{w.unknown, 0, int32(len(s))}), noBad
}
