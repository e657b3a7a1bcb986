package notebook

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
)

// text is nbformat's multi-line string: a string or a list of strings when
// read, a list of lines when written.
type text string

func (t *text) UnmarshalJSON(data []byte) error {
	var one string
	if err := json.Unmarshal(data, &one); err == nil {
		*t = text(one)
		return nil
	}
	var many []string
	if err := json.Unmarshal(data, &many); err != nil {
		return fmt.Errorf("a text is neither a string nor a list of strings")
	}
	*t = text(strings.Join(many, ""))
	return nil
}

func (t text) MarshalJSON() ([]byte, error) {
	return marshal(lines(string(t)))
}

// lines cuts s after each line break.
func lines(s string) []string {
	list := []string{}
	for line := range strings.Lines(s) {
		list = append(list, line)
	}
	return list
}

// cellJSON is every field that a cell may have.
type cellJSON struct {
	Attachments json.RawMessage `json:"attachments,omitempty"`
	Type        string          `json:"cell_type"`
	Count       *int            `json:"execution_count"`
	ID          string          `json:"id"`
	Metadata    map[string]any  `json:"metadata"`
	Outputs     []Output        `json:"outputs"`
	Source      text            `json:"source"`
}

// UnmarshalJSON reads a cell.
func (c *Cell) UnmarshalJSON(data []byte) error {
	var j cellJSON
	if err := unmarshal(data, &j); err != nil {
		return err
	}
	*c = Cell{Type: j.Type, ID: j.ID, Metadata: j.Metadata, Source: string(j.Source), Attachments: j.Attachments}
	if j.Type == Code {
		c.Outputs = j.Outputs
		c.Attachments = nil
		if j.Count != nil {
			c.Count = *j.Count
		}
	}
	return nil
}

// MarshalJSON writes a cell with the fields of its type.
func (c *Cell) MarshalJSON() ([]byte, error) {
	metadata := c.Metadata
	if metadata == nil {
		metadata = map[string]any{}
	}
	if c.Type != Code {
		return marshal(struct {
			Attachments json.RawMessage `json:"attachments,omitempty"`
			Type        string          `json:"cell_type"`
			ID          string          `json:"id"`
			Metadata    map[string]any  `json:"metadata"`
			Source      text            `json:"source"`
		}{c.Attachments, c.Type, c.ID, metadata, text(c.Source)})
	}
	j := struct {
		Type     string         `json:"cell_type"`
		Count    *int           `json:"execution_count"`
		ID       string         `json:"id"`
		Metadata map[string]any `json:"metadata"`
		Outputs  []Output       `json:"outputs"`
		Source   text           `json:"source"`
	}{c.Type, count(c.Count), c.ID, metadata, c.Outputs, text(c.Source)}
	if j.Outputs == nil {
		j.Outputs = []Output{}
	}
	return marshal(j)
}

// count returns nil, JSON's null, for a cell that was not run.
func count(n int) *int {
	if n <= 0 {
		return nil
	}
	return &n
}

// UnmarshalJSON reads an output.
func (o *Output) UnmarshalJSON(data []byte) error {
	var j struct {
		Type      string         `json:"output_type"`
		Name      string         `json:"name"`
		Text      text           `json:"text"`
		Data      Bundle         `json:"data"`
		Metadata  map[string]any `json:"metadata"`
		Count     *int           `json:"execution_count"`
		EName     string         `json:"ename"`
		EValue    string         `json:"evalue"`
		Traceback []string       `json:"traceback"`
	}
	if err := unmarshal(data, &j); err != nil {
		return err
	}
	switch j.Type {
	case Stream, Display, Result, Error:
	default:
		return fmt.Errorf("an output has type %q", j.Type)
	}
	*o = Output{Type: j.Type, Name: j.Name, Text: string(j.Text), Data: j.Data, Metadata: j.Metadata,
		EName: j.EName, EValue: j.EValue, Traceback: j.Traceback}
	if j.Count != nil {
		o.Count = *j.Count
	}
	for mime := range o.Data {
		if !isJSON(mime) {
			o.Data[mime] = o.Data.Text(mime)
		}
	}
	return nil
}

// MarshalJSON writes an output with the fields of its type.
func (o Output) MarshalJSON() ([]byte, error) {
	switch o.Type {
	case Stream:
		return marshal(struct {
			Name string `json:"name"`
			Type string `json:"output_type"`
			Text text   `json:"text"`
		}{o.Name, o.Type, text(o.Text)})
	case Error:
		return marshal(struct {
			EName     string   `json:"ename"`
			EValue    string   `json:"evalue"`
			Type      string   `json:"output_type"`
			Traceback []string `json:"traceback"`
		}{o.EName, o.EValue, o.Type, append([]string{}, o.Traceback...)})
	case Display, Result:
		j := map[string]any{"data": o.Data.lines(), "metadata": o.Metadata, "output_type": o.Type}
		if o.Metadata == nil {
			j["metadata"] = map[string]any{}
		}
		if o.Type == Result {
			j["execution_count"] = count(o.Count)
		}
		return marshal(j)
	}
	return nil, fmt.Errorf("an output has type %q", o.Type)
}

// lines returns b with its texts as lists of lines.
func (b Bundle) lines() map[string]any {
	out := make(map[string]any, len(b))
	for mime, v := range b {
		if s, ok := v.(string); ok && !isJSON(mime) && !isBase64(mime) {
			v = lines(s)
		}
		out[mime] = v
	}
	return out
}

// isJSON tells whether a type's form is JSON, not text.
func isJSON(mime string) bool {
	return mime == "application/json" || strings.HasSuffix(mime, "+json")
}

// isBase64 tells whether a type's form is base64 on one line.
func isBase64(mime string) bool {
	return strings.HasPrefix(mime, "image/") && mime != "image/svg+xml"
}

// unmarshal is json.Unmarshal that keeps numbers as they were written: metadata
// may hold ids that no float64 can.
func unmarshal(data []byte, v any) error {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	return dec.Decode(v)
}

// marshal is json.Marshal that leaves <, > and & as they are: notebooks are
// read by people too.
func marshal(v any) ([]byte, error) {
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return []byte(b.String()), nil
}
