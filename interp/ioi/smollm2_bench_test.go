package ioi_test

import (
	"os"
	"testing"

	"github.com/golens/golens/interp/ioi"
	"github.com/golens/golens/interp/task"
	"github.com/golens/golens/model"
)

// BenchmarkFindSmolLM2 searches the circuit in a published model, on thirty prompts, what
// is compiled included: what notebook 13 does.
func BenchmarkFindSmolLM2(b *testing.B) {
	path := os.Getenv("GOLENS_SMOLLM2")
	if path == "" {
		b.Skip("GOLENS_SMOLLM2 is not set: it names SmolLM2-135M-Instruct.Q4_1.gguf")
	}
	m, err := model.Open(path)
	if err != nil {
		b.Fatal(err)
	}
	prompts, err := task.IOI(m, task.IOIOptions{N: 30, Seed: 1, Templates: []int{0, 1, 3, 15, 16, 18}})
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		found, err := ioi.Find(m, prompts, ioi.Options{})
		if err != nil {
			b.Fatal(err)
		}
		b.Logf("%d nodes", len(found.Nodes))
	}
}
