package tokenizer

import (
	"encoding/json"
	"fmt"
)

// parseNormalizer says whether text is brought to NFC. Anything else than NFC
// or no normalizer is refused.
func parseNormalizer(raw json.RawMessage) (nfc bool, err error) {
	if absent(raw) {
		return false, nil
	}
	var n struct {
		Type        string
		Normalizers []json.RawMessage
	}
	if err := read("normalizer", raw, &n); err != nil {
		return false, err
	}
	switch n.Type {
	case "NFC":
		return true, nil
	case "Sequence":
		for _, part := range n.Normalizers {
			is, err := parseNormalizer(part)
			if err != nil {
				return false, err
			}
			nfc = nfc || is
		}
		return nfc, nil
	}
	return false, fmt.Errorf("normalizer: type %q is not supported; NFC is", n.Type)
}
