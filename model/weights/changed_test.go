package weights

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// written is an open file of n values.
func written(t *testing.T, n int) (path string, s *Store) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "model.safetensors")
	if err := Write(path, "F32", []Tensor{{"w", []int{n}, make([]float32, n)}}); err != nil {
		t.Fatal(err)
	}
	s, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return path, s
}

// A file that is cut has no pages behind its end: reading them is an error, on
// one goroutine and on several, and no signal that ends the process.
func TestCutFileIsAnError(t *testing.T) {
	for _, n := range []int{10_000, 1_000_000} {
		path, s := written(t, n)
		v, err := s.Tensor("w")
		if err != nil {
			t.Fatal(err)
		}
		v.Release()
		if err := os.Truncate(path, 1000); err != nil {
			t.Fatal(err)
		}
		_, plain := v.Float32()
		_, hash := s.Hash()
		for what, err := range map[string]error{
			"Read": v.Read(make([]float32, n), 0), "Float32": plain, "Hash": hash, "Intact": s.Intact(),
		} {
			if !errors.Is(err, ErrChanged) || what != "Hash" && !strings.Contains(err.Error(), path) {
				t.Errorf("%d values: %s: %v", n, what, err)
			}
		}
		if s.Current() {
			t.Error("a cut file is current")
		}
	}
}

func TestChangedFiles(t *testing.T) {
	for _, test := range []struct {
		name            string
		change          func(path string) error
		intact, current bool
	}{
		{"as it was", func(string) error { return nil }, true, true},
		{"written to", func(path string) error {
			f, err := os.OpenFile(path, os.O_WRONLY, 0)
			if err != nil {
				return err
			}
			defer f.Close()
			if _, err := f.WriteAt([]byte{1}, 200); err != nil {
				return err
			}
			return os.Chtimes(path, time.Time{}, time.Now().Add(time.Second)) // a clock may be coarse
		}, false, false},
		{"replaced", func(path string) error {
			return Write(path, "F32", []Tensor{{"w", []int{100}, make([]float32, 100)}})
		}, true, false},
		{"removed", os.Remove, true, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			path, s := written(t, 100)
			if err := test.change(path); err != nil {
				t.Fatal(err)
			}
			err := s.Intact()
			if (err == nil) != test.intact || err != nil && !errors.Is(err, ErrChanged) || s.Current() != test.current {
				t.Errorf("intact: %v, current: %v", err, s.Current())
			}
			_, err = s.Hash()
			if (err == nil) != test.intact {
				t.Errorf("hash: %v", err)
			}
		})
	}
	data, err := Encode("F32", []Tensor{{"w", []int{1}, []float32{1}}})
	if err != nil {
		t.Fatal(err)
	}
	if s, err := Parse("memory", data); err != nil || s.Intact() != nil || !s.Current() {
		t.Errorf("what lies in memory: %v", err)
	}
}
