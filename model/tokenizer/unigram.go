package tokenizer

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"unicode/utf8"
)

// unigram cuts a word into the tokens with the highest sum of scores, their log
// probabilities. A character that is no token scores unknownPenalty below the
// lowest token.
//
// Source: Kudo 2018, "Subword Regularization: Improving Neural Network
// Translation Models with Multiple Subword Candidates", section 3.2.
type unigram struct {
	vocab    *vocab
	tokens   *trie
	scores   []float64 // by id
	penalty  float64   // the score of an unknown character
	unknown  int32
	bytes    [256]int32
	fallback bool
}

// unknownPenalty is SentencePiece's.
const unknownPenalty = 10

type unigramModel struct {
	Type         string         `json:"type"`
	UnkID        *int64         `json:"unk_id"`
	ByteFallback bool           `json:"byte_fallback"`
	Vocab        []unigramEntry `json:"vocab"`
}

// unigramEntry is ["token", score].
type unigramEntry struct {
	token string
	score float64
}

// UnmarshalJSON implements [json.Unmarshaler].
func (e *unigramEntry) UnmarshalJSON(b []byte) error {
	var parts []json.RawMessage
	if err := json.Unmarshal(b, &parts); err != nil {
		return err
	}
	if len(parts) != 2 {
		return fmt.Errorf("vocab: entry %s has %d parts, want a token and its score", b, len(parts))
	}
	if err := json.Unmarshal(parts[0], &e.token); err != nil {
		return err
	}
	return json.Unmarshal(parts[1], &e.score)
}

func parseUnigram(raw json.RawMessage) (*vocab, model, error) {
	var m unigramModel
	if err := read("model", raw, &m); err != nil {
		return nil, nil, err
	}
	if len(m.Vocab) == 0 || len(m.Vocab) > maxID {
		return nil, nil, fmt.Errorf("model: vocab has %d tokens, want 1 to %d", len(m.Vocab), maxID)
	}
	u := &unigram{unknown: noToken, penalty: math.Inf(1)}
	u.vocab = &vocab{ids: make(map[string]int32, len(m.Vocab)), most: min(maxID, max(freeID, 8*len(m.Vocab)))}
	for id, e := range m.Vocab {
		u.vocab.tokens, u.vocab.present = append(u.vocab.tokens, e.token), append(u.vocab.present, true)
		u.vocab.ids[e.token] = int32(id) // of equal tokens the last counts
		u.scores = append(u.scores, e.score)
		u.penalty = min(u.penalty, e.score-unknownPenalty)
	}
	if m.UnkID != nil {
		if *m.UnkID < 0 || *m.UnkID >= int64(len(m.Vocab)) {
			return nil, nil, fmt.Errorf("model: unk_id %d is no token; the vocabulary has %d", *m.UnkID, len(m.Vocab))
		}
		u.unknown = int32(*m.UnkID)
	}
	if m.ByteFallback {
		u.bytes, _ = u.vocab.byteTokens()
		u.fallback = true
	}
	u.tokens = newTrie(u.vocab.sorted())
	return u.vocab, u, nil
}

// step is the best way to a position: by the token id from position from.
type step struct {
	score    float64
	from, id int32
}

// word implements model.
func (u *unigram) word(out []piece, s string) ([]piece, int) {
	best := make([]step, len(s)+1) // to each position; from is -1 where none leads
	for i := 1; i <= len(s); i++ {
		best[i].from = -1
	}
	for i := 0; i < len(s); {
		here, single := best[i].score, false
		_, width := utf8.DecodeRuneInString(s[i:])
		for n, j := u.tokens.child(0, s[i]), i+1; n != 0; j++ {
			if id := u.tokens.values[n]; id >= 0 {
				best[j].improve(here+u.scores[id], i, id)
				single = single || j == i+width
			}
			if j == len(s) {
				break
			}
			n = u.tokens.child(n, s[j])
		}
		if !single {
			if u.unknown == noToken {
				return out, i
			}
			best[i+width].improve(here+u.penalty, i, u.unknown)
		}
		i += width
	}
	from := len(out)
	for end := int32(len(s)); end > 0; {
		b := best[end]
		start := b.from
		// Unknown characters side by side are one.
		for b.id == u.unknown && start > 0 && best[start].id == u.unknown {
			start = best[start].from
		}
		if b.id == u.unknown {
			out = u.lost(out, s, start, end)
		} else {
			out = append(out, piece{b.id, start, end})
		}
		end = start
	}
	slices.Reverse(out[from:])
	return out, noBad
}

func (s *step) improve(score float64, from int, id int32) {
	if s.from < 0 || score > s.score {
		*s = step{score, int32(from), id}
	}
}

// lost appends, last first, the tokens of unknown text: a token if the whole of
// it is one, its bytes, or the unknown token.
func (u *unigram) lost(out []piece, s string, start, end int32) []piece {
	if id, ok := u.vocab.ids[s[start:end]]; ok {
		return append(out, piece{id, start, end})
	}
	from := len(out)
	for i := end - 1; u.fallback && i >= start; i-- {
		id := u.bytes[s[i]]
		if id == noToken {
			out = out[:from]
			break
		}
		// The bytes of several characters all stand for the whole.
		out = append(out, piece{id, start, end})
	}
	if len(out) > from {
		return out
	}
	return append(out, piece{u.unknown, start, end})
}
