package tokenizer

import (
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf8"
)

// decoding is one step of the decoder.
type decoding interface {
	// decode gives the text of each of tokens, which it may change. Where raw,
	// bytes that make no character stay.
	decode(tokens []string, raw bool) []string
	// alone gives what one token stands for, wherever it is.
	alone(token string) string
}

// decoder turns tokens into text. That of byte-level BPE does nothing: its
// vocabulary holds the bytes.
type decoder struct {
	steps   []decoding
	between string
}

// join gives the text of tokens.
func (d *decoder) join(tokens []string, raw bool) string {
	for _, step := range d.steps {
		tokens = step.decode(tokens, raw)
	}
	return strings.Join(tokens, d.between)
}

// alone gives what one token stands for.
func (d *decoder) alone(token string) string {
	for _, step := range d.steps {
		token = step.alone(token)
	}
	return token
}

// parseDecoder reads a decoder, which may be a sequence.
func parseDecoder(raw json.RawMessage) ([]decoding, error) {
	const field = "decoder"
	kind, err := typeOf(field, raw)
	if err != nil {
		return nil, err
	}
	var bare struct{ Type string }
	switch kind {
	case "Sequence":
		var p struct {
			Type     string
			Decoders []json.RawMessage
		}
		if err := read(field, raw, &p, "decoders"); err != nil {
			return nil, err
		}
		var steps []decoding
		for _, part := range p.Decoders {
			more, err := parseDecoder(part)
			if err != nil {
				return nil, err
			}
			steps = append(steps, more...)
		}
		return steps, nil
	case "Replace":
		var p struct {
			Type    string
			Pattern pattern
			Content string
		}
		if err := read(field, raw, &p, "pattern", "content"); err != nil {
			return nil, err
		}
		if p.Pattern.String == nil {
			return nil, fmt.Errorf("decoder: Replace of the pattern %q is not supported; of a String it is", *p.Pattern.Regex)
		}
		return []decoding{replacing{*p.Pattern.String, p.Content}}, nil
	case "ByteFallback":
		return []decoding{byteFallback{}}, read(field, raw, &bare)
	case "Fuse":
		return []decoding{fusing{}}, read(field, raw, &bare)
	case "Strip":
		var p struct {
			Type, Content string
			Start, Stop   int
		}
		if err := read(field, raw, &p, "content", "start", "stop"); err != nil {
			return nil, err
		}
		if utf8.RuneCountInString(p.Content) != 1 || p.Start < 0 || p.Stop < 0 {
			return nil, fmt.Errorf("decoder: Strip wants one character and counts of it, not %q, %d and %d", p.Content, p.Start, p.Stop)
		}
		return []decoding{stripping{p.Content, p.Start, p.Stop}}, nil
	case "Metaspace":
		m, err := parseMetaspace(field, raw)
		return []decoding{m}, err
	case "WordPiece":
		var p struct {
			Type, Prefix string
			Cleanup      bool
		}
		err := read(field, raw, &p, "prefix", "cleanup")
		return []decoding{joining{p.Prefix, p.Cleanup}}, err
	}
	return nil, fmt.Errorf("decoder: type %q is not supported; Replace, ByteFallback, Fuse, Strip, Metaspace, WordPiece and a Sequence of them are, and ByteLevel with a ByteLevel pre_tokenizer", kind)
}

// replacing replaces every from.
type replacing struct{ from, to string }

func (r replacing) decode(tokens []string, _ bool) []string {
	for i := range tokens {
		tokens[i] = r.alone(tokens[i])
	}
	return tokens
}

func (r replacing) alone(token string) string { return strings.ReplaceAll(token, r.from, r.to) }

// fusing makes one token of all.
type fusing struct{}

func (fusing) decode(tokens []string, _ bool) []string { return []string{strings.Join(tokens, "")} }
func (fusing) alone(token string) string               { return token }

// stripping takes up to start and stop characters off the ends of each token.
type stripping struct {
	content     string
	start, stop int
}

func (s stripping) decode(tokens []string, _ bool) []string {
	for i, token := range tokens {
		for n := 0; n < s.start && strings.HasPrefix(token, s.content); n++ {
			token = token[len(s.content):]
		}
		for n := 0; n < s.stop && strings.HasSuffix(token, s.content); n++ {
			token = token[:len(token)-len(s.content)]
		}
		tokens[i] = token
	}
	return tokens
}

func (stripping) alone(token string) string { return token }

// joining puts spaces before the tokens of WordPiece that begin a word.
type joining struct {
	prefix  string
	cleanup bool
}

func (j joining) decode(tokens []string, _ bool) []string {
	for i, token := range tokens {
		if i > 0 {
			var goesOn bool
			if token, goesOn = strings.CutPrefix(token, j.prefix); !goesOn {
				token = " " + token
			}
		}
		if j.cleanup {
			for _, c := range cleanups {
				token = strings.ReplaceAll(token, c[0], c[1])
			}
		}
		tokens[i] = token
	}
	return tokens
}

func (joining) alone(token string) string { return token }

// cleanups take back, one after another, the spaces that cutting at punctuation
// put into English.
var cleanups = [...][2]string{
	{" .", "."}, {" ?", "?"}, {" !", "!"}, {" ,", ","}, {" ' ", "'"}, {" n't", "n't"}, {" 'm", "'m"},
	{" do not", " don't"}, {" 's", "'s"}, {" 've", "'ve"}, {" 're", "'re"},
}
