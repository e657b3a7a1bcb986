package weights

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/golens/golens/model/internal/frugal"
)

// most is what reading n bytes may allocate: encoding/json takes some hundred
// bytes per key.
func most(n int) int { return 1<<20 + 1000*n }

// Any bytes are a safetensors file or an error, and what the file says of its
// tensors holds: every one lies in it, whole.
func FuzzParse(f *testing.F) {
	path := filepath.Join(f.TempDir(), "x.safetensors")
	for _, dtype := range []string{"F32", "F16", "BF16"} {
		if err := Write(path, dtype, []Tensor{{"a", []int{2, 3}, make([]float32, 6)}, {"b", []int{0, 4}, nil}, {"c", nil, []float32{1}}}); err != nil {
			f.Fatal(err)
		}
		data, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
		f.Add(data[:len(data)-1])
	}
	f.Add(header(`{"a":{"dtype":"BOOL","shape":[],"data_offsets":[0,1]}}`, 1))
	f.Add([]byte("\xff\xff\xff\xff\xff\xff\xff\x7f{}"))
	f.Fuzz(func(t *testing.T, data []byte) {
		frugal.Check(t, most(len(data)), func() { holds(t, data) })
	})
}

// holds reads bytes and, if they are a file, holds what it says of its tensors to
// them.
func holds(t *testing.T, data []byte) {
	s, err := Parse("fuzz", data)
	if err != nil {
		return
	}
	for _, name := range s.Names() {
		v, err := s.Tensor(name)
		if err != nil {
			t.Fatal(err)
		}
		n := 1
		for _, d := range v.Shape {
			if d < 0 {
				t.Fatalf("%s: shape %v", name, v.Shape)
			}
			n *= d
		}
		if v.Len() > 0 && n != v.Len() {
			t.Errorf("%s: %d bytes for shape %v of %s", name, len(v.Bytes), v.Shape, v.DType)
		}
		if values, err := v.Float32(); err == nil && len(values) != n {
			t.Errorf("%s: %d values for shape %v", name, len(values), v.Shape)
		}
	}
	if _, err := s.Hash(); err != nil {
		t.Error(err)
	}
}

// Any bytes are an index or an error, and no shard lies outside of the folder.
func FuzzIndex(f *testing.F) {
	f.Add([]byte(`{"metadata":{"total_size":8},"weight_map":{"a":"model-00001-of-00002.safetensors","b":"model-00002-of-00002.safetensors"}}`))
	f.Add([]byte(`{"weight_map":{"a":"../x"}}`))
	f.Add([]byte(`{"weight_map":{"a":"/etc/x","b":""}}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		frugal.Check(t, most(len(raw)), func() {
			x, err := parseIndex(raw)
			if err != nil {
				return
			}
			for _, shard := range x.shards() {
				if filepath.Base(shard) != shard || shard == "." || shard == ".." {
					t.Errorf("shard %q is outside of the folder", shard)
				}
			}
		})
	})
}
