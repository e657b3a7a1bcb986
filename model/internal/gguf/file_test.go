package gguf_test

import (
	"bytes"
	"encoding/binary"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	lib "github.com/gomlx/go-huggingface/models/gguf"
	"github.com/gomlx/gomlx/core/tensors"

	"github.com/golens/golens/model/internal/gguf"
)

// kinds are the types with blocks that are read.
var kinds = []lib.TensorType{
	lib.TensorTypeQ4_0, lib.TensorTypeQ4_1, lib.TensorTypeQ5_0, lib.TensorTypeQ5_1, lib.TensorTypeQ8_0,
	lib.TensorTypeQ2_K, lib.TensorTypeQ3_K, lib.TensorTypeQ4_K, lib.TensorTypeQ5_K, lib.TensorTypeQ6_K,
}

// randomBlocks are blocks of any bits, but for scales that are finite.
func randomBlocks(rng *rand.Rand, kind lib.TensorType, n int) []byte {
	data := make([]byte, n*kind.TypeSize())
	for i := range data {
		data[i] = byte(rng.Uint32())
	}
	scales := map[lib.TensorType][]int{
		lib.TensorTypeQ4_0: {0}, lib.TensorTypeQ4_1: {0, 2}, lib.TensorTypeQ5_0: {0}, lib.TensorTypeQ5_1: {0, 2}, lib.TensorTypeQ8_0: {0},
		lib.TensorTypeQ2_K: {80, 82}, lib.TensorTypeQ3_K: {108}, lib.TensorTypeQ4_K: {0, 2}, lib.TensorTypeQ5_K: {0, 2}, lib.TensorTypeQ6_K: {208},
	}
	for b := range n {
		for _, at := range scales[kind] {
			data[b*kind.TypeSize()+at+1] &= 0xbf // no exponent of all ones
		}
	}
	return data
}

// Every type's values are those of the library, which were held to llama.cpp's,
// bit for bit, whole or in parts.
func TestBlocksEqualTheLibrarys(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	var all []tensor
	const rows, cols = 6, 1024
	for _, kind := range kinds {
		all = append(all, tensor{kind.String(), []int{rows, cols}, kind, randomBlocks(rng, kind, rows*cols/kind.BlockSize())})
	}
	path := written(t, encode(nil, all))
	f, err := gguf.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Weights.Close()
	other, err := lib.NewFromFile(path)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	for _, kind := range kinds {
		v, err := f.Weights.Tensor(kind.String())
		if err != nil || !slices.Equal(v.Shape, []int{rows, cols}) {
			t.Fatalf("%s: %v, %v", kind, v.Shape, err)
		}
		got, err := v.Float32()
		if err != nil {
			t.Fatal(err)
		}
		theirs, err := other.GetTensor(nil, kind.String())
		if err != nil {
			t.Fatal(err)
		}
		tensors.MustConstFlatData(theirs.Tensor, func(want []float32) {
			for i := range want {
				if math.Float32bits(got[i]) != math.Float32bits(want[i]) {
					t.Fatalf("%s: value %d is %g, there %g", kind, i, got[i], want[i])
				}
			}
		})
		for range 20 {
			from := rng.IntN(len(got))
			part := make([]float32, rng.IntN(len(got)-from+1))
			if err := v.Read(part, from); err != nil || !slices.Equal(part, got[from:from+len(part)]) {
				t.Errorf("%s: values %d to %d differ from the whole's, %v", kind, from, from+len(part), err)
			}
		}
	}
}

func small() []byte {
	return encode([]pair{{"general.architecture", "llama"}, {"a.list", []int32{1, 2}}, {"a.text", []string{"x", "yz"}}, {"a.flag", true}, {"a.number", float32(1)}},
		[]tensor{f32("a", []float32{1, 2, 3, 4, 5, 6}, 2, 3), f32("b", []float32{7}, 1)})
}

func TestFaultsAreNamed(t *testing.T) {
	with := func(change func(b []byte) []byte) []byte { return change(slices.Clone(small())) }
	replace := func(old, new string) []byte { return bytes.Replace(small(), []byte(old), []byte(new), 1) }
	for _, c := range []struct {
		name string
		data []byte
		want string
	}{
		{"another file", []byte("hello, world"), "does not begin with GGUF"},
		{"a pointer", []byte("version https://git-lfs.github.com/spec/v1\nsize 10\n"), "Git LFS pointer"},
		{"an old version", with(func(b []byte) []byte { b[4] = 1; return b }), "version 1"},
		{"big-endian", with(func(b []byte) []byte { copy(b[4:], []byte{0, 0, 0, 3}); return b }), "version 50331648"},
		{"many tensors", with(func(b []byte) []byte { binary.LittleEndian.PutUint64(b[8:], 1<<40); return b }), "too short"},
		{"many keys", with(func(b []byte) []byte { binary.LittleEndian.PutUint64(b[16:], 1<<60); return b }), "too short"},
		{"a long key", with(func(b []byte) []byte { binary.LittleEndian.PutUint64(b[24:], 1<<50); return b }), "download or copy was cut"},
		{"cut in the header", small()[:170], "download or copy was cut"},
		{"cut in the tensors", small()[:len(small())-32], "takes"},
		{"a key twice", replace("a.flag", "a.text"), "a.text stands twice"},
		{"a tensor twice", encode(nil, []tensor{f32("a", []float32{1}, 1), f32("a", []float32{1}, 1)}), "tensor a stands twice"},
		{"a type without size", encode(nil, []tensor{{"a", []int{256}, lib.TensorTypeIQ2_XS, nil}}), "IQ2_XS"},
		{"half a block", encode(nil, []tensor{{"a", []int{2, 33}, lib.TensorTypeQ8_0, make([]byte, 200)}}), "no whole blocks"},
		{"a shape that overflows", encode(nil, []tensor{{"a", []int{1 << 39, 1 << 39}, lib.TensorTypeF32, nil}}), "too large"},
		{"alignment", encode([]pair{{"general.alignment", uint32(24)}}, nil), "power of two"},
		{"a part", encode([]pair{{"split.count", uint32(3)}}, nil), "gguf-split"},
	} {
		if f, err := gguf.Open(written(t, c.data)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v does not say %q", c.name, err, c.want)
			if err == nil {
				f.Weights.Close()
			}
		}
	}
}

// Any bytes are a file or an error, and what a file says of its tensors holds.
func FuzzOpen(f *testing.F) {
	f.Add(small())
	f.Add(encode(nil, []tensor{{"a", []int{2, 256}, lib.TensorTypeQ4_K, make([]byte, 288)}}))
	f.Add(encode([]pair{{"general.architecture", "gpt2"}, {"gpt2.block_count", uint32(1)}, {"tokenizer.ggml.model", "gpt2"},
		{"tokenizer.ggml.tokens", []string{"a", "b", "ab"}}, {"tokenizer.ggml.merges", []string{"a b"}}}, []tensor{f32("token_embd.weight", []float32{1, 2}, 2, 1)}))
	path := filepath.Join(f.TempDir(), "x.gguf")
	f.Fuzz(func(t *testing.T, data []byte) {
		if gguf.Check(data) != nil {
			return // as most are, in microseconds: the library opens files only
		}
		if err := os.WriteFile(path, data, 0o644); err != nil {
			t.Fatal(err)
		}
		g, err := gguf.Open(path)
		if err != nil {
			return
		}
		defer g.Weights.Close()
		for _, name := range g.Weights.Names() {
			v, err := g.Weights.Tensor(name)
			if err != nil {
				t.Fatal(err)
			}
			n := 1
			for _, d := range v.Shape {
				n *= d
			}
			if values, err := v.Float32(); err == nil && len(values) != n {
				t.Errorf("%s: %d values for shape %v", name, len(values), v.Shape)
			}
		}
		_, _, _ = g.Config()
		g.Tokens()
	})
}
