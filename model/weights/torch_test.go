package weights

import (
	"archive/zip"
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/golens/golens/model/internal/frugal"
)

// torchFile was written by torch.save, of the state of tuned-lens' translators.
const torchFile = "testdata/tuned_lens_params.pt"

// What torch wrote is read, and written again as torch does it: the same bytes of the
// pickle, up to the notes of versions behind the tensors, and the same values, at
// multiples of 64 bytes.
func TestTorchFiles(t *testing.T) {
	data, err := os.ReadFile(torchFile)
	if err != nil {
		t.Fatal(err)
	}
	tensors, err := ReadTorch(torchFile, data)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, x := range tensors {
		names = append(names, x.Name)
	}
	if want := []string{"0.weight", "0.bias", "1.weight", "1.bias", "2.weight", "2.bias"}; !slices.Equal(names, want) {
		t.Fatalf("tensors %q, want %q", names, want)
	}
	path := filepath.Join(t.TempDir(), "params.pt")
	if err := WriteTorch(path, tensors); err != nil {
		t.Fatal(err)
	}
	ours, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	a, b := zipped(t, data), zipped(t, ours)
	for name, want := range a {
		got := b[name]
		switch {
		case name == "params/data.pkl":
			// Theirs ends in the setting of items, our whole file but its last byte, and
			// what load_state_dict checks versions by.
			if !bytes.HasPrefix(want, got[:len(got)-1]) {
				t.Errorf("the pickle is %q, torch's %q", got, want)
			}
		case strings.HasSuffix(name, "serialization_id"): // of the program that wrote it
		case !bytes.Equal(got, want):
			t.Errorf("%s is %d bytes, torch's %d", name, len(got), len(want))
		}
	}
	z, err := zip.NewReader(bytes.NewReader(ours), int64(len(ours)))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range z.File {
		if at, err := f.DataOffset(); err != nil || at%64 != 0 {
			t.Errorf("%s begins at %d, %v", f.Name, at, err)
		}
	}
	again, err := OpenTorch(path)
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	for _, x := range tensors {
		shape, values, err := again.Float32(x.Name)
		if err != nil || !slices.Equal(shape, x.Shape) || !slices.Equal(values, x.Values) {
			t.Errorf("%s %v, %v", x.Name, shape, err)
		}
	}
}

func zipped(t *testing.T, data []byte) map[string][]byte {
	t.Helper()
	z, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	all := map[string][]byte{}
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		if all[f.Name], err = io.ReadAll(r); err != nil {
			t.Fatal(err)
		}
	}
	return all
}

// Many tensors, and large sizes, take the longer operations.
func TestManyTorchTensors(t *testing.T) {
	var tensors []Tensor
	for i := range 100 {
		tensors = append(tensors, Tensor{strings.Repeat("x", i+1), []int{2, 1, 1, 3}, []float32{1, 2, 3, 4, 5, float32(i)}})
	}
	tensors = append(tensors, Tensor{"large", []int{70000}, make([]float32, 70000)}, Tensor{"one", nil, []float32{7}})
	path := filepath.Join(t.TempDir(), "many.pt")
	if err := WriteTorch(path, tensors); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	got, err := ReadTorch(path, data)
	if err != nil {
		t.Fatal(err)
	}
	for i, x := range tensors {
		if got[i].Name != x.Name || !slices.Equal(got[i].Shape, x.Shape) || !slices.Equal(got[i].Values, x.Values) {
			t.Fatalf("tensor %d: %s %v", i, got[i].Name, got[i].Shape)
		}
	}
}

// Any bytes are tensors or an error, and nothing in them is run.
func FuzzReadTorch(f *testing.F) {
	data, err := os.ReadFile(torchFile)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Add(bytes.Replace(data, []byte("OrderedDict"), []byte("_posix_exec"), 1))
	f.Fuzz(func(t *testing.T, data []byte) {
		var tensors []Tensor
		var err error
		frugal.Check(t, most(len(data)), func() { tensors, err = ReadTorch("x.pt", data) })
		for _, x := range tensors {
			n := 1
			for _, d := range x.Shape {
				n *= d
			}
			if n != len(x.Values) {
				t.Errorf("%s %v has %d values", x.Name, x.Shape, len(x.Values))
			}
		}
		if err == nil && len(tensors) == 0 {
			t.Error("neither tensors nor an error")
		}
	})
}

// A call of anything but what tensors are made by is refused.
func TestTorchRunsNothing(t *testing.T) {
	data, err := os.ReadFile(torchFile)
	if err != nil {
		t.Fatal(err)
	}
	_, err = ReadTorch("x.pt", bytes.Replace(data, []byte("ccollections\nOrderedDict"), []byte("cposix.....\nsystem....."), 1))
	if !errors.Is(err, ErrPickle) && !strings.Contains(err.Error(), "checksum") {
		t.Errorf("%v", err)
	}
}
