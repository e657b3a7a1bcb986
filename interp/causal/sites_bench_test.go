package causal_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/golens/golens/interp"
	"github.com/golens/golens/interp/bench"
	"github.com/golens/golens/interp/causal"
	"github.com/golens/golens/interp/task"
	"github.com/golens/golens/model"
	"github.com/golens/golens/model/hook"
	"github.com/golens/golens/model/modeltest"
)

// BenchmarkAllSites runs a whole search, 100 steps of 8 directions and 8 pairs at each of 72 sites, 12
// layers by 6 positions, from states of the inputs to held-out accuracies, in one call, on
// random weights of a twelfth of GPT-2 small's width. Run it with -benchtime 1x.
func BenchmarkAllSites(b *testing.B) {
	shape := modeltest.Shape{Name: "twelve layers", Layers: 12, Heads: 4, DModel: 64, DMLP: 128, Vocab: 1000, Context: 64}
	dir := modeltest.Random(b, shape, 1)
	words, err := bench.Tokenizer(shape.Vocab)
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "tokenizer.json"), words, 0o600)
	}
	if err != nil {
		b.Fatal(err)
	}
	m, err := model.Open(dir)
	if err != nil {
		b.Fatal(err)
	}
	defer m.Close()
	ioi, err := task.IOI(m, task.IOIOptions{N: 64, Seed: 1, Templates: []int{0}})
	if err != nil {
		b.Fatal(err)
	}
	d, err := causal.IOI(ioi, "position")
	if err != nil {
		b.Fatal(err)
	}
	var places []interp.Place
	for _, back := range []int{13, 11, 8, 6, 3, 1} {
		places = append(places, interp.Place{Name: fmt.Sprint(-back), Positions: hook.Positions{Rows: [][]int{{-back}}}})
	}
	for b.Loop() {
		got, err := causal.DAS{K: 8, Steps: 100, Batch: 8, Split: causal.Split{Seed: 1, Pairs: 64}, NoControls: true}.Sites(m, d, "position", hook.ResidPost, places)
		if err != nil {
			b.Fatal(err)
		}
		if len(got.Found)*len(got.Found[0]) != 72 {
			b.Fatal(got)
		}
	}
}
