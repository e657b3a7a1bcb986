package tokenizer

import (
	"fmt"
	"math"
	"slices"
)

// maxID bounds the table of tokens by id, and with it what a malformed file
// can make the package allocate. The largest vocabularies in use have 2^18.
const maxID = 1 << 21

// vocab is the byte-level BPE model: its tokens and its merges.
type vocab struct {
	// tokens holds each token's bytes by id; present tells holes from empty.
	tokens  []string
	present []bool
	// words finds a token by its bytes; entries that are not written in
	// byte-level letters are reachable as added tokens only, so not in it.
	words   map[string]int32
	others  map[string]int32 // those entries, by their spelling
	letters [256]int32       // the token of one byte, or -1
	merges  map[pair]merged
	whole   bool // ignore_merges: a word that is a token is not merged
}

// newVocab reads a vocabulary as it stands in the file: byte-level spellings
// and their ids.
func newVocab(ids map[string]int64) (*vocab, error) {
	v := &vocab{words: make(map[string]int32, len(ids)), others: map[string]int32{}}
	last := int64(-1)
	for spelling, id := range ids {
		if id < 0 || id >= maxID {
			return nil, fmt.Errorf("vocab: token %q has id %d; ids are from 0 to %d", spelling, id, maxID-1)
		}
		last = max(last, id)
	}
	v.tokens, v.present = make([]string, last+1), make([]bool, last+1)
	for spelling, id := range ids {
		if v.present[id] {
			return nil, fmt.Errorf("vocab: two tokens have id %d, one of them is %q", id, spelling)
		}
		text, ok := unletter(spelling)
		if !ok {
			v.tokens[id], v.present[id] = spelling, true
			v.others[spelling] = int32(id)
			continue
		}
		v.tokens[id], v.present[id] = text, true
		v.words[text] = int32(id)
	}
	for b := range v.letters {
		v.letters[b] = -1
		if id, ok := v.words[string([]byte{byte(b)})]; ok {
			v.letters[b] = id
		}
	}
	return v, nil
}

// addMerges reads the merges, spelled in byte-level letters, earliest first.
func (v *vocab) addMerges(spellings [][2]string) error {
	if len(spellings) > math.MaxInt32 {
		return fmt.Errorf("merges: %d entries are too many", len(spellings))
	}
	v.merges = make(map[pair]merged, len(spellings))
	for rank, m := range spellings {
		var parts [2]int32
		for side, spelling := range m {
			id, ok := v.find(spelling)
			if !ok {
				return fmt.Errorf("merges: entry %d, %q with %q: %q is not in the vocabulary", rank, m[0], m[1], spelling)
			}
			parts[side] = id
		}
		to, ok := v.find(m[0] + m[1])
		if !ok {
			return fmt.Errorf("merges: entry %d, %q with %q: %q is not in the vocabulary", rank, m[0], m[1], m[0]+m[1])
		}
		v.merges[pair{parts[0], parts[1]}] = merged{int32(rank), to}
	}
	return nil
}

// spelled finds an entry of the file's vocabulary.
func (v *vocab) spelled(spelling string) (int32, bool) {
	if id, ok := v.find(spelling); ok {
		return id, true
	}
	id, ok := v.others[spelling]
	return id, ok
}

// find finds a token by its byte-level spelling.
func (v *vocab) find(spelling string) (int32, bool) {
	text, ok := unletter(spelling)
	if !ok || text == "" {
		return 0, false
	}
	id, ok := v.words[text]
	return id, ok
}

// word appends the tokens of one word to out. On a byte without a token it
// returns that byte's position in the word, otherwise -1.
func (v *vocab) word(out []int32, s string) ([]int32, int) {
	if v.whole {
		if id, ok := v.words[s]; ok {
			return append(out, id), -1
		}
	}
	from := len(out)
	for i := range len(s) {
		id := v.letters[s[i]]
		if id < 0 {
			return out[:from], i
		}
		out = append(out, id)
	}
	if len(s) < 2 {
		return out, -1
	}
	// Merging reads the letters from out's tail and writes over them.
	return v.merge(out[:from], out[from:]), -1
}

// set gives id the text of an added token, growing the table if need be.
func (v *vocab) set(id int32, text string) {
	if grow := int(id) + 1 - len(v.tokens); grow > 0 {
		v.tokens = append(v.tokens, make([]string, grow)...)
		v.present = append(v.present, make([]bool, grow)...)
	}
	v.tokens[id], v.present[id] = text, true
}

// complete says whether every byte has a token.
func (v *vocab) complete() bool {
	return !slices.Contains(v.letters[:], -1)
}
