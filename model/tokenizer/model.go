package tokenizer

import (
	"encoding/json"
	"fmt"
)

// model turns words into tokens.
type model interface {
	// word appends the tokens of one word to out. Where the vocabulary has no
	// token for a character, nor an unknown token, it gives its position, else
	// noBad.
	word(out []piece, s string) (pieces []piece, bad int)
}

const noBad = -1

// piece is a token and the bytes of the word, [start, end), that it stands for.
type piece struct{ id, start, end int32 }

// parseModel reads the file's "model"; level says that words are spelled in
// byte letters.
func parseModel(raw json.RawMessage, level bool) (*vocab, model, error) {
	if absent(raw) {
		return nil, nil, fmt.Errorf("model: missing")
	}
	kind, err := modelKind(raw)
	switch {
	case err != nil:
		return nil, nil, err
	case kind == "BPE":
		return parseBPE(raw, level)
	case level && (kind == "WordPiece" || kind == "Unigram"):
		return nil, nil, fmt.Errorf("model: type %q is not supported with a ByteLevel pre_tokenizer; BPE is", kind)
	case kind == "WordPiece":
		return parseWordPiece(raw)
	case kind == "Unigram":
		return parseUnigram(raw)
	}
	return nil, nil, fmt.Errorf("model: type %q is not supported; BPE, WordPiece and Unigram are", kind)
}

// modelKind is the model's type. The oldest files have none; it shows in what
// else they hold.
func modelKind(raw json.RawMessage) (string, error) {
	kind, err := typeOf("model", raw)
	if err != nil || kind != "" {
		return kind, err
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(raw, &fields); err != nil {
		return "", fmt.Errorf("model: %w", err)
	}
	for _, sign := range []struct{ field, kind string }{
		{"merges", "BPE"}, {"max_input_chars_per_word", "WordPiece"}, {"unk_id", "Unigram"},
	} {
		if !absent(fields[sign.field]) {
			return sign.kind, nil
		}
	}
	return "", fmt.Errorf("model: no type, and neither merges, max_input_chars_per_word nor unk_id to tell it by")
}
