//go:build golens_cell

package model

import (
	"context"
	"fmt"
	"os"
)

// Open opens a model in the model host of the notebook's kernel.
func Open(name string) (*Model, error) { return OpenContext(context.Background(), name) }

// OpenContext is [Open] that stops when the context ends.
func OpenContext(ctx context.Context, name string) (*Model, error) {
	socket := os.Getenv(SocketEnv)
	if socket == "" {
		return nil, fmt.Errorf("open %s: %s is not set: cells need the golens kernel", name, SocketEnv)
	}
	c, err := dial(ctx, socket, name, Processing{})
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", name, err)
	}
	return New(c), nil
}
