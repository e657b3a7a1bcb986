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
	return openHere(ctx, Call{Model: name})
}

// OpenCached is [Open] that never downloads: it fails if the model is neither
// here nor in the Hugging Face cache.
func OpenCached(name string) (*Model, error) {
	return openHere(context.Background(), Call{Model: name, Cached: true})
}

// openHere opens a model in the host of the kernel that runs this cell.
func openHere(ctx context.Context, open Call) (*Model, error) {
	socket := os.Getenv(SocketEnv)
	if socket == "" {
		return nil, fmt.Errorf("open %s: %s is not set: cells need the golens kernel", open.Model, SocketEnv)
	}
	return openIn(ctx, socket, open)
}
