package discover_test

import (
	"fmt"
	"slices"
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

// Tracing goes from the corrupted prompts to the clean ones, whatever the sign of
// the metric: it finds what it finds by the logit difference.
func TestTraceByLogProbability(t *testing.T) {
	m, err := model.Open("zoo:ioi-planted")
	if err != nil {
		t.Fatal(err)
	}
	prompts, err := task.IOI(m, task.IOIOptions{N: 20, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	k := *prompts.Task
	k.Metric = model.Metric{Kind: model.KindLogProb, Answer: prompts.Answer}.In(prompts.End)
	c, err := discover.Trace(m, &k, discover.TraceOptions{})
	if err != nil {
		t.Fatal(err)
	}
	want := ioi.Planted().Without(graph.Head(4, 0)).Parts()
	got := c.Parts()
	for _, p := range want {
		if !slices.Contains(got, p) {
			t.Errorf("%s is not found: %s", p, c)
		}
	}
	if len(got) != len(want) || !slices.Equal(c.Of(discover.Writer), []graph.Part{graph.Head(3, 0)}) || !slices.Equal(c.Of(discover.Opposer), []graph.Part{graph.Head(3, 1)}) {
		t.Errorf("%s", c)
	}
	backwards := k
	backwards.Clean, backwards.Corrupted = k.Corrupted, k.Clean
	if _, err := discover.Trace(m, &backwards, discover.TraceOptions{}); err == nil || !strings.Contains(err.Error(), "does not do the task") {
		t.Errorf("error %v", err)
	}
}
