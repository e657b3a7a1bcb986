// Package modeltest helps to test what runs on models: recorded activations of
// a tiny GPT-2 to compare with, and tiny random models of any size.
//
// testdata/gpt2 holds a random GPT-2 with 3 layers, 4 heads, d_model 32 and a
// vocabulary of 97, with what Hugging Face transformers 4.57.6 and
// TransformerLens 2.17.0 compute on it in float64 from the float32 weights.
// The scripts that made it lie beside it.
package modeltest

import (
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/nlpodyssey/safetensors"

	"github.com/golens/golens/model/array"
)

// Dir is the folder of the tiny GPT-2: config.json, model.safetensors and the
// recordings. A test that was built elsewhere, or with -trimpath, finds it in the
// repository that it runs in.
func Dir() string {
	_, file, _, _ := runtime.Caller(0)
	dir := filepath.Join(filepath.Dir(file), "testdata", "gpt2")
	for up, here := ".", "model/modeltest/testdata/gpt2"; len(up) < 32; up = filepath.Join(up, "..") {
		if _, err := os.Stat(dir); err == nil {
			break
		}
		dir = filepath.Join(up, here)
	}
	if whole, err := filepath.Abs(dir); err == nil {
		return whole
	}
	return dir
}

// Families are the folders of tiny random models of every family, each with
// what Hugging Face computes on it in float64 (oracle.safetensors).
func Families(t testing.TB) map[string]string {
	t.Helper()
	configs, err := filepath.Glob(filepath.Join(filepath.Dir(Dir()), "*", "config.json"))
	if err != nil || len(configs) == 0 {
		t.Fatalf("no models in %s: %v", filepath.Dir(Dir()), err)
	}
	all := map[string]string{}
	for _, c := range configs {
		all[filepath.Base(filepath.Dir(c))] = filepath.Dir(c)
	}
	return all
}

// Oracle is the recorded tensors of a file in [Dir], as arrays whose axes are
// named by their numbers. Integers become float32.
func Oracle(t testing.TB, file string) map[string]*array.Array {
	t.Helper()
	return OracleIn(t, Dir(), file)
}

// OracleIn is [Oracle] of another folder.
func OracleIn(t testing.TB, dir, file string) map[string]*array.Array {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, file))
	if err != nil {
		t.Fatal(err)
	}
	st, err := safetensors.Deserialize(data)
	if err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	all := map[string]*array.Array{}
	for _, named := range st.Tensors() {
		view := named.TensorView
		var axes []array.Axis
		for i, n := range view.Shape() {
			axes = append(axes, array.Dim(fmt.Sprint(i), int(n)))
		}
		all[named.Name] = array.Of(floats(view), axes...)
	}
	return all
}

func floats(view safetensors.TensorView) []float32 {
	data := view.Data()
	width := int(view.DType().Size())
	out := make([]float32, len(data)/width)
	for i := range out {
		switch {
		case view.DType() == safetensors.I32:
			out[i] = float32(int32(binary.LittleEndian.Uint32(data[4*i:])))
		case width == 1: // booleans are kept as bytes
			out[i] = float32(data[i])
		case width == 8:
			out[i] = float32(int64(binary.LittleEndian.Uint64(data[8*i:])))
		default:
			out[i] = math.Float32frombits(binary.LittleEndian.Uint32(data[4*i:]))
		}
	}
	return out
}

// Rows are the token ids of a recorded tensor [batch, pos].
func Rows(a *array.Array) [][]int32 {
	n := a.Shape()[1]
	rows := make([][]int32, a.Shape()[0])
	for i, v := range a.Values() {
		rows[i/n] = append(rows[i/n], int32(v))
	}
	return rows
}

// MaxDiff is the largest absolute difference of two arrays of equal size.
// Equal infinities do not differ, nor do two NaN; a NaN on one side differs by
// infinity.
func MaxDiff(a, b *array.Array) float64 {
	x, y := a.Values(), b.Values()
	if len(x) != len(y) || a.Err() != nil || b.Err() != nil {
		return math.Inf(1)
	}
	most := 0.0
	for i := range x {
		if x[i] == y[i] || x[i] != x[i] && y[i] != y[i] {
			continue
		}
		d := math.Abs(float64(x[i]) - float64(y[i]))
		if math.IsNaN(d) {
			return math.Inf(1)
		}
		most = max(most, d)
	}
	return most
}
