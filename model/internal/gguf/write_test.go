package gguf_test

import (
	"bytes"
	"encoding/binary"
	"io"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/golens/golens/model/modeltest"
	lib "github.com/gomlx/go-huggingface/models/gguf"
)

// pair is a key and a value of a header.
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
	var header []modeltest.GGUFPair
	for _, p := range pairs {
		header = append(header, modeltest.GGUFPair{Key: p.key, Value: p.value})
	}
	var all []modeltest.GGUFTensor
	for _, t := range tensors {
		all = append(all, modeltest.GGUFTensor{Name: t.name, Shape: t.shape, Kind: uint32(t.kind), Bytes: int64(len(t.data)), Write: func(w io.Writer) error {
			_, err := w.Write(t.data)
			return err
		}})
	}
	var b bytes.Buffer
	if err := modeltest.WriteGGUF(&b, header, all); err != nil {
		panic(err)
	}
	return b.Bytes()
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
