package tokenizer

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"sync"
)

// Tokenizer encodes and decodes text as one model does. Make it with [Open] or
// [Parse]. It does not change and may be used by many goroutines at once.
type Tokenizer struct {
	vocab       *vocab
	model       model
	added       map[string]int32
	special     map[int32]bool
	raw         finder // added tokens looked for in the text as given
	normalized  finder // and those looked for in the normalized text
	normalizers []normalizer
	cutters     []cutter
	decoder     decoder
	template    template
	names       func() map[string]int32 // tokens by what they stand for
	cache       cache
}

// maxFile bounds what is read of one file; the largest tokenizer.json in use
// has about 35 MB.
const maxFile = 256 << 20

// Open reads the tokenizer in a model's folder: tokenizer.json or, where that
// is absent, GPT-2's vocab.json and merges.txt, BERT's vocab.txt or SentencePiece's
// tokenizer.model, with what
// tokenizer_config.json, special_tokens_map.json and added_tokens.json say
// besides. Where none is there, the error wraps [fs.ErrNotExist].
func Open(fsys fs.FS) (*Tokenizer, error) {
	t, err := open(fsys)
	if err != nil {
		return nil, fmt.Errorf("tokenizer: %w", err)
	}
	return t, nil
}

func open(fsys fs.FS) (*Tokenizer, error) {
	for _, kind := range []struct {
		name string
		open func(fs.FS, []byte, *settings) (*Tokenizer, error)
	}{{"tokenizer.json", openJSON}, {"vocab.json", openVocabJSON}, {"vocab.txt", openVocabTxt}, {"tokenizer.model", openSentencePiece}} {
		data, err := readFile(fsys, kind.name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		s, err := readSettings(fsys)
		if err != nil {
			return nil, err
		}
		return kind.open(fsys, data, s)
	}
	return nil, fmt.Errorf("neither tokenizer.json, vocab.json, vocab.txt nor tokenizer.model is there: %w", fs.ErrNotExist)
}

func openJSON(_ fs.FS, data []byte, s *settings) (*Tokenizer, error) {
	t, err := parse(data, s)
	if err != nil {
		return nil, fmt.Errorf("tokenizer.json: %w", err)
	}
	return t, nil
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
	t, err := parse(tokenizerJSON, new(settings))
	if err != nil {
		return nil, fmt.Errorf("tokenizer: tokenizer.json: %w", err)
	}
	return t, nil
}

func parse(data []byte, s *settings) (*Tokenizer, error) {
	var f file
	if err := read("top level", data, &f); err != nil {
		return nil, err
	}
	for field, raw := range map[string]json.RawMessage{"normalizer": f.Normalizer, "pre_tokenizer": f.PreTokenizer,
		"decoder": f.Decoder, "post_processor": f.PostProcessor} {
		if err := shallow(field, raw); err != nil {
			return nil, err
		}
	}
	if f.Version != nil && *f.Version != "1.0" {
		return nil, fmt.Errorf("version: %q is not supported; 1.0 is", *f.Version)
	}
	s.override(&f)
	level, err := hasByteLevel(f.PreTokenizer)
	if err != nil {
		return nil, err
	}
	v, m, err := parseModel(f.Model, level)
	if err != nil {
		return nil, err
	}
	return assemble(v, m, &f, s)
}

// assemble makes a tokenizer of a model and a file's other parts.
func assemble(v *vocab, m model, f *file, s *settings) (*Tokenizer, error) {
	t := newTokenizer(v, m)
	var err error
	if t.normalizers, err = parseNormalizer(f.Normalizer); err != nil {
		return nil, err
	}
	if err := bounded("normalizer", t.normalizers, func(n normalizer) float64 { return n.growth }); err != nil {
		return nil, err
	}
	if t.cutters, err = parsePreTokenizer(f.PreTokenizer); err != nil {
		return nil, err
	}
	if b, ok := m.(*bpe); ok && b.cuts() {
		t.cutters = append(t.cutters, cutter{scan: scanMarks})
	}
	if err := t.parseDecoder(f.Decoder); err != nil {
		return nil, err
	}
	if err := t.addTokens(s.join(v, f.AddedTokens)); err != nil {
		return nil, err
	}
	return t, t.parseTemplate(f.PostProcessor)
}

// parseDecoder reads the decoder, which has to be ByteLevel for a byte-level
// vocabulary. Without any, tokens are joined with spaces.
func (t *Tokenizer) parseDecoder(raw json.RawMessage) error {
	kind := ""
	if !absent(raw) {
		var err error
		if kind, err = typeOf("decoder", raw); err != nil {
			return err
		}
	}
	switch {
	case t.vocab.level && kind == "ByteLevel":
		return nil
	case t.vocab.level:
		return fmt.Errorf("decoder: type %q is not supported with a ByteLevel pre_tokenizer; ByteLevel is", kind)
	case absent(raw):
		t.decoder.between = " "
		return nil
	}
	var err error
	if t.decoder.steps, err = parseDecoder(raw); err != nil {
		return err
	}
	return bounded("decoder", t.decoder.steps, grows)
}

func newTokenizer(v *vocab, m model) *Tokenizer {
	t := &Tokenizer{vocab: v, model: m, added: map[string]int32{}, special: map[int32]bool{}}
	t.names = sync.OnceValue(t.nameAll)
	return t
}
