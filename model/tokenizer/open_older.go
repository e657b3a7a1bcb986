package tokenizer

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
)

// endOfText is the one special token of GPT-2, which its files do not mark.
const endOfText = "<|endoftext|>"

// configured is what tokenizer_config.json says of the older files. Its many
// other fields do not change what a text's tokens are.
type configured struct {
	PrefixSpace bool            `json:"add_prefix_space"`
	AddBOS      bool            `json:"add_bos_token"`
	BOS         json.RawMessage `json:"bos_token"`
	Lower       *bool           `json:"do_lower_case"`
	Accents     *bool           `json:"strip_accents"`
	Chinese     *bool           `json:"tokenize_chinese_chars"`
}

// readConfig reads tokenizer_config.json, which may be absent.
func readConfig(fsys fs.FS) (configured, error) {
	const name = "tokenizer_config.json"
	var c configured
	data, err := readFile(fsys, name)
	if errors.Is(err, fs.ErrNotExist) {
		return c, nil
	}
	if err == nil {
		if err = json.Unmarshal(data, &c); err != nil {
			err = fmt.Errorf("%s: %w", name, err)
		}
	}
	return c, err
}

// tokenText reads a special token of the older files: its text, or an object
// with it.
func tokenText(raw json.RawMessage) (string, error) {
	var text string
	if json.Unmarshal(raw, &text) == nil {
		return text, nil
	}
	var token struct{ Content string }
	err := json.Unmarshal(raw, &token)
	return token.Content, err
}

// readSpecials reads special_tokens_map.json, which may be absent, into specials
// that are there in any case.
func readSpecials(fsys fs.FS, specials ...string) ([]string, error) {
	const name = "special_tokens_map.json"
	data, err := readFile(fsys, name)
	if errors.Is(err, fs.ErrNotExist) {
		return specials, nil
	}
	if err != nil {
		return nil, err
	}
	var roles map[string]json.RawMessage
	if err := json.Unmarshal(data, &roles); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	for role, raw := range roles {
		entries := []json.RawMessage{raw}
		if role == "additional_special_tokens" {
			if err := json.Unmarshal(raw, &entries); err != nil {
				return nil, fmt.Errorf("%s: %s: %w", name, role, err)
			}
		}
		for _, entry := range entries {
			text, err := tokenText(entry)
			if err != nil {
				return nil, fmt.Errorf("%s: %s: %w", name, role, err)
			}
			specials = append(specials, text)
		}
	}
	slices.Sort(specials)
	return slices.Compact(specials), nil
}

// addSpecials makes special tokens of those texts that the vocabulary has.
func (t *Tokenizer) addSpecials(ids map[string]int64, texts []string) error {
	var tokens []addedToken
	for _, text := range texts {
		if id, ok := ids[text]; ok {
			tokens = append(tokens, addedToken{ID: id, Content: text, Special: true})
		}
	}
	return t.addTokens(tokens)
}

func openVocabJSON(fsys fs.FS, vocabulary []byte) (*Tokenizer, error) {
	merges, err := readFile(fsys, "merges.txt")
	if err != nil {
		return nil, fmt.Errorf("vocab.json needs merges.txt beside it: %w", err)
	}
	config, err := readConfig(fsys)
	if err != nil {
		return nil, err
	}
	specials, err := readSpecials(fsys, endOfText)
	if err != nil {
		return nil, err
	}
	var ids map[string]int64
	if err := json.Unmarshal(vocabulary, &ids); err != nil {
		return nil, fmt.Errorf("vocab.json: %w", err)
	}
	b, err := newBPE(ids, true)
	if err != nil {
		return nil, fmt.Errorf("vocab.json: %w", err)
	}
	var entries [][2]string
	for line := range strings.Lines(string(merges)) {
		line = strings.TrimRight(line, "\r\n")
		if line == "" || strings.HasPrefix(line, "#version") {
			continue
		}
		entry, err := splitMerge(line)
		if err != nil {
			return nil, fmt.Errorf("merges.txt: %w", err)
		}
		entries = append(entries, entry)
	}
	if err := b.addMerges(entries); err != nil {
		return nil, fmt.Errorf("merges.txt: %w", err)
	}
	t := newTokenizer(b.vocab, b)
	t.cutters = []cutter{{scan: scanGPT2}}
	if config.PrefixSpace {
		t.cutters[0].change = prefixSpace
	}
	if err := t.addSpecials(ids, specials); err != nil {
		return nil, fmt.Errorf("vocab.json: %w", err)
	}
	if config.AddBOS {
		text, err := tokenText(config.BOS)
		id, ok := t.added[text]
		if err != nil || !ok {
			return nil, fmt.Errorf("tokenizer_config.json: add_bos_token is true, but bos_token %s is no special token of the vocabulary", config.BOS)
		}
		t.template.before = []int32{id}
	}
	return t, nil
}

// bertSpecials are what BERT's vocab.txt does not mark.
var bertSpecials = []string{"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"}

// openVocabTxt reads a vocabulary of one token a line. It lowers case unless
// tokenizer_config.json says otherwise.
func openVocabTxt(fsys fs.FS, vocabulary []byte) (*Tokenizer, error) {
	config, err := readConfig(fsys)
	if err != nil {
		return nil, err
	}
	specials, err := readSpecials(fsys, bertSpecials...)
	if err != nil {
		return nil, err
	}
	ids := map[string]int64{}
	for line := range bytes.Lines(vocabulary) {
		token := string(bytes.TrimRight(line, "\r\n"))
		if _, ok := ids[token]; ok {
			return nil, fmt.Errorf("vocab.txt: line %d is %q once more", len(ids)+1, token)
		}
		ids[token] = int64(len(ids))
	}
	unknown := "[UNK]"
	v, m, err := newWordPiece(wordPieceModel{Vocab: ids, UnkToken: &unknown, Prefix: "##", Most: 100})
	if err != nil {
		return nil, fmt.Errorf("vocab.txt: %w", err)
	}
	t := newTokenizer(v, m)
	lower := config.Lower == nil || *config.Lower
	t.normalizers = bertNormalizer(true, config.Chinese == nil || *config.Chinese, config.Accents, lower)
	t.cutters = bertWords()
	t.decoder.steps = []decoding{joining{"##", true}}
	if err := t.addSpecials(ids, specials); err != nil {
		return nil, fmt.Errorf("vocab.txt: %w", err)
	}
	for _, end := range []struct {
		text string
		into *[]int32
	}{{"[CLS]", &t.template.before}, {"[SEP]", &t.template.after}} {
		id, ok := t.added[end.text]
		if !ok {
			return nil, fmt.Errorf("vocab.txt: no %s is in it, which begins or ends a text of BERT", end.text)
		}
		*end.into = []int32{id}
	}
	return t, nil
}
