// Package wire frames what a model host and its clients say to each other.
//
// A call is one HTTP POST over a unix socket, /v1/VERB, whose body is a gob.
// The answer is a stream of frames: progress as it comes, then the answer or an
// error. A client that goes away ends the request's context in the host.
package wire

import (
	"encoding/gob"
	"errors"
	"fmt"
	"io"
)

// A Frame is a part of an answer. The last one has Body or Err.
type Frame struct {
	Done, Total int    // progress: rows or, of a download, bytes
	Download    string // model that is being downloaded
	Err         string
	Body        []byte // gob of the answer
	Last        bool
}

// Read calls progress for every frame before the last, whose body it returns.
func Read(r io.Reader, progress func(Frame)) ([]byte, error) {
	dec := gob.NewDecoder(r)
	for {
		var f Frame
		if err := dec.Decode(&f); err != nil {
			return nil, fmt.Errorf("the model host stopped in the middle of an answer (it is started anew for the next request): %w", err)
		}
		switch {
		case f.Err != "":
			return nil, errors.New(f.Err)
		case f.Last:
			return f.Body, nil
		}
		progress(f)
	}
}
