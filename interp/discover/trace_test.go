package discover_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/golens/golens/interp/discover"
	"github.com/golens/golens/interp/graph"
	"github.com/golens/golens/interp/ioi"
	"github.com/golens/golens/interp/task"
	"github.com/golens/golens/model"
)

// Tracing finds what is on the paths to the answer without being told what to
// look for; not the backup, which is silent, and no decoy.
func TestTraceFindsThePlantedCircuit(t *testing.T) {
	m, err := model.Open("zoo:ioi-planted")
	if err != nil {
		t.Fatal(err)
	}
	prompts, err := task.IOI(m, task.IOIOptions{N: 20, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	c, err := discover.Trace(m, prompts.Task, discover.TraceOptions{})
	if err != nil {
		t.Fatal(err)
	}
	r, err := c.Compare(ioi.Planted().Without(graph.Head(4, 0)))
	if err != nil {
		t.Fatal(err)
	}
	if r.Nodes.Precision() != 1 || r.Nodes.Recall() != 1 || r.Edges.Precision() != 1 || r.Edges.Recall() != 1 {
		t.Errorf("%s", r)
	}
	for class, want := range map[string]string{
		discover.Writer: "[3.0]", discover.Opposer: "[3.1]", discover.FeedsQ: "[2.0]", discover.FeedsV: "[0.0 1.0]", discover.FeedsK: "[0.1]",
	} {
		if got := c.Of(class); fmt.Sprint(got) != want && class != discover.FeedsV || len(got) != len(strings.Fields(want)) {
			t.Errorf("%s: %v, want %s", class, got, want)
		}
	}
	if len(c.Steps) != 5 {
		t.Errorf("%s", c)
	}
	shallow, err := discover.Trace(m, prompts.Task, discover.TraceOptions{Depth: 1})
	if err != nil || len(shallow.Nodes) != 2 {
		t.Errorf("one step back: %s, %v", shallow, err)
	}
	if _, err := discover.Trace(m, prompts.Task, discover.TraceOptions{Edge: -1}); err == nil {
		t.Error("a threshold below 0 is no error")
	}
	if _, err := discover.Trace(m, nil, discover.TraceOptions{}); err == nil {
		t.Error("no task is no error")
	}
}
