//go:build !golens_cell

package model

import (
	"fmt"
	"os"
)

// Open opens a model: "zoo:NAME" ships with golens, anything else is a folder
// with config.json, model.safetensors (or an index and shards) and, unless
// token ids are enough, tokenizer.json or vocab.json and merges.txt.
//
// In a notebook the model host opens it, once, and keeps it.
func Open(name string) (*Model, error) {
	if socket := os.Getenv(SocketEnv); socket != "" {
		c, err := dial(socket, name, Processing{})
		if err != nil {
			return nil, fmt.Errorf("open %s: %w", name, err)
		}
		return New(c), nil
	}
	r, err := OpenLocal(name)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", name, err)
	}
	return New(r), nil
}

// OpenLocal opens a model in this process, whatever the environment says.
func OpenLocal(name string) (Runner, error) {
	s, err := openSource(name)
	if err != nil {
		return nil, err
	}
	return newLocal(s, Processing{}, nil)
}
