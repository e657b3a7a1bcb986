package gguf_test

import (
	"encoding/binary"
	"math"
	"os"
	"path/filepath"
	"testing"

	lib "github.com/gomlx/go-huggingface/models/gguf"
)

// pair is a key and a value of a header: a uint32, float32, bool, string or list.
type pair struct {
	key   string
	value any
}

// tensor is one of a file to be written; its shape is [out, in].
type tensor struct {
	name  string
	shape []int
	kind  lib.TensorType
	data  []byte
}

// f32 is a tensor of float32.
func f32(name string, values []float32, shape ...int) tensor {
	var data []byte
	for _, v := range values {
		data = binary.LittleEndian.AppendUint32(data, math.Float32bits(v))
	}
	return tensor{name, shape, lib.TensorTypeF32, data}
}

// encode is the bytes of a file.
func encode(pairs []pair, tensors []tensor) []byte {
	le := binary.LittleEndian
	text := func(b []byte, s string) []byte { return append(le.AppendUint64(b, uint64(len(s))), s...) }
	b := append([]byte("GGUF"), 3, 0, 0, 0)
	b = le.AppendUint64(le.AppendUint64(b, uint64(len(tensors))), uint64(len(pairs)))
	for _, p := range pairs {
		b = text(b, p.key)
		switch v := p.value.(type) {
		case uint32:
			b = le.AppendUint32(le.AppendUint32(b, 4), v)
		case float32:
			b = le.AppendUint32(le.AppendUint32(b, 6), math.Float32bits(v))
		case bool:
			b = append(le.AppendUint32(b, 7), map[bool]byte{true: 1}[v])
		case string:
			b = text(le.AppendUint32(b, 8), v)
		case []string:
			b = le.AppendUint64(le.AppendUint32(le.AppendUint32(b, 9), 8), uint64(len(v)))
			for _, s := range v {
				b = text(b, s)
			}
		case []int32:
			b = le.AppendUint64(le.AppendUint32(le.AppendUint32(b, 9), 5), uint64(len(v)))
			for _, n := range v {
				b = le.AppendUint32(b, uint32(n))
			}
		case []float32:
			b = le.AppendUint64(le.AppendUint32(le.AppendUint32(b, 9), 6), uint64(len(v)))
			for _, x := range v {
				b = le.AppendUint32(b, math.Float32bits(x))
			}
		default:
			panic("a value of another type")
		}
	}
	at := uint64(0)
	for _, t := range tensors {
		b = le.AppendUint32(text(b, t.name), uint32(len(t.shape)))
		for i := range t.shape {
			b = le.AppendUint64(b, uint64(t.shape[len(t.shape)-1-i]))
		}
		b = le.AppendUint64(le.AppendUint32(b, uint32(t.kind)), at)
		at += uint64(len(t.data)+31) / 32 * 32
	}
	pad := func() {
		for len(b)%32 != 0 {
			b = append(b, 0)
		}
	}
	pad()
	for _, t := range tensors {
		b = append(b, t.data...)
		pad()
	}
	return b
}

// written is a file with these bytes.
func written(t testing.TB, data []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "x.gguf")
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}
