package tokenizer

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
)

// Tokenizer encodes and decodes text as one model does. Make it with [Open] or
// [Parse]. It does not change and may be used by many goroutines at once.
type Tokenizer struct {
	vocab      *vocab
	added      map[string]int32
	special    map[int32]bool
	raw        trie // added tokens looked for in the text as given
	normalized trie // and those looked for in the normalized text
	nfc        bool
	splitter   splitter
	template   template
	cache      cache
}

// maxFile bounds what is read of one file; the largest tokenizer.json in use
// has about 35 MB.
const maxFile = 256 << 20

// Open reads the tokenizer in a model's folder: tokenizer.json or, where that
// is absent, GPT-2's vocab.json and merges.txt, in which <|endoftext|> is a
// special token. Where neither is there, the error wraps [fs.ErrNotExist].
func Open(fsys fs.FS) (*Tokenizer, error) {
	data, err := readFile(fsys, "tokenizer.json")
	if err == nil {
		return Parse(data)
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("tokenizer: %w", err)
	}
	vocabulary, err := readFile(fsys, "vocab.json")
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("tokenizer: neither tokenizer.json nor vocab.json is there: %w", fs.ErrNotExist)
	}
	if err != nil {
		return nil, fmt.Errorf("tokenizer: %w", err)
	}
	merges, err := readFile(fsys, "merges.txt")
	if err != nil {
		return nil, fmt.Errorf("tokenizer: vocab.json needs merges.txt beside it: %w", err)
	}
	return parseGPT2(vocabulary, string(merges))
}

func readFile(fsys fs.FS, name string) ([]byte, error) {
	f, err := fsys.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if len(data) > maxFile {
		return nil, fmt.Errorf("%s is larger than %d MiB", name, maxFile>>20)
	}
	return data, nil
}

// Parse reads a tokenizer.json.
func Parse(tokenizerJSON []byte) (*Tokenizer, error) {
	t, err := parse(tokenizerJSON)
	if err != nil {
		return nil, fmt.Errorf("tokenizer: tokenizer.json: %w", err)
	}
	return t, nil
}

func parse(data []byte) (*Tokenizer, error) {
	var f file
	if err := json.Unmarshal(data, &f); err != nil {
		return nil, err
	}
	v, err := parseModel(f.Model)
	if err != nil {
		return nil, err
	}
	t := newTokenizer(v)
	if t.nfc, err = parseNormalizer(f.Normalizer); err != nil {
		return nil, err
	}
	if t.splitter, err = parsePreTokenizer(f.PreTokenizer); err != nil {
		return nil, err
	}
	if absent(f.Decoder) {
		return nil, fmt.Errorf("decoder: null is not supported; byte-level BPE needs ByteLevel")
	}
	switch kind, err := typeOf("decoder", f.Decoder); {
	case err != nil:
		return nil, err
	case kind != "ByteLevel":
		return nil, fmt.Errorf("decoder: type %q is not supported; ByteLevel is", kind)
	}
	if err := t.addTokens(f.AddedTokens); err != nil {
		return nil, err
	}
	return t, t.parseTemplate(f.PostProcessor)
}

func newTokenizer(v *vocab) *Tokenizer {
	return &Tokenizer{vocab: v, added: map[string]int32{}, special: map[int32]bool{}}
}

// endOfText is the one special token of GPT-2, which its files do not mark.
const endOfText = "<|endoftext|>"

func parseGPT2(vocabulary []byte, merges string) (*Tokenizer, error) {
	var ids map[string]int64
	if err := json.Unmarshal(vocabulary, &ids); err != nil {
		return nil, fmt.Errorf("tokenizer: vocab.json: %w", err)
	}
	if len(ids) == 0 {
		return nil, fmt.Errorf("tokenizer: vocab.json holds no tokens")
	}
	v, err := newVocab(ids)
	if err != nil {
		return nil, fmt.Errorf("tokenizer: vocab.json: %w", err)
	}
	var entries [][2]string
	for line := range strings.Lines(merges) {
		line = strings.TrimRight(line, "\r\n")
		if line == "" || strings.HasPrefix(line, "#version") {
			continue
		}
		entry, err := splitMerge(line)
		if err != nil {
			return nil, fmt.Errorf("tokenizer: merges.txt: %w", err)
		}
		entries = append(entries, entry)
	}
	if err := v.addMerges(entries); err != nil {
		return nil, fmt.Errorf("tokenizer: merges.txt: %w", err)
	}
	t := newTokenizer(v)
	t.splitter = splitter{stages: []scanner{scanGPT2}}
	if id, ok := ids[endOfText]; ok {
		if err := t.addTokens([]addedToken{{ID: id, Content: endOfText, Special: true}}); err != nil {
			return nil, fmt.Errorf("tokenizer: vocab.json: %w", err)
		}
	}
	return t, nil
}
