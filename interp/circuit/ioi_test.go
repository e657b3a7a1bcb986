package circuit_test

import (
	"testing"

	"github.com/golens/golens/interp/circuit"
	"github.com/golens/golens/interp/task"
)

func TestScratch(t *testing.T) {
	m := open(t, "zoo:ioi-planted")
	ioi, err := task.IOI(m, task.IOIOptions{N: 30, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	for _, sign := range []float64{1, -1} {
		r, err := circuit.CopyScore(m, ioi, circuit.CopyOptions{Sign: sign})
		if err != nil {
			t.Fatal(err)
		}
		t.Log(r)
	}
	s, err := circuit.Signals(m, ioi, []circuit.Part{circuit.Head(2, 0)})
	t.Log(s, err)
	o, err := circuit.OutputOnNames(m, ioi)
	if err != nil {
		t.Fatal(err)
	}
	x, y := o.Head(circuit.Head(3, 0))
	t.Log(x.Select("prompt", 0, 1, 2), y.Select("prompt", 0, 1, 2))
}
