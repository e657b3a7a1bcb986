package tokenizer

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"

	"golang.org/x/text/unicode/norm"
)

// endOfText is the one special token of GPT-2, which its files do not mark.
const endOfText = "<|endoftext|>"

// withTokens enters the added tokens of a vocabulary without a file of its own for
// them: those of the settings, and those texts that it has in any case.
func (t *Tokenizer) withTokens(s *settings, certain ...addedToken) error {
	var own []addedToken
	for _, token := range certain {
		if id, ok := t.vocab.spelled(token.Content); ok {
			token.ID, token.Special = int64(id), true
			own = append(own, token)
		}
	}
	return t.addTokens(s.join(t.vocab, own))
}

// byteLevelClass is what a tokenizer class makes of vocab.json and merges.txt.
type byteLevelClass struct {
	scan          scanner
	normalizers   []normalizer
	specials      []addedToken
	before, after string
}

var (
	gpt2Class = byteLevelClass{scan: scanGPT2, specials: []addedToken{{Content: endOfText}}}
	qwenClass = byteLevelClass{scan: scanCL100K(1), specials: []addedToken{{Content: endOfText}},
		normalizers: []normalizer{{apply: func(v view) view { return compose(v, norm.NFC) }, folds: true}}}
	robertaClass = byteLevelClass{scan: scanGPT2, before: "<s>", after: "</s>",
		specials: []addedToken{{Content: "<s>"}, {Content: "<pad>"}, {Content: "</s>"}, {Content: "<unk>"}, {Content: "<mask>", LStrip: true}}}
	byteLevelClasses = map[string]byteLevelClass{
		"": gpt2Class, "GPT2": gpt2Class, "GPTNeoX": gpt2Class, "CodeGen": gpt2Class, "PreTrained": gpt2Class, "Tokenizers": gpt2Class,
		"Qwen2":   qwenClass,
		"Roberta": robertaClass, "Bart": robertaClass, "Longformer": robertaClass, "LED": robertaClass,
	}
)

// class is a tokenizer class without what all of them end in.
func (s *settings) class() string {
	name := strings.TrimSuffix(s.Class, "Backend")
	return strings.TrimSuffix(strings.TrimSuffix(name, "Fast"), "Tokenizer")
}

func openVocabJSON(fsys fs.FS, vocabulary []byte, set *settings) (*Tokenizer, error) {
	class, ok := byteLevelClasses[set.class()]
	if !ok {
		return nil, fmt.Errorf("tokenizer_config.json: tokenizer_class %q is not known for vocab.json and merges.txt; those of %s are. "+
			"AutoTokenizer's save_pretrained in Python makes a tokenizer.json, which says all", set.Class, strings.Join(slices.Sorted(maps.Keys(byteLevelClasses))[1:], ", "))
	}
	merges, err := readFile(fsys, "merges.txt")
	if err != nil {
		return nil, fmt.Errorf("vocab.json needs merges.txt beside it: %w", err)
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
	t.normalizers, t.cutters = class.normalizers, []cutter{{scan: class.scan}}
	if set.PrefixSpace != nil && *set.PrefixSpace {
		t.cutters[0].change = prefixSpace
	}
	if err := t.withTokens(set, class.specials...); err != nil {
		return nil, fmt.Errorf("vocab.json: %w", err)
	}
	if class.before != "" {
		if err := t.between("vocab.json", class.before, class.after); err != nil {
			return nil, err
		}
	}
	set.ends(t)
	return t, nil
}

// between puts texts between two added tokens.
func (t *Tokenizer) between(file, before, after string) error {
	for _, end := range []struct {
		text string
		into *[]int32
	}{{before, &t.template.before}, {after, &t.template.after}} {
		id, ok := t.added[end.text]
		if !ok {
			return fmt.Errorf("%s: no %s is in it, which begins or ends a text", file, end.text)
		}
		*end.into = []int32{id}
	}
	return nil
}

// bertSpecials are what BERT's vocab.txt does not mark.
var bertSpecials = []addedToken{{Content: "[PAD]"}, {Content: "[UNK]"}, {Content: "[CLS]"}, {Content: "[SEP]"}, {Content: "[MASK]"}}

// openVocabTxt reads a vocabulary of one token a line. It lowers case unless
// tokenizer_config.json says otherwise.
func openVocabTxt(_ fs.FS, vocabulary []byte, set *settings) (*Tokenizer, error) {
	if !slices.Contains([]string{"", "Bert", "DistilBert", "Electra", "PreTrained", "Tokenizers"}, set.class()) {
		return nil, fmt.Errorf("tokenizer_config.json: tokenizer_class %q is not known for vocab.txt; those of Bert, DistilBert and Electra are. "+
			"AutoTokenizer's save_pretrained in Python makes a tokenizer.json, which says all", set.Class)
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
	is := func(b *bool) bool { return b == nil || *b }
	t.normalizers = bertNormalizer(true, is(set.Chinese), set.Accents, is(set.Lower))
	t.cutters = bertWords()
	t.decoder.steps = []decoding{joining{"##", true}}
	if err := t.withTokens(set, bertSpecials...); err != nil {
		return nil, fmt.Errorf("vocab.txt: %w", err)
	}
	return t, t.between("vocab.txt", "[CLS]", "[SEP]")
}
