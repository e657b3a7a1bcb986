package exec_test

import (
	"math/rand/v2"
	"testing"

	"github.com/golens/golens/model"
	"github.com/golens/golens/model/array"
	"github.com/golens/golens/model/hook"
	"github.com/golens/golens/model/internal/exec"
	"github.com/golens/golens/model/modeltest"
)

// Scores whose products the host makes are those whose products the engine makes: in more
// layers than are multiplied together, in rows of several lengths, against each sort of
// reference, and of runs of which some blocks are the base run's.
func TestHostAndEngineMultiplyAlike(t *testing.T) {
	m, err := model.Open(modeltest.Random(t, modeltest.Shape{Layers: 5, Heads: 2, DModel: 40, DMLP: 64, Vocab: 50, Context: 16}, 1))
	if err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(1, 2))
	rows := func(lens ...int) (all [][]int32) {
		for _, n := range lens {
			row := make([]int32, n)
			for i := range row {
				row[i] = rng.Int32N(50)
			}
			all = append(all, row)
		}
		return all
	}
	base := model.Request{Rows: rows(5, 3, 6), Metrics: []model.Metric{model.LogitDiff(model.IDs(3), model.IDs(7))}}
	source := model.Request{Rows: rows(5, 3, 6)}
	edited := source
	edited.Edits = []hook.Edit{hook.HeadResult(2).Scale(0.5)}
	for name, reference := range map[string]model.Reference{"source": {Source: source}, "edited source": {Source: edited}, "mean": {Source: source, Mean: true}, "zero": {}} {
		for _, byPosition := range []bool{false, true} {
			runs := [][]hook.Edit{nil, {hook.MLPOut(3).Scale(0.5)}, {hook.Z(1).Scale(0.5)}}
			var scores [2]*array.Array
			for i := range scores {
				exec.HostMultiplies(t, i == 0)
				score := func(runs [][]hook.Edit) *array.Array {
					got, err := m.EdgeScores(model.EdgeScores{Base: base, Reference: reference, ByPosition: byPosition, Runs: runs})
					if err != nil {
						t.Fatal(name, err)
					}
					return got.PerRow
				}
				// What runs share below their edits changes nothing.
				scores[i] = score(runs)
				alone := make([]float32, len(scores[i].Values()))
				for _, edits := range runs {
					for k, v := range score([][]hook.Edit{edits}).Values() {
						alone[k] += v / float32(len(runs))
					}
				}
				top, _ := scores[i].Max()
				if d := modeltest.MaxDiff(scores[i], array.Of(alone, scores[i].Axes()...)); !(d < 1e-5*top) {
					t.Errorf("%s, by position %t: %.2g off the mean of runs alone, of scores up to %.2g", name, byPosition, d, top)
				}
			}
			top, _ := scores[0].Max()
			if d := modeltest.MaxDiff(scores[0], scores[1]); !(d < 1e-5*top) {
				t.Errorf("%s, by position %t: %.2g apart, of scores up to %.2g", name, byPosition, d, top)
			}
		}
	}
}
