package tokenizer

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"unicode/utf8"
)

// bpe merges the symbols of a word, most frequent pairs of the training first.
// Byte-level, the symbols are the bytes; else they are the characters, and
// those that the vocabulary lacks become tokens of their bytes, or unknown.
type bpe struct {
	vocab    *vocab
	merges   map[pair]merged
	letters  [256]int32 // the token of one byte, or of one ASCII character
	bytes    [256]int32 // those of byte fallback
	fallback bool
	unknown  int32
	fuse     bool // unknown characters side by side are one token
	whole    bool // ignore_merges: a word that is a token is not merged
}

type bpeModel struct {
	Type         string           `json:"type"`
	Dropout      *float64         `json:"dropout"`
	UnkToken     *string          `json:"unk_token"`
	Prefix       *string          `json:"continuing_subword_prefix"`
	Suffix       *string          `json:"end_of_word_suffix"`
	FuseUnk      bool             `json:"fuse_unk"`
	ByteFallback bool             `json:"byte_fallback"`
	IgnoreMerges bool             `json:"ignore_merges"`
	Vocab        map[string]int64 `json:"vocab"`
	Merges       []mergeEntry     `json:"merges"`
}

func parseBPE(raw json.RawMessage, level bool) (*vocab, model, error) {
	var m bpeModel
	if err := read("model", raw, &m); err != nil {
		return nil, nil, err
	}
	switch {
	case m.Merges == nil:
		return nil, nil, fmt.Errorf("model: merges is missing")
	case m.Dropout != nil && *m.Dropout != 0:
		return nil, nil, fmt.Errorf("model: dropout %v is not supported; encoding is deterministic", *m.Dropout)
	case m.Prefix != nil && *m.Prefix != "":
		return nil, nil, fmt.Errorf("model: continuing_subword_prefix %q is not supported with BPE", *m.Prefix)
	case m.Suffix != nil && *m.Suffix != "":
		return nil, nil, fmt.Errorf("model: end_of_word_suffix %q is not supported", *m.Suffix)
	}
	b, err := newBPE(m.Vocab, level)
	if err != nil {
		return nil, nil, fmt.Errorf("model: %w", err)
	}
	if m.UnkToken != nil && *m.UnkToken == "" {
		m.UnkToken = nil
	}
	// Where every byte has a token, neither comes to pass.
	if lacks := !level || b.lacks(); lacks {
		b.fuse = m.FuseUnk
		if m.UnkToken != nil {
			id, ok := b.vocab.spelled(*m.UnkToken)
			if !ok {
				return nil, nil, fmt.Errorf("model: unk_token %q is not in the vocabulary", *m.UnkToken)
			}
			b.unknown = id
		}
		if m.ByteFallback && level {
			return nil, nil, fmt.Errorf("model: byte_fallback true is not supported with a byte-level vocabulary that lacks bytes")
		}
		if m.ByteFallback {
			var count int
			b.bytes, count = b.vocab.byteTokens()
			b.fallback = count > 0
		}
	}
	merges := make([][2]string, len(m.Merges))
	for i, entry := range m.Merges {
		merges[i] = entry
	}
	if err := b.addMerges(merges); err != nil {
		return nil, nil, fmt.Errorf("model: %w", err)
	}
	b.whole = m.IgnoreMerges
	return b.vocab, b, nil
}

func newBPE(ids map[string]int64, level bool) (*bpe, error) {
	if len(ids) == 0 {
		return nil, fmt.Errorf("vocab is missing or empty")
	}
	v, err := newVocab(ids, level)
	if err != nil {
		return nil, err
	}
	b := &bpe{vocab: v, unknown: noToken}
	for c := range b.letters {
		b.letters[c] = noToken
		if id, ok := v.ids[string([]byte{byte(c)})]; ok {
			b.letters[c] = id
		}
	}
	return b, nil
}

// lacks says whether a byte has no token.
func (b *bpe) lacks() bool {
	for _, id := range b.letters {
		if id == noToken {
			return true
		}
	}
	return false
}

// addMerges reads the merges, spelled as in the file, earliest first.
func (b *bpe) addMerges(spellings [][2]string) error {
	if len(spellings) > math.MaxInt32 {
		return fmt.Errorf("merges: %d entries are too many", len(spellings))
	}
	b.merges = make(map[pair]merged, len(spellings))
	for rank, m := range spellings {
		var parts [2]int32
		for side, spelling := range m {
			id, ok := b.vocab.find(spelling)
			if !ok {
				return fmt.Errorf("merges: entry %d, %q with %q: %q is not in the vocabulary", rank, m[0], m[1], spelling)
			}
			parts[side] = id
		}
		to, ok := b.vocab.find(m[0] + m[1])
		if !ok {
			return fmt.Errorf("merges: entry %d, %q with %q: %q is not in the vocabulary", rank, m[0], m[1], m[0]+m[1])
		}
		b.merges[pair{parts[0], parts[1]}] = merged{int32(rank), to}
	}
	return nil
}

// word implements model.
func (b *bpe) word(out []piece, s string) ([]piece, int) {
	if b.whole {
		if id, ok := b.vocab.ids[s]; ok {
			return append(out, piece{id, 0, int32(len(s))}), noBad
		}
	}
	from := len(out)
	symbols := b.characters
	if b.vocab.level {
		symbols = b.byteLetters
	}
	out, bad := symbols(out, s)
	if bad != noBad {
		return out[:from], bad
	}
	if len(out)-from < 2 {
		return out, noBad
	}
	return b.merge(out[:from], out[from:]), noBad
}

func (b *bpe) byteLetters(out []piece, s string) ([]piece, int) {
	unknown := false // the last symbol is
	for i := range len(s) {
		id := b.letters[s[i]]
		switch {
		case id != noToken:
			unknown = false
		case b.unknown == noToken:
			return out, i
		case unknown && b.fuse:
			out[len(out)-1].end++
			continue
		default:
			id, unknown = b.unknown, true
		}
		out = append(out, piece{id, int32(i), int32(i) + 1})
	}
	return out, noBad
}

// spells says whether there is a token for each byte of a character.
func (b *bpe) spells(character string) bool {
	for i := range len(character) {
		if b.bytes[character[i]] == noToken {
			return false
		}
	}
	return true
}

func (b *bpe) characters(out []piece, s string) ([]piece, int) {
	unknown := false // the last symbol is
	for i := 0; i < len(s); {
		n, id, ok := 1, b.letters[s[i]], true
		if s[i] >= utf8.RuneSelf {
			_, n = utf8.DecodeRuneInString(s[i:])
			id, ok = b.vocab.ids[s[i:i+n]]
		}
		switch {
		case ok && id != noToken:
			out, unknown = append(out, piece{id, int32(i), int32(i + n)}), false
		case b.fallback && b.spells(s[i:i+n]):
			unknown = false
			for j := i; j < i+n; j++ {
				out = append(out, piece{b.bytes[s[j]], int32(j), int32(j) + 1})
			}
		case b.unknown == noToken:
			return out, i
		case unknown && b.fuse:
			out[len(out)-1].end = int32(i + n)
		default:
			out, unknown = append(out, piece{b.unknown, int32(i), int32(i + n)}), true
		}
		i += n
	}
	return out, noBad
}

// cuts says whether the text may be cut before each ▁ that follows another
// character: nothing is merged across, as no token holds such a place. It makes
// words of a text that is not cut otherwise, which are merged faster.
func (b *bpe) cuts() bool {
	if _, ok := b.vocab.ids[metaspace]; !ok || b.vocab.level {
		return false
	}
	for token := range b.vocab.ids {
		if strings.Contains(strings.TrimLeft(token, metaspace), metaspace) {
			return false
		}
	}
	return true
}
