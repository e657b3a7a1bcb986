package gguf

import (
	"bytes"
	"errors"
	"fmt"
	"math/bits"
	"slices"

	lib "github.com/gomlx/go-huggingface/models/gguf"

	"github.com/golens/golens/model/weights"
)

// A File is an open model.
type File struct {
	// Weights are the tensors by the file's names, in which a matrix is
	// [out, in].
	Weights *weights.Store
	path    string
	meta    map[string]any
}

// Open maps a file and reads its header.
func Open(path string) (*File, error) {
	data, err := weights.Map(path)
	if err != nil {
		return nil, err
	}
	f, err := read(path, data)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", path, err), data.Close())
	}
	return f, nil
}

func read(path string, data *weights.Mapped) (*File, error) {
	if err := data.Guarded(check); err != nil {
		return nil, err
	}
	header, err := lib.Open(path)
	if err != nil {
		return nil, err
	}
	f := &File{path: path, meta: map[string]any{}}
	for _, kv := range header.KeyValues {
		if _, twice := f.meta[kv.Key]; twice {
			return nil, fmt.Errorf("the key %s stands twice in its header", kv.Key)
		}
		f.meta[kv.Key] = kv.Raw()
	}
	if parts := f.int("split.count", 1); parts > 1 {
		return nil, fmt.Errorf("it is one of %d parts, which llama.cpp's gguf-split --merge makes one file", parts)
	}
	if a := header.Alignment; bits.OnesCount64(a) != 1 || a > 1<<20 {
		return nil, fmt.Errorf("general.alignment is %d, which is no power of two up to a million", a)
	}
	body := data.Bytes()
	if at := header.DataOffset(); at < 0 || at > int64(len(body)) {
		body = nil
	} else {
		body = body[at:]
	}
	views := map[string]weights.View{}
	end := uint64(0) // of the tensors so far, which come by their offsets
	for _, t := range header.TensorInfos {
		if _, twice := views[t.Name]; twice {
			return nil, fmt.Errorf("tensor %s stands twice in its header", t.Name)
		}
		size, err := size(t)
		if err != nil {
			return nil, fmt.Errorf("tensor %s: %w", t.Name, err)
		}
		if t.Offset < end {
			return nil, fmt.Errorf("tensor %s begins at %d, inside the one before it, which ends at %d", t.Name, t.Offset, end)
		}
		if n := uint64(len(body)); t.Offset > n || size > n-t.Offset {
			return nil, fmt.Errorf("tensor %s lies at %d and takes %d bytes, but the file has %d for tensors; its download or copy was cut, fetch it again",
				t.Name, t.Offset, size, n)
		}
		end = t.Offset + size
		v := weights.View{Name: t.Name, DType: t.Type.String(), Bytes: body[t.Offset:end:end]}
		for _, d := range slices.Backward(t.Shape) { // the innermost comes first
			v.Shape = append(v.Shape, int(d))
		}
		views[t.Name] = v
	}
	f.Weights, err = data.Store(views)
	return f, err
}

// check refuses what has no header that a reader may trust.
func check(data []byte) error {
	if !bytes.HasPrefix(data, []byte("GGUF")) {
		return weights.Mistaken(data, fmt.Errorf("not a GGUF file: it does not begin with GGUF"))
	}
	return walk(data[4:])
}

// size is the bytes of a tensor.
func size(t lib.TensorInfo) (uint64, error) {
	per, width := uint64(t.Type.BlockSize()), uint64(t.Type.TypeSize())
	if per == 0 || width == 0 {
		return 0, fmt.Errorf("its type is %s, whose size is not known here", t.Type)
	}
	if len(t.Shape) == 0 || len(t.Shape) > 4 {
		return 0, fmt.Errorf("it has %d axes; 1 to 4 are allowed", len(t.Shape))
	}
	if t.Shape[0]%per != 0 {
		return 0, fmt.Errorf("its rows of %d values are no whole blocks of %s, which have %d", t.Shape[0], t.Type, per)
	}
	n := uint64(1)
	for _, d := range t.Shape {
		high, low := bits.Mul64(n, d)
		if n = low; high != 0 || n > 1<<48 || d > 1<<40 {
			return 0, fmt.Errorf("its shape %v is too large", t.Shape)
		}
	}
	return n / per * width, nil
}
