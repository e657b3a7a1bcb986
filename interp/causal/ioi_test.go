package causal_test

import (
	"testing"

	"github.com/golens/golens/interp/causal"
	"github.com/golens/golens/interp/task"
	"github.com/golens/golens/model/hook"
)

// In the network made by hand the position signal lies at S2 behind the duplicate-token
// head, and from S-inhibition in layer 2 on at the end, until the movers have used it; and
// two directions of what S-inhibition writes hold it.
func TestPlantedPositionSignal(t *testing.T) {
	m := open(t, "zoo:ioi-planted")
	ioi, err := task.IOI(m, task.IOIOptions{N: 40, Seed: 1, Templates: []int{0, 15}})
	if err != nil {
		t.Fatal(err)
	}
	d, err := causal.IOI(ioi, "position")
	if err != nil {
		t.Fatal(err)
	}
	places := d.Table[3:] // S2, END
	stream, err := causal.Grid(m, d, "position", hook.ResidPost, places, 3)
	if err != nil {
		t.Fatal(err)
	}
	written, err := causal.Grid(m, d, "position", hook.AttnOut, places, 3)
	if err != nil {
		t.Fatal(err)
	}
	const there, gone = .9, .6
	for l := range m.Config().Layers {
		for p := range places {
			s2, end := p == 0 && l < 2, p == 1 && (l == 2 || l == 3)
			if v := stream.At(l, p); (v > there) != (s2 || end) || v < there && v > gone {
				t.Errorf("stream behind layer %d at %s: %.3f", l, places[p].Name, v)
			}
			if v := written.At(l, p); (v > there) != (l == 2 && p == 1) {
				t.Errorf("attention of layer %d at %s: %.3f", l, places[p].Name, v)
			}
		}
	}
	got, err := causal.DAS{
		K: 2, Steps: 60, Batch: 16, Rate: .05, LogitDifference: true, Split: causal.Split{Seed: 1, Pairs: 128}, NoControls: true,
	}.Find(m, d, "position", causal.Site{Point: hook.AttnOut(2), At: d.End()})
	if err != nil {
		t.Fatal(err)
	}
	if got.HeldOut() < .95 {
		t.Errorf("%v", got)
	}
}
