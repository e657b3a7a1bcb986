package tokenizer

import (
	"encoding/json"
	"fmt"
)

// parseModel reads the file's "model", which must be BPE over byte letters.
func parseModel(raw json.RawMessage) (*vocab, error) {
	if absent(raw) {
		return nil, fmt.Errorf("model: missing")
	}
	kind, err := typeOf("model", raw)
	if err != nil {
		return nil, err
	}
	// The oldest files have no type, and are BPE if they have merges.
	if kind != "BPE" && kind != "" {
		return nil, fmt.Errorf("model: type %q is not supported; only byte-level BPE is", kind)
	}
	var m bpeModel
	if err := read("model", raw, &m); err != nil {
		return nil, err
	}
	switch {
	case kind == "" && m.Merges == nil:
		return nil, fmt.Errorf("model: no type and no merges; only byte-level BPE is supported")
	case len(m.Vocab) == 0:
		return nil, fmt.Errorf("model: vocab is missing or empty")
	case m.Dropout != nil && *m.Dropout != 0:
		return nil, fmt.Errorf("model: dropout %v is not supported; encoding is deterministic", *m.Dropout)
	case m.Prefix != nil && *m.Prefix != "":
		return nil, fmt.Errorf("model: continuing_subword_prefix %q is not supported", *m.Prefix)
	case m.Suffix != nil && *m.Suffix != "":
		return nil, fmt.Errorf("model: end_of_word_suffix %q is not supported", *m.Suffix)
	case m.ByteFallback:
		return nil, fmt.Errorf("model: byte_fallback true is not supported; it belongs to SentencePiece")
	}
	v, err := newVocab(m.Vocab)
	if err != nil {
		return nil, fmt.Errorf("model: %w", err)
	}
	if m.UnkToken != nil && *m.UnkToken != "" && !v.complete() {
		return nil, fmt.Errorf("model: unk_token %q is not supported with a vocabulary that lacks bytes", *m.UnkToken)
	}
	merges := make([][2]string, len(m.Merges))
	for i, entry := range m.Merges {
		merges[i] = entry
	}
	if err := v.addMerges(merges); err != nil {
		return nil, fmt.Errorf("model: %w", err)
	}
	v.whole = m.IgnoreMerges
	return v, nil
}
