//go:build !golens_cell

package model

import (
	"context"
	"fmt"
	"os"
)

// Open opens a model: "zoo:NAME" ships with golens, a folder holds config.json,
// model.safetensors (or an index and shards) and, unless token ids are enough,
// tokenizer.json, vocab.json and merges.txt, vocab.txt, or tokenizer.model. A file
// that ends in .gguf, or a folder with one and no other weights, is a model of llama.cpp's. Any
// other name is a model of the Hugging Face Hub, "gpt2" or
// "EleutherAI/pythia-70m@step3000" with a branch, a tag or a commit, or one file of
// it, "ggml-org/gemma-3-270m-GGUF/gemma-3-270m-Q8_0.gguf": it is taken from the Hugging Face cache and, if it is not
// there, downloaded to it, unless HF_HUB_OFFLINE is set. A branch that is in the
// cache is not looked up again; `golens get` does that.
//
// In a notebook the model host opens it, once, and keeps it.
func Open(name string) (*Model, error) { return OpenContext(context.Background(), name) }

// OpenContext is [Open] that stops when the context ends. What it has downloaded
// until then is kept for the next time.
func OpenContext(ctx context.Context, name string) (*Model, error) {
	if socket := os.Getenv(SocketEnv); socket != "" {
		return openIn(ctx, socket, Call{Model: name})
	}
	r, err := OpenLocal(ctx, name)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", name, err)
	}
	dealt, err := Clustered(ctx, r)
	if err != nil {
		r.Close()
		return nil, fmt.Errorf("open %s: %w", name, err)
	}
	return New(dealt), nil
}

// OpenCached is [Open] that never downloads: it fails if the model is neither
// here nor in the Hugging Face cache.
func OpenCached(name string) (*Model, error) {
	if socket := os.Getenv(SocketEnv); socket != "" {
		return openIn(context.Background(), socket, Call{Model: name, Cached: true})
	}
	if err := Cached(name); err != nil {
		return nil, fmt.Errorf("open %s: %w", name, err)
	}
	return Open(name)
}

// OpenLocal opens a model in this process, whatever the environment says.
func OpenLocal(ctx context.Context, name string) (Runner, error) {
	s, err := openSource(ctx, name)
	if err != nil {
		return nil, err
	}
	return newLocal(s, Processing{}, nil)
}
