package tokenizer

import (
	"bytes"
	"encoding/json"
	"fmt"
	"iter"
	"slices"
	"unicode/utf8"
)

// Train makes the tokenizer.json of a byte-level BPE tokenizer with the GPT-2
// pattern, of at most size tokens, from documents. The special tokens have the
// first ids, in their order, then the 256 bytes in GPT-2's order, then what the
// merges make. Where a document holds a special token, it is not learned from.
//
// Each merge joins the pair that occurs most often; among equals the one with
// the smallest left id, then right id, so that the same documents, in any order,
// give the same bytes. There are fewer than size tokens if no pair is left that
// occurs twice. Memory grows with the number of different words.
//
// Source: Sennrich, Haddow and Birch 2016, "Neural Machine Translation of Rare
// Words with Subword Units", section 3.2, over bytes.
func Train(docs iter.Seq[string], size int, specials []string) ([]byte, error) {
	least := len(specials) + len(byteOrder)
	if size < least || size > maxID {
		return nil, fmt.Errorf("tokenizer: cannot train %d tokens; %d special tokens and 256 bytes need %d, and %d are the most", size, len(specials), least, maxID)
	}
	var marks []added
	t := &trainer{scan: scanGPT2, ids: map[string]int32{}}
	for i, s := range specials {
		switch {
		case s == "" || !utf8.ValidString(s):
			return nil, fmt.Errorf("tokenizer: special token %d, %q, is empty or not valid UTF-8", i, s)
		case slices.Contains(specials[:i], s):
			return nil, fmt.Errorf("tokenizer: special token %q is given twice", s)
		case len(s) == 1 || letters(s) != s && isSpelling(s):
			return nil, fmt.Errorf("tokenizer: special token %q is also how the file spells other bytes", s)
		}
		marks = append(marks, added{id: int32(i), text: s})
		t.ids[s] = int32(i)
		t.tokens = append(t.tokens, s)
	}
	for _, b := range byteOrder {
		t.letters[b] = t.add(string([]byte{b}))
	}
	find := newFinder(marks)
	t.count(docs, &find)
	t.train(size)
	return t.file(specials)
}

func isSpelling(s string) bool {
	_, ok := unletter(s)
	return ok
}

// file writes the tokenizer.json. Keys are sorted, so it is always the same.
func (t *trainer) file(specials []string) ([]byte, error) {
	vocabulary := make(map[string]int32, len(t.tokens))
	for id, token := range t.tokens {
		if id < len(specials) {
			vocabulary[token] = int32(id)
		} else {
			vocabulary[letters(token)] = int32(id)
		}
	}
	merges := make([][2]string, len(t.merges))
	for i, p := range t.merges {
		merges[i] = [2]string{letters(t.tokens[p.left]), letters(t.tokens[p.right])}
	}
	marked := make([]map[string]any, len(specials))
	for id, s := range specials {
		marked[id] = map[string]any{
			"id": id, "content": s, "single_word": false, "lstrip": false, "rstrip": false, "normalized": false, "special": true,
		}
	}
	byteLevel := map[string]any{"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", " ")
	err := e.Encode(map[string]any{
		"version": "1.0", "truncation": nil, "padding": nil, "normalizer": nil, "post_processor": nil,
		"added_tokens": marked, "pre_tokenizer": byteLevel, "decoder": byteLevel,
		"model": map[string]any{
			"type": "BPE", "dropout": nil, "unk_token": nil, "continuing_subword_prefix": nil, "end_of_word_suffix": nil,
			"fuse_unk": false, "byte_fallback": false, "ignore_merges": false, "vocab": vocabulary, "merges": merges,
		},
	})
	return b.Bytes(), err
}
