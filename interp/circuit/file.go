package circuit

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/golens/golens/model/files"
)

// The head of a circuit's file.
const (
	format  = "golens circuit"
	version = 1
)

// file is a circuit as it is saved.
type file struct {
	Format  string `json:"format"`
	Version int    `json:"version"`
	*Circuit
}

// JSON is the circuit as a file, which [Parse] reads.
func (c *Circuit) JSON() ([]byte, error) {
	if err := c.Check(nil); err != nil {
		return nil, err
	}
	whole := *c
	if whole.Nodes == nil {
		whole.Nodes = []Node{}
	}
	data, err := json.MarshalIndent(file{format, version, &whole}, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("circuit %q: %w", c.Name, err)
	}
	return append(data, '\n'), nil
}

// Save writes the circuit to a file. It appears whole or not at all.
func (c *Circuit) Save(path string) error {
	data, err := c.JSON()
	if err != nil {
		return err
	}
	if err := files.Write(path, data); err != nil {
		return fmt.Errorf("circuit %q: %w", c.Name, err)
	}
	return nil
}

// Load reads a circuit from a file. Whether a model has its parts is checked
// where it is used, or by [Circuit.Check].
func Load(path string) (*Circuit, error) {
	data, err := files.Read(path)
	if err != nil {
		return nil, fmt.Errorf("circuit: %w", err)
	}
	c, err := Parse(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return c, nil
}

// Parse reads a circuit. Fields that are not known, parts that there are not,
// edges between parts that are no nodes and the like are errors.
func Parse(data []byte) (*Circuit, error) {
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	f := file{Circuit: &Circuit{}}
	if err := d.Decode(&f); err != nil {
		return nil, fmt.Errorf("circuit: %s: %w", where(data, d.InputOffset(), err), err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("circuit: %s: something follows the circuit", where(data, d.InputOffset(), nil))
	}
	switch {
	case f.Format != format:
		return nil, fmt.Errorf("circuit: the format is %q; want %q", f.Format, format)
	case f.Version != version:
		return nil, fmt.Errorf("circuit: version %d; this golens reads version %d", f.Version, version)
	case f.Circuit == nil || f.Nodes == nil:
		return nil, errors.New("circuit: there is no list of nodes")
	}
	return f.Circuit, f.Check(nil)
}

// where is the line of an error.
func where(data []byte, offset int64, err error) string {
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	switch {
	case errors.As(err, &syntax):
		offset = syntax.Offset
	case errors.As(err, &kind):
		offset = kind.Offset
	}
	offset = min(max(offset, 0), int64(len(data)))
	return fmt.Sprintf("line %d", 1+bytes.Count(data[:offset], []byte("\n")))
}
