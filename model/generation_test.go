package model_test

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"testing"

	"github.com/golens/golens/model"
	"github.com/golens/golens/model/hook"
	"github.com/golens/golens/model/modeltest"
)

// generationTolerance is far above float32's rounding over three layers, which
// is 1e-5 of activations around 10 at most, and far below what a wrong key, mask
// or angle makes, 1e-2 and more.
const generationTolerance = 2e-4

// A generation is as the naive one, which runs the whole row for each token.
func sameAsNaive(t *testing.T, m *model.Model, g model.Generation) *model.Generated {
	t.Helper()
	got, err := m.Complete(g)
	if err != nil {
		t.Fatal(err)
	}
	want, err := modeltest.NaiveGenerate(m, g)
	if err != nil {
		t.Fatal(err)
	}
	if fmt.Sprint(got.Prompts.IDs, got.Ended, got.Begin) != fmt.Sprint(want.Prompts.IDs, want.Ended, want.Begin) {
		t.Fatalf("tokens are %v %v, naively %v %v", got.Prompts.IDs, got.Ended, want.Prompts.IDs, want.Ended)
	}
	for r, row := range want.LogProbs {
		for i, v := range row {
			if d := math.Abs(v - got.LogProbs[r][i]); !(d < generationTolerance) {
				t.Errorf("row %d token %d: log-probability %g, naively %g", r, i, got.LogProbs[r][i], v)
			}
		}
	}
	for i, c := range want.Captures {
		a, b := c.Array, got.Captures[i].Array
		if !slices.Equal(a.Shape(), b.Shape()) || b.Err() != nil {
			t.Errorf("%s has shape %v, naively %v (%v)", c.Point, b.Shape(), a.Shape(), b.Err())
		} else if d := modeltest.MaxDiff(a, b); !(d < generationTolerance) {
			t.Errorf("%s differs by %g", c.Point, d)
		}
	}
	return got
}

// decoders are the folders of the families' models that generate; where each
// graph compiles, those of a few structures.
func decoders(t *testing.T) map[string]string {
	all := modeltest.Families(t)
	delete(all, "bert")
	m := open(t)
	if m.Info().Backend[:2] != "go" {
		for name := range all {
			if !slices.Contains([]string{"gpt2", "gemma3_text", "qwen3"}, name) {
				delete(all, name)
			}
		}
	}
	return all
}

func TestGenerationIsTheNaiveOne(t *testing.T) {
	families := decoders(t)
	for _, name := range slices.Sorted(maps.Keys(families)) {
		t.Run(name, func(t *testing.T) {
			m, err := model.Open(families[name])
			if err != nil {
				t.Fatal(err)
			}
			rows := [][]int32{{5, 9, 11, 4, 2, 8, 1}, {7}, {3, 3, 6, 12}}
			plain := m.Rows(rows).Complete(14).Capture(hook.Pattern(1), hook.Scores(0).Head(1), hook.ResidPost(1), hook.Z(0).Head(0).At(2, 9).Row(0, 2),
				hook.K(1), hook.Logits().At(-1), hook.Pattern(0).At(-1).Coord(0, 3), hook.Embed())
			sameAsNaive(t, m, plain)
			dir := make([]float32, m.Config().DModel)
			for i := range dir {
				dir[i] = float32(i%5) - 2
			}
			edited := plain.Sample(1.3, 7).Edit(hook.Z(0).Head(1).Zero(), hook.ResidPre(1).At(-1).Add(hook.Vec(dir...)),
				hook.ResidPost(0).Row(0, 2).At(-2, -1).Scale(3), hook.MLPOut(0).At(0, 10).Row(0, 2).Zero(), hook.Pattern(1).Head(0).Coord(0).Zero(),
				hook.V(1).At(8).Row(0).Clamp(-0.1, 0.1), hook.ResidPre(1).Row(1).ProjectOut(hook.Vec(dir...)))
			if m.Config().Context < 21 {
				t.Fatalf("a context of %d", m.Config().Context)
			}
			sameAsNaive(t, m, edited)
		})
	}
}
