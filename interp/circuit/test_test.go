package circuit_test

import (
	"testing"

	"github.com/golens/golens/interp/ablate"
	"github.com/golens/golens/interp/circuit"
	"github.com/golens/golens/model/modeltest"
)

// The reference runs once for all tests, and again when what it depends on changes.
func TestTheReferenceIsShared(t *testing.T) {
	m := open(t, modeltest.Gate(t, modeltest.OR))
	test := &circuit.Test{Model: m, Task: gateTask(m, 2, 2), Settings: circuit.Settings{Random: -1}}
	c := heads("0.0", "1.0")
	faithful := func() float64 {
		t.Helper()
		f, err := test.Faithfulness(c)
		if err != nil {
			t.Fatal(err)
		}
		return f.Alone.Value
	}
	faithful()
	first := test.Reference()
	if _, err := test.Minimality(c); err != nil {
		t.Fatal(err)
	}
	test.Search = circuit.Search{Random: -1, Greedy: circuit.Greedy{Runs: -1}}
	if _, err := test.Completeness(c); err != nil || test.Reference() != first {
		t.Errorf("the reference was run again, %v", err)
	}
	test.Removed = true
	if faithful(); test.Reference() != first {
		t.Error("the side that counts changes nothing of the reference")
	}
	for what, change := range map[string]func(){
		"value":      func() { test.Ablation.Value = ablate.Mean },
		"components": func() { test.Components = circuit.HeadsAndMLPs },
		"reference":  func() { test.Ablation.Reference = ablate.Corrupted(test.Task) },
		"task":       func() { test.Task = gateTask(m, 2, 4) },
	} {
		before := test.Reference()
		change()
		if faithful(); test.Reference() == before {
			t.Errorf("another %s has the same reference", what)
		}
	}
	// What one test keeps does not reach another that was copied from it.
	other := *test
	other.Ablation = ablate.Ablation{Value: ablate.Zero}
	if _, err := other.Faithfulness(c); err != nil || other.Reference() == test.Reference() {
		t.Errorf("a copy with another value has the same reference, %v", err)
	}
}
