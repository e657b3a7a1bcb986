package arch

import (
	"bytes"
	"regexp"
)

// notJSON are the texts of JSON, which stay, and the numbers of Python that JSON lacks.
var notJSON = regexp.MustCompile(`"(?:[^"\\]|\\.)*"|-?\bInfinity\b|\bNaN\b`)

// AsJSON is a file that Python's json module wrote, as JSON: without a mark of its bytes'
// order, and with infinite numbers and NaN as texts, which no number of a model may be.
func AsJSON(raw []byte) []byte {
	raw = bytes.TrimPrefix(raw, []byte("\xef\xbb\xbf"))
	return notJSON.ReplaceAllFunc(raw, func(found []byte) []byte {
		if found[0] == '"' {
			return found
		}
		return []byte(`"` + string(found) + `"`)
	})
}
