package patch_test

import (
	"fmt"
	"math"
	"testing"

	"github.com/golens/golens/interp"
	"github.com/golens/golens/interp/patch"
	"github.com/golens/golens/interp/task"
	"github.com/golens/golens/model"
	"github.com/golens/golens/model/hook"
)

// ioi is the hand-made network for indirect object identification, whose every
// connection is in its model card, and prompts.
func ioi(t *testing.T) (*model.Model, *task.IOITask) {
	t.Helper()
	m := open(t, "zoo:ioi-planted")
	return m, must(task.IOI(m, task.IOIOptions{N: 6, Seed: 1}))(t)
}

// Of all pairs of a head and the queries, keys or values of a later one, those
// that the network was made with have an effect, and all others exactly none.
func TestPathsAreThoseThatWerePlanted(t *testing.T) {
	m, data := ioi(t)
	// From sender to receiver, and the least effect. What feeds a decoy has none;
	// 0.0 and 1.0 each write enough for the keys of 2.0 alone; and 3.1 takes back
	// too little for the queries of 4.0.
	planted := map[string]float64{
		"0.1 k 1.0": 0.1, "0.1 v 1.0": 0.1, "0.0 v 2.0": 0.1, "1.0 v 2.0": 0.1, "0.0 k 2.0": 0, "1.0 k 2.0": 0,
		"2.0 q 3.0": 0.1, "2.0 q 3.1": 0.1, "2.0 q 4.0": 1e-3, "3.0 q 4.0": 1e-3, "3.1 q 4.0": 0,
	}
	point := map[string]func(int) hook.Point{"q": hook.Q, "k": hook.K, "v": hook.V}
	for layer := 1; layer < 5; layer++ {
		for head := range 2 {
			for side, at := range point {
				r := must(patch.Paths{Receivers: []hook.Point{at(layer).Head(head)}}.Patch(m, data))(t)
				for i, v := range r.Values() {
					name := fmt.Sprintf("%d.%d %s %d.%d", i/2, i%2, side, layer, head)
					least, is := planted[name]
					switch {
					case v != v:
						if i/2 < layer {
							t.Errorf("%s: there is such a path", name)
						}
					case is && math.Abs(float64(v)) < least:
						t.Errorf("%s: %g, but it was planted", name, v)
					case !is && v != 0:
						t.Errorf("%s: %g, must be exactly 0", name, v)
					}
				}
			}
		}
	}
}

// Together the two that stand in for each other are needed.
func TestPathsOfSetsFindWhatSingleOnesDoNot(t *testing.T) {
	m, data := ioi(t)
	both := patch.Parts{Sets: []patch.Set{patch.Set{Name: "both", Points: []hook.Point{hook.Z(0).Head(0), hook.Z(1).Head(0)}}}}
	r := must(patch.Paths{Senders: both, Receivers: []hook.Point{hook.K(2).Head(0)}}.Patch(m, data))(t)
	if v := r.At(0); !(v < -1) {
		t.Errorf("both to the keys of 2.0: %g, must be large", v)
	}
}

// What reaches the logits directly is what the movers write.
func TestPathsToTheLogitsAreTheMovers(t *testing.T) {
	m, data := ioi(t)
	r := must(patch.Paths{}.Patch(m, data))(t)
	for l := range 5 {
		for h := range 2 {
			mover := l == 3 || l == 4 && h == 0
			// The backup mover rests on the first position in both runs: it says nothing.
			if v := r.At(l, h); !mover && v != 0 || l == 3 && math.Abs(v) < 0.5 {
				t.Errorf("%d.%d to the logits: %g", l, h, v)
			}
		}
	}
}

// Named positions as an axis: the duplicate is noticed at S2, and read at END.
func TestPatchingAtNamedPositions(t *testing.T) {
	m, data := ioi(t)
	r := must(patch.Activations{Parts: patch.Parts{Places: data.Table}}.Patch(m, data))(t)
	at := func(layer int, place string) float64 {
		_, labels := r.Axis(1)
		for i, l := range labels {
			if l == place {
				return r.At(layer, i)
			}
		}
		t.Fatalf("no place %s in %v", place, labels)
		return 0
	}
	if v := at(4, "END"); math.Abs(v-1) > 1e-3 {
		t.Errorf("END before the last layer restores %g, want 1", v)
	}
	if early := at(0, "END"); early != 0 {
		t.Errorf("END at the start, where both runs have the same token, restores %g", early)
	}
	heads := must(patch.Activations{Direction: patch.Noising, Parts: patch.Parts{Kinds: []hook.Kind{hook.KindZ}, Places: []interp.Place{{Name: "END", Positions: data.End}}}}.
		Patch(m, data))(t)
	if inhibition, decoy := heads.At(2, 0, 0), heads.At(2, 0, 1); inhibition > 0.1 || decoy != 1 {
		t.Errorf("without 2.0 at END %g is left, without its decoy %g; want nothing and all", inhibition, decoy)
	}
}
