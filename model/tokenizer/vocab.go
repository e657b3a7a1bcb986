package tokenizer

import (
	"fmt"
	"maps"
	"slices"
)

const (
	// maxID bounds ids. The largest vocabularies in use have 2^18.
	maxID = 1 << 21
	// freeID bounds the ids of a small vocabulary: trimmed ones keep the ids of
	// the special tokens of the large ones that they come from.
	freeID = 1 << 18
)

// vocab is the tokens of a file.
type vocab struct {
	// tokens holds by id what the decoder takes: the bytes that a token of
	// byte-level BPE stands for, the spelling of any other. present tells holes
	// from empty tokens.
	tokens  []string
	present []bool
	// ids finds the model's tokens by that. Entries of a byte-level vocabulary
	// that are not written in byte letters are reachable as added tokens only,
	// so not in it but in others, by their spelling.
	ids    map[string]int32
	others map[string]int32
	level  bool // byte-level
	most   int  // ids are below it, so that a small file needs little memory
}

// newVocab reads a vocabulary as it stands in the file.
func newVocab(ids map[string]int64, level bool) (*vocab, error) {
	v := &vocab{
		ids: make(map[string]int32, len(ids)), others: map[string]int32{}, level: level,
		most: min(maxID, max(freeID, 8*len(ids))),
	}
	last := int64(-1)
	for spelling, id := range ids {
		if id < 0 || id >= int64(v.most) {
			return nil, fmt.Errorf("vocab: token %q has id %d; ids are from 0 to %d", spelling, id, v.most-1)
		}
		last = max(last, id)
	}
	v.tokens, v.present = make([]string, last+1), make([]bool, last+1)
	for spelling, id := range ids {
		if v.present[id] {
			return nil, fmt.Errorf("vocab: two tokens have id %d, one of them is %q", id, spelling)
		}
		text, ok := v.read(spelling)
		v.tokens[id], v.present[id] = text, true
		if ok {
			v.ids[text] = int32(id)
		} else {
			v.others[spelling] = int32(id)
		}
	}
	return v, nil
}

// read is what tokens holds for a spelling of the file; false if it is not one
// of the model's.
func (v *vocab) read(spelling string) (string, bool) {
	if !v.level {
		return spelling, true
	}
	if text, ok := unletter(spelling); ok {
		return text, true
	}
	return spelling, false
}

// find finds a token of the model by its spelling in the file.
func (v *vocab) find(spelling string) (int32, bool) {
	text, ok := v.read(spelling)
	if !ok || text == "" {
		return 0, false
	}
	id, ok := v.ids[text]
	return id, ok
}

// spelled finds any entry of the file's vocabulary.
func (v *vocab) spelled(spelling string) (int32, bool) {
	if id, ok := v.find(spelling); ok {
		return id, true
	}
	id, ok := v.others[spelling]
	return id, ok
}

// sorted is the model's tokens, always in one order, and their ids.
func (v *vocab) sorted() ([]string, []int32) {
	tokens := slices.Sorted(maps.Keys(v.ids))
	ids := make([]int32, len(tokens))
	for i, token := range tokens {
		ids[i] = v.ids[token]
	}
	return tokens, ids
}

func (v *vocab) has(id int32) bool {
	return id >= 0 && int(id) < len(v.tokens) && v.present[id]
}

// set gives id the text of an added token, growing the table if need be.
func (v *vocab) set(id int32, text string) {
	if grow := int(id) + 1 - len(v.tokens); grow > 0 {
		v.tokens = append(v.tokens, make([]string, grow)...)
		v.present = append(v.present, make([]bool, grow)...)
	}
	v.tokens[id], v.present[id] = text, true
}

// noToken stands in tables of ids where there is none.
const noToken = -1

// byteTokens finds the tokens "<0x00>" to "<0xFF>", which stand for bytes of
// characters that the vocabulary lacks, and counts them.
func (v *vocab) byteTokens() (ids [256]int32, count int) {
	for b := range ids {
		ids[b] = noToken
		if id, ok := v.ids[fmt.Sprintf("<0x%02X>", b)]; ok {
			ids[b], count = id, count+1
		}
	}
	return ids, count
}

// unknown finds the token for what the vocabulary lacks, or noToken.
func (v *vocab) unknown(token *string) int32 {
	if token != nil {
		if id, ok := v.find(*token); ok {
			return id
		}
	}
	return noToken
}
