package model

import (
	"encoding/json"
	"fmt"
)

// handle is what a model of a host is opened by again.
type handle struct {
	Name       string
	Processing Processing
}

// MarshalText writes what the model is opened by again. Only a model that a model
// host holds has such a text: by it a notebook keeps its variables.
func (m *Model) MarshalText() ([]byte, error) {
	c, ok := m.runner.(*client)
	if !ok {
		return nil, fmt.Errorf("model %s is not held by a model host: it has no text to be opened by", m.Info().Name)
	}
	return json.Marshal(handle{c.info.Name, c.info.Processing})
}

// UnmarshalText opens the model that the text of MarshalText stands for.
func (m *Model) UnmarshalText(text []byte) error {
	var h handle
	if err := json.Unmarshal(text, &h); err != nil {
		return fmt.Errorf("a model's text: %w", err)
	}
	opened, err := Open(h.Name)
	if err == nil && opened.Info().Processing != h.Processing {
		opened, err = opened.Process(h.Processing)
	}
	if err != nil {
		return err
	}
	*m = *opened
	return nil
}
