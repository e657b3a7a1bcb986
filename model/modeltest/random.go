package modeltest

import (
	"testing"

	"github.com/golens/golens/model/random"
)

// A Shape is the sizes of a random GPT-2.
type Shape = random.Shape

// Shapes from a toy to GPT-2 small, for benchmarks.
var (
	Tiny      = random.Tiny
	Small     = random.Small
	GPT2Small = random.GPT2Small
)

// Random writes a GPT-2 with random weights to a temporary folder, as Hugging
// Face would publish it, and gives the folder.
func Random(t testing.TB, s Shape, seed uint64) string {
	t.Helper()
	return RandomAs(t, s, "F32", seed)
}

// RandomAs is [Random] with weights of type F32, F16 or BF16.
func RandomAs(t testing.TB, s Shape, dtype string, seed uint64) string {
	t.Helper()
	dir := t.TempDir()
	if err := random.GPT2(dir, s, dtype, seed); err != nil {
		t.Fatal(err)
	}
	return dir
}
