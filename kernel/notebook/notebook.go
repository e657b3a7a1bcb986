package notebook

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// Notebook is a Jupyter notebook.
type Notebook struct {
	Cells       []*Cell        `json:"cells"`
	Metadata    map[string]any `json:"metadata"`
	Format      int            `json:"nbformat"`
	FormatMinor int            `json:"nbformat_minor"`
}

// Types of cells.
const (
	Code     = "code"
	Markdown = "markdown"
	Raw      = "raw"
)

// Cell is one cell.
type Cell struct {
	Type        string
	ID          string
	Metadata    map[string]any
	Source      string
	Attachments json.RawMessage // of markdown and raw cells; nil if there are none
	Outputs     []Output        // of code cells
	Count       int             // execution count of code cells; 0: not run
}

// Types of outputs.
const (
	Stream  = "stream"
	Display = "display_data"
	Result  = "execute_result"
	Error   = "error"
)

// Output is one output of a code cell.
type Output struct {
	Type      string
	Name      string         // stream: stdout or stderr
	Text      string         // stream
	Data      Bundle         // display and result
	Metadata  map[string]any // display and result
	Count     int            // result
	EName     string         // error
	EValue    string         // error
	Traceback []string       // error
	DisplayID string         // of the running kernel, for updates; not stored
}

// Bundle is one thing in several forms, by MIME type. Text types hold text,
// images other than SVG hold base64, JSON types hold JSON.
type Bundle map[string]any

// Text returns the form of the given type as text, or "" if there is none.
func (b Bundle) Text(mime string) string {
	switch v := b[mime].(type) {
	case string:
		return v
	case []any:
		var s strings.Builder
		for _, line := range v {
			t, _ := line.(string)
			s.WriteString(t)
		}
		return s.String()
	}
	return ""
}

// ErrFormat is wrapped by the errors of Read.
var ErrFormat = errors.New("not a notebook that can be read")

// Read parses a notebook.
func Read(data []byte) (*Notebook, error) {
	var nb Notebook
	if err := unmarshal(data, &nb); err != nil {
		return nil, fmt.Errorf("%w: %v", ErrFormat, err)
	}
	if nb.Format != 4 {
		return nil, fmt.Errorf("%w: nbformat %d; convert it to 4 with Jupyter", ErrFormat, nb.Format)
	}
	if nb.Metadata == nil {
		nb.Metadata = map[string]any{}
	}
	for i, c := range nb.Cells {
		if c == nil {
			return nil, fmt.Errorf("%w: cell %d is null", ErrFormat, i+1)
		}
		if c.Type != Code && c.Type != Markdown && c.Type != Raw {
			return nil, fmt.Errorf("%w: cell %d has type %q", ErrFormat, i+1, c.Type)
		}
	}
	nb.identify()
	return &nb, nil
}

// identify gives an id to every cell that has none, or another's.
func (nb *Notebook) identify() {
	ids := make(map[string]bool)
	for i, c := range nb.Cells {
		if !validID(c.ID) || ids[c.ID] {
			c.ID = newID(i, c.Source, ids)
		}
		ids[c.ID] = true
	}
}

// validID holds an id to nbformat's rule: 1 to 64 letters, digits, - and _.
func validID(id string) bool {
	if len(id) < 1 || len(id) > 64 {
		return false
	}
	for _, c := range id {
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '-' && c != '_' {
			return false
		}
	}
	return true
}

// newID makes an id from a cell's place and source: the same at every reading.
func newID(place int, source string, taken map[string]bool) string {
	for n := 0; ; n++ {
		sum := sha256.Sum256(fmt.Appendf(nil, "%d %d %s", place, n, source))
		// 8 hex digits is what Jupyter itself gives.
		if id := hex.EncodeToString(sum[:4]); !taken[id] {
			return id
		}
	}
}

// Write returns nb as nbformat 4.5. Cells without an id get one.
func (nb *Notebook) Write() ([]byte, error) {
	nb.identify()
	out := *nb
	out.Format, out.FormatMinor = 4, 5
	if out.Cells == nil {
		out.Cells = []*Cell{}
	}
	if out.Metadata == nil {
		out.Metadata = map[string]any{}
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", " ")
	if err := enc.Encode(out); err != nil {
		return nil, fmt.Errorf("writing notebook: %w", err)
	}
	return b.Bytes(), nil
}

// Lighten leaves out what a reader of the file sees another form of: HTML beside
// an SVG. Programs show a foreign notebook's HTML without its scripts, and some
// not at all, until it has been run.
func (nb *Notebook) Lighten() {
	for _, c := range nb.Cells {
		for _, o := range c.Outputs {
			if _, ok := o.Data["image/svg+xml"]; ok {
				delete(o.Data, "text/html")
			}
		}
	}
}

// Clear removes all outputs and execution counts.
func (nb *Notebook) Clear() {
	for _, c := range nb.Cells {
		c.Outputs, c.Count = nil, 0
	}
}
