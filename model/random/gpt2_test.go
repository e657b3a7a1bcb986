package random_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/golens/golens/model"
	"github.com/golens/golens/model/random"
)

func TestGPT2(t *testing.T) {
	write := func(seed uint64) (string, []byte) {
		t.Helper()
		dir := t.TempDir()
		if err := random.GPT2(dir, random.Tiny, "F32", seed); err != nil {
			t.Fatal(err)
		}
		data, err := os.ReadFile(filepath.Join(dir, "model.safetensors"))
		if err != nil {
			t.Fatal(err)
		}
		return dir, data
	}
	dir, one := write(1)
	_, again := write(1)
	_, other := write(2)
	if !bytes.Equal(one, again) || bytes.Equal(one, other) {
		t.Error("the weights do not hang on the seed alone")
	}
	m, err := model.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	c := m.Config()
	if c.Layers != 2 || c.Heads != 2 || c.DModel != 32 || c.DMLP != 128 || c.Vocab != 97 || c.Context != 64 {
		t.Errorf("%s", c)
	}
	if run, err := m.Run(m.Rows([][]int32{{1, 2, 3}}).Metric(model.NLL())); err != nil || !(run.Metric() > 0) {
		t.Errorf("loss %v, %v", run, err)
	}
}

func TestGPT2Refuses(t *testing.T) {
	for _, c := range []struct {
		name, dtype string
		change      func(*random.Shape)
		want        string
	}{
		{"no layers", "F32", func(s *random.Shape) { s.Layers = 0 }, "at least 1"},
		{"heads", "F32", func(s *random.Shape) { s.Heads = 3 }, "cannot be split over 3 heads"},
		{"type", "F64", func(*random.Shape) {}, "F64"},
	} {
		s := random.Tiny
		c.change(&s)
		if err := random.GPT2(t.TempDir(), s, c.dtype, 1); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v; it should say %q", c.name, err, c.want)
		}
	}
	if err := random.GPT2(filepath.Join(t.TempDir(), "none"), random.Tiny, "F32", 1); err == nil {
		t.Error("a folder that does not exist is no error")
	}
}
