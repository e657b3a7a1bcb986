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
	Version       *string         `json:"version"`
	Truncation    json.RawMessage `json:"truncation"` // these two concern batches
	Padding       json.RawMessage `json:"padding"`
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
	AsWritten  bool   `json:"-"` // it is looked for in the normalized text, but is not normalized itself
	Special    bool   `json:"special"`
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

// typeOf reads the "type" of one part of the file; "" if it has none.
func typeOf(field string, raw json.RawMessage) (string, error) {
	var t struct{ Type string }
	if err := json.Unmarshal(raw, &t); err != nil {
		return "", fmt.Errorf("%s: %w", field, err)
	}
	return t.Type, nil
}

// read decodes one part of the file, naming the field in its error. What the
// part must hold is required; what it may not hold is what into lacks.
func read(field string, raw json.RawMessage, into any, required ...string) error {
	if len(required) > 0 {
		var has map[string]json.RawMessage
		if err := json.Unmarshal(raw, &has); err != nil {
			return fmt.Errorf("%s: %w", field, err)
		}
		for _, name := range required {
			if absent(has[name]) {
				return fmt.Errorf("%s: %s is missing", field, name)
			}
		}
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return fmt.Errorf("%s: %w", field, err)
	}
	return nil
}

// pattern is what Replace and Split look for.
type pattern struct {
	Regex  *string
	String *string
}

// UnmarshalJSON implements [json.Unmarshaler].
func (p *pattern) UnmarshalJSON(b []byte) error {
	type plain pattern
	if err := read("pattern", b, (*plain)(p)); err != nil {
		return err
	}
	if (p.Regex == nil) == (p.String == nil) {
		return fmt.Errorf("pattern: want a Regex or a String")
	}
	if p.String != nil && *p.String == "" {
		return fmt.Errorf("pattern: the String is empty")
	}
	return nil
}
