package model_test

import (
	"path/filepath"
	"slices"
	"testing"

	"github.com/golens/golens/model"
)

// What a fit found is a safetensors file, and read again.
func TestFittedFiles(t *testing.T) {
	m := open(t)
	f := small(m)
	f.Steps = 1
	got, err := m.Fit(f)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "found.safetensors")
	if err := got.Save(path); err != nil {
		t.Fatal(err)
	}
	again, err := model.OpenTensors(path)
	if err != nil || len(again) != len(got.Tensors) {
		t.Fatalf("%d tensors, %v", len(again), err)
	}
	for _, x := range again {
		want := got.Tensor(x.Name)
		if !slices.Equal(x.Array.Shape(), want.Shape()) || !slices.Equal(x.Array.Values(), want.Values()) {
			t.Errorf("%s differs", x.Name)
		}
	}
}
