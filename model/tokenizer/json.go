package tokenizer

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
)

// file is tokenizer.json; its parts are read in two steps, type first, so that
// an unknown type is named instead of failing on one of its fields.
type file struct {
	AddedTokens   []addedToken    `json:"added_tokens"`
	Normalizer    json.RawMessage `json:"normalizer"`
	PreTokenizer  json.RawMessage `json:"pre_tokenizer"`
	PostProcessor json.RawMessage `json:"post_processor"`
	Decoder       json.RawMessage `json:"decoder"`
	Model         json.RawMessage `json:"model"`
}

type addedToken struct {
	ID         int64  `json:"id"`
	Content    string `json:"content"`
	SingleWord bool   `json:"single_word"`
	LStrip     bool   `json:"lstrip"`
	RStrip     bool   `json:"rstrip"`
	Normalized bool   `json:"normalized"`
	Special    bool   `json:"special"`
}

type bpeModel struct {
	Dropout      *float64         `json:"dropout"`
	UnkToken     *string          `json:"unk_token"`
	Prefix       *string          `json:"continuing_subword_prefix"`
	Suffix       *string          `json:"end_of_word_suffix"`
	ByteFallback bool             `json:"byte_fallback"`
	IgnoreMerges bool             `json:"ignore_merges"`
	Vocab        map[string]int64 `json:"vocab"`
	Merges       []mergeEntry     `json:"merges"`
}

// mergeEntry is "a b" in older files and ["a", "b"] in newer ones.
type mergeEntry [2]string

// UnmarshalJSON implements [json.Unmarshaler].
func (m *mergeEntry) UnmarshalJSON(b []byte) error {
	if len(b) > 0 && b[0] == '[' {
		var parts []string
		if err := json.Unmarshal(b, &parts); err != nil {
			return err
		}
		if len(parts) != 2 {
			return fmt.Errorf("merges: entry %s has %d parts, want 2", b, len(parts))
		}
		*m = mergeEntry(parts)
		return nil
	}
	var line string
	if err := json.Unmarshal(b, &line); err != nil {
		return err
	}
	var err error
	*m, err = splitMerge(line)
	return err
}

func splitMerge(line string) (mergeEntry, error) {
	left, right, ok := strings.Cut(line, " ")
	if !ok || left == "" || right == "" || strings.Contains(right, " ") {
		return mergeEntry{}, fmt.Errorf("merges: entry %q is not two tokens with a space between", line)
	}
	return mergeEntry{left, right}, nil
}

// absent says whether a field is missing or null.
func absent(raw json.RawMessage) bool {
	return len(raw) == 0 || bytes.Equal(raw, []byte("null"))
}

// typeOf reads the "type" of one part of the file.
func typeOf(field string, raw json.RawMessage) (string, error) {
	var t struct{ Type string }
	if err := json.Unmarshal(raw, &t); err != nil {
		return "", fmt.Errorf("%s: %w", field, err)
	}
	return t.Type, nil
}

// read decodes one part of the file, naming the field in its error.
func read(field string, raw json.RawMessage, into any) error {
	if err := json.Unmarshal(raw, into); err != nil {
		return fmt.Errorf("%s: %w", field, err)
	}
	return nil
}
