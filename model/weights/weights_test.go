package weights

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/nlpodyssey/safetensors"
)

// header makes a file of a JSON header and n bytes of data.
func header(json string, n int) []byte {
	out := binary.LittleEndian.AppendUint64(nil, uint64(len(json)))
	return append(append(out, json...), make([]byte, n)...)
}

func TestFaultyFilesAreErrors(t *testing.T) {
	good := header(`{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}`, 8)
	for fault, data := range map[string][]byte{
		"empty":                  {},
		"truncated_length":       good[:5],
		"truncated_header":       good[:20],
		"truncated_data":         good[:len(good)-1],
		"data_left_over":         append(slices.Clone(good), 0),
		"header_length_overflow": binary.LittleEndian.AppendUint64(nil, math.MaxUint64),
		"header_not_json":        header(`{"a":`, 0),
		"offsets_reversed":       header(`{"a":{"dtype":"F32","shape":[2],"data_offsets":[8,0]}}`, 8),
		"offsets_negative":       header(`{"a":{"dtype":"F32","shape":[2],"data_offsets":[-8,0]}}`, 8),
		"offsets_overlap": header(`{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},
			"b":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}}`, 12),
		"offsets_leave_a_hole": header(`{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}`, 8),
		"shape_too_large":      header(`{"a":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}}`, 8),
		"shape_overflow":       header(`{"a":{"dtype":"F32","shape":[4294967296,4294967296,4],"data_offsets":[0,8]}}`, 8),
		"shape_negative":       header(`{"a":{"dtype":"F32","shape":[-2],"data_offsets":[0,8]}}`, 8),
		"key_twice":            header(`{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}`, 8),
		"header_goes_on":       header(`{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}} {}`, 8),
	} {
		t.Run(fault, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), fault+".safetensors")
			if err := os.WriteFile(path, data, 0o644); err != nil {
				t.Fatal(err)
			}
			s, err := Open(path)
			if err == nil {
				s.Close()
				t.Fatal("opened")
			}
			if !strings.Contains(err.Error(), fault+".safetensors") {
				t.Errorf("the error does not name the file: %v", err)
			}
		})
	}
}

func TestBrokenValuesAreErrors(t *testing.T) {
	for name, v := range map[string]float32{"NaN": float32(math.NaN()), "+Inf": float32(math.Inf(1)), "-Inf": float32(math.Inf(-1))} {
		values := make([]float32, 200_000)
		values[123_456] = v
		data, err := Encode("F32", []Tensor{{"w", []int{len(values)}, values}})
		if err != nil {
			t.Fatal(err)
		}
		s, err := Parse("file", data)
		if err != nil {
			t.Fatal(err)
		}
		_, _, err = s.Float32("w")
		if err == nil || !strings.Contains(err.Error(), "value 123456 is "+name) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestShards(t *testing.T) {
	one := []Tensor{{"a", []int{2}, []float32{1, 2}}}
	two := []Tensor{{"b", []int{1, 2}, []float32{3, 4}}}
	for _, c := range []struct{ name, index, want string }{
		{"good", `{"weight_map":{"a":"1.safetensors","b":"2.safetensors"}}`, ""},
		{"file_missing", `{"weight_map":{"a":"1.safetensors","b":"3.safetensors"}}`, "3.safetensors"},
		{"wrong_shard", `{"weight_map":{"a":"2.safetensors","b":"1.safetensors"}}`, "tensor a is not in shard"},
		{"tensor_not_listed", `{"weight_map":{"a":"1.safetensors","c":"2.safetensors"}}`, "tensor c is not in shard"},
		{"path_escapes", `{"weight_map":{"a":"../1.safetensors"}}`, "not a file of the same folder"},
		{"path_absolute", `{"weight_map":{"a":"/1.safetensors"}}`, "not a file of the same folder"},
		{"no_map", `{}`, "lists no tensors"},
		{"not_json", `{`, "unexpected end"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			for name, tensors := range map[string][]Tensor{"1.safetensors": one, "2.safetensors": two} {
				if err := Write(filepath.Join(dir, name), "F32", tensors); err != nil {
					t.Fatal(err)
				}
			}
			if err := os.WriteFile(filepath.Join(dir, indexName), []byte(c.index), 0o644); err != nil {
				t.Fatal(err)
			}
			s, err := Open(dir)
			if c.want != "" {
				if err == nil || !strings.Contains(err.Error(), c.want) {
					t.Fatalf("got %v, want an error with %q", err, c.want)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			shape, values, err := s.Float32("b")
			if err != nil || !slices.Equal(shape, []int{1, 2}) || !slices.Equal(values, []float32{3, 4}) {
				t.Errorf("b is %v %v, %v", shape, values, err)
			}
		})
	}
}

func TestDTypesRoundTrip(t *testing.T) {
	values := []float32{0, 1, -1, 0.5, 65504, -2.75, 1.0 / 3, 6e-5, 6e-8, 1e-3}
	for dtype, relative := range map[string]float64{"F32": 0, "F16": 1.0 / 2048, "BF16": 1.0 / 256} { // half of the last bit
		data, err := Encode(dtype, []Tensor{{"w", []int{len(values)}, values}})
		if err != nil {
			t.Fatal(err)
		}
		s, err := Parse("file", data)
		if err != nil {
			t.Fatal(err)
		}
		_, got, err := s.Float32("w")
		if err != nil {
			t.Fatal(err)
		}
		for i, v := range values {
			allowed := relative*math.Abs(float64(v)) + 3e-8 // half of the smallest F16
			if d := math.Abs(float64(got[i] - v)); d > allowed {
				t.Errorf("%s: %g became %g", dtype, v, got[i])
			}
		}
	}
}

func TestPartsAreOfTheWhole(t *testing.T) {
	values := make([]float32, 300_000) // over a few pages in every type, and enough to be read in parallel
	for i := range values {
		values[i] = float32(i%251) / 4 // exact in every type
	}
	for _, dtype := range []string{"F32", "F16", "BF16"} {
		path := filepath.Join(t.TempDir(), "model.safetensors")
		if err := Write(path, dtype, []Tensor{{"a", []int{3}, []float32{1, 2, 3}}, {"w", []int{len(values)}, values}}); err != nil {
			t.Fatal(err)
		}
		s, err := Open(path)
		if err != nil {
			t.Fatal(err)
		}
		v, err := s.Tensor("w")
		if err != nil {
			t.Fatal(err)
		}
		hash := hashOf(t, s)
		for _, span := range [][2]int{{0, len(values)}, {7, 1000}, {len(values) - 1, len(values)}, {5, 5}, {100, 200_100}} {
			got := make([]float32, span[1]-span[0])
			if err := v.Read(got, span[0]); err != nil || !slices.Equal(got, values[span[0]:span[1]]) {
				t.Errorf("%s %v: %v", dtype, span, err)
			}
			v.Release() // what is read again is the same
		}
		for range 2 {
			got := make([]float32, len(values))
			if err := v.Drain(got); err != nil || !slices.Equal(got, values) {
				t.Errorf("%s drained: %v", dtype, err)
			}
		}
		if hashOf(t, s) != hash {
			t.Errorf("%s: the hash changes", dtype)
		}
		for _, from := range []int{-1, len(values), len(values) + 1} {
			if err := v.Read(make([]float32, 1), from); err == nil || !strings.Contains(err.Error(), "are asked for, of 300000") {
				t.Errorf("%s from %d: %v", dtype, from, err)
			}
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestBrokenPartsNameTheirPlace(t *testing.T) {
	data, err := Encode("F32", []Tensor{{"w", []int{5}, []float32{1, 2, 3, float32(math.NaN()), 5}}})
	if err != nil {
		t.Fatal(err)
	}
	s, _ := Parse("file", data)
	v, _ := s.Tensor("w")
	if err := v.Read(make([]float32, 2), 2); err == nil || !strings.Contains(err.Error(), "tensor w [5]: value 3 is NaN") {
		t.Errorf("got %v", err)
	}
}

// Every half-precision number, written and read, is itself.
func TestHalvesRoundTrip(t *testing.T) {
	for bits := range 1 << 16 {
		if v := halfTable()[bits]; !math.IsNaN(float64(v)) && half(v) != uint16(bits) {
			t.Fatalf("%#04x reads as %g and is written as %#04x", bits, v, half(v))
		}
	}
}

func hashOf(t testing.TB, s *Store) string {
	t.Helper()
	hash, err := s.Hash()
	if err != nil {
		t.Fatal(err)
	}
	return hash
}

func TestHashIsOfContent(t *testing.T) {
	data, err := Encode("F32", []Tensor{{"w", []int{3}, []float32{1, 2, 3}}})
	if err != nil {
		t.Fatal(err)
	}
	a, _ := Parse("a", data)
	b, _ := Parse("b", slices.Clone(data))
	data = slices.Clone(data)
	data[len(data)-1] ^= 1
	c, _ := Parse("a", data)
	if hashOf(t, a) != hashOf(t, b) || hashOf(t, a) == hashOf(t, c) {
		t.Error("equal content must hash equally, other content otherwise")
	}
}

// A GPT-2 small's worth of weights: 124 million values.
func BenchmarkFloat32(b *testing.B) {
	for _, dtype := range []string{"F32", "BF16", "F16"} {
		b.Run(dtype, func(b *testing.B) {
			width := map[string]int{"F32": 4, "BF16": 2, "F16": 2}[dtype]
			v := View{DType: dtype, Shape: []int{124_000_000}, Bytes: make([]byte, 124_000_000*width)}
			b.SetBytes(int64(len(v.Bytes)))
			for b.Loop() {
				if _, err := v.Float32(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkHash(b *testing.B) {
	s := &Store{files: []file{{data: make([]byte, 500_000_000)}}}
	b.SetBytes(500_000_000)
	for b.Loop() {
		hashOf(b, s)
	}
}

// A folder without weights that are read says what it has in their place.
func TestOpenWithoutWeights(t *testing.T) {
	dir := t.TempDir()
	_, err := Open(dir)
	if !errors.Is(err, fs.ErrNotExist) || strings.Contains(err.Error(), "pickle") {
		t.Errorf("an empty folder: %v", err)
	}
	if err := os.WriteFile(filepath.Join(dir, "pytorch_model.bin"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "only pytorch_model.bin, a Python pickle") {
		t.Errorf("a folder with a pickle: %v", err)
	}
}

// What a file is in place of weights, and what is wrong with those that are, is
// said in words that tell what to do.
func TestFaultsAreNamed(t *testing.T) {
	good := header(`{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}`, 8)
	for _, c := range []struct {
		name string
		data []byte
		want string
	}{
		{"a Git LFS pointer", []byte("version https://git-lfs.github.com/spec/v1\noid sha256:abc\nsize 548105171\n"), "Git LFS pointer to 548105171 bytes"},
		{"a web page", []byte("\n<!doctype HTML>\n<html>"), "web page"},
		{"a refusal", []byte(`{"error":"Repository not found"}`), "Repository not found"},
		{"a zip archive", []byte("PK\x03\x04 archive/data.pkl"), "save_pretrained"},
		{"a pickle", []byte("\x80\x02}q\x00(X\x05\x00\x00\x00"), "Python pickle"},
		{"a GGUF file", []byte("GGUF\x03\x00\x00\x00\x00"), ".gguf"},
		{"cut in the data", good[:len(good)-3], "3 bytes are missing: the tensors need 70, the file has 67"},
		{"cut in the header", good[:30], "the download was cut"},
		{"more than tensors", append(slices.Clone(good), make([]byte, 16)...), "16 bytes follow the last tensor"},
		{"a key that stands twice", header(`{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}`, 1), "key a stands twice"},
	} {
		if _, err := Parse("x.safetensors", c.data); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v does not say %q", c.name, err, c.want)
		}
	}
}

// A tensor of a type that is not read may lie in a file; only its values are an
// error.
func TestTypesThatAreNotRead(t *testing.T) {
	for _, dtype := range []string{"F8_E4M3", "I64", "BOOL", "F3"} {
		size := max(8, dtypeBits[dtype]) / 8
		s, err := Parse("x", header(fmt.Sprintf(`{"a":{"dtype":%q,"shape":[1],"data_offsets":[0,%d]},"b":{"dtype":"F32","shape":[1],"data_offsets":[%d,%d]}}`, dtype, size, size, size+4), size+4))
		if err != nil {
			t.Errorf("%s: %v", dtype, err)
			continue
		}
		if _, _, err := s.Float32("b"); err != nil {
			t.Errorf("%s: the other tensor: %v", dtype, err)
		}
		if _, _, err := s.Float32("a"); err == nil || !strings.Contains(err.Error(), "tensor a has type "+dtype) {
			t.Errorf("%s: %v", dtype, err)
		}
	}
}

// What the reference's port to Go reads is read the same, and what is refused
// here, it refuses.
func FuzzHeader(f *testing.F) {
	f.Add(header(`{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"__metadata__":{"format":"pt"}}`, 8))
	f.Add(header(`{"b":{"dtype":"BF16","shape":[],"data_offsets":[4,6]},"a":{"dtype":"U8","shape":[2,2],"data_offsets":[0,4]}}  `, 6))
	f.Fuzz(func(t *testing.T, data []byte) {
		got, err := readHeader(data)
		want, other := safetensors.Deserialize(data)
		if err != nil {
			return // stricter, by keys that stand twice
		}
		if other != nil {
			for _, v := range got { // types that it does not know
				if !slices.Contains([]string{"F64", "F32", "F16", "BF16", "I64", "I32", "I16", "I8", "U8", "U16", "U32", "U64", "BOOL"}, v.DType) {
					return
				}
			}
			if strings.Contains(other.Error(), "invalid keys") || strings.Contains(other.Error(), "invalid header deserialization") {
				return // it has no room for further keys of a tensor
			}
			t.Fatalf("read here, but there: %v", other)
		}
		if len(got) != want.Len() {
			t.Fatalf("%d tensors, there %d", len(got), want.Len())
		}
		for name, v := range got {
			w, ok := want.Tensor(name)
			if !ok || !bytes.Equal(w.Data(), v.Bytes) || w.DType().String() != v.DType {
				t.Fatalf("tensor %s differs", name)
			}
		}
	})
}
