package serve_test

import (
	"testing"

	"github.com/golens/golens/model"
	"github.com/golens/golens/model/modeltest"
)

// BenchmarkOpenResident opens GPT-2 small in a host that has it, as every cell
// of a notebook does.
func BenchmarkOpenResident(b *testing.B) {
	start(b)
	dir := modeltest.Random(b, modeltest.GPT2Small, 1)
	if _, err := model.Open(dir); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := model.Open(dir); err != nil {
			b.Fatal(err)
		}
	}
}
