// Package wire frames what a model host and its clients say to each other.
//
// A call is one HTTP POST over a unix socket, /v1/VERB, whose body is the
// content of the call and tensors that it names. The answer is a stream of
// frames: progress as it comes, then the answer, an error, or the names of
// tensors that the host does not hold, upon which the client calls again and
// brings them. A client that goes away ends the request's context in the host.
package wire

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"encoding/gob"
	"errors"
	"fmt"
	"io"

	"github.com/golens/golens/model/internal/content"
)

// A Frame is a part of an answer. The last one has Last or Err.
type Frame struct {
	Done, Total int    // progress: rows or, of a download, bytes
	Download    string // model that is being downloaded
	Note        string // how the work is going
	Err         string
	Want        []content.Name // tensors that are missing
	Body        []byte         // content of the answer
	Last        bool
}

// Largest bounds the body of an answer, in bytes: gob sends no frame of 8 GiB.
// It is more than any default budget allows.
const Largest = 8<<30 - 1<<20

// Read calls progress for every frame before the last, of which it returns the
// body or the tensors wanted.
func Read(r io.Reader, progress func(Frame)) (body []byte, want []content.Name, err error) {
	dec := gob.NewDecoder(r)
	for {
		var f Frame
		if err := dec.Decode(&f); err != nil {
			return nil, nil, fmt.Errorf("the model host stopped in the middle of an answer (it is started anew for the next request): %w", err)
		}
		switch {
		case f.Err != "":
			return nil, nil, errors.New(f.Err)
		case f.Last:
			return f.Body, f.Want, nil
		}
		progress(f)
	}
}

// Body is the body of a call, and its length: the call's content and the
// tensors that come with it, which are not copied.
func Body(call []byte, tensors map[content.Name][]float32) (body io.Reader, length int64) {
	parts := []io.Reader{}
	add := func(data []byte) {
		parts = append(parts, bytes.NewReader(data))
		length += int64(len(data))
	}
	size := func(n int) []byte { return binary.LittleEndian.AppendUint64(nil, uint64(n)) }
	add(size(len(call)))
	add(call)
	for name, values := range tensors {
		add(name[:])
		add(size(len(values)))
		add(content.Bytes(values))
	}
	return io.MultiReader(parts...), length
}

// Bytes is [Body] in memory.
func Bytes(call []byte, tensors map[content.Name][]float32) []byte {
	body, length := Body(call, tensors)
	b := bytes.NewBuffer(make([]byte, 0, length))
	_, _ = b.ReadFrom(body) // memory gives no errors
	return b.Bytes()
}

// ReadBytes reads what [Bytes] gives. Lengths are held to what is there.
func ReadBytes(data []byte) (call []byte, tensors map[content.Name][]float32, err error) {
	return readBody(bytes.NewReader(data), len(data))
}

// largest bounds a part of a call, in bytes: more than edits and references of a
// large batch are, less than would end the host.
const largest = 16 << 30

// ReadBody reads what [Body] gives. A tensor must be what its name says.
func ReadBody(r io.Reader) (call []byte, tensors map[content.Name][]float32, err error) {
	return readBody(r, largest)
}

// readBody reads a body none of whose parts is longer than largest.
func readBody(r io.Reader, largest int) (call []byte, tensors map[content.Name][]float32, err error) {
	size := func() (int, error) {
		var b [8]byte
		_, err := io.ReadFull(r, b[:])
		n := binary.LittleEndian.Uint64(b[:])
		if err == nil && n > uint64(largest) {
			err = fmt.Errorf("a part of %d bytes", n)
		}
		return int(n), err
	}
	n, err := size()
	if err != nil {
		return nil, nil, err
	}
	var head bytes.Buffer
	if _, err := io.CopyN(&head, r, int64(n)); err != nil {
		return nil, nil, err
	}
	tensors = map[content.Name][]float32{}
	for {
		var name content.Name
		if _, err := io.ReadFull(r, name[:]); err == io.EOF {
			return head.Bytes(), tensors, nil
		} else if err != nil {
			return nil, nil, err
		}
		n, err := size()
		if err != nil || 4*n > largest {
			return nil, nil, cmp.Or(err, fmt.Errorf("tensor %.12s of %d values", name, n))
		}
		values := make([]float32, n)
		if _, err := io.ReadFull(r, content.Bytes(values)); err != nil {
			return nil, nil, err
		}
		if content.NameOf(values) != name {
			return nil, nil, fmt.Errorf("tensor %.12s holds other values than its name says", name)
		}
		tensors[name] = values
	}
}
