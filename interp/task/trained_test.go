package task_test

import (
	"encoding/json"
	"io/fs"
	"slices"
	"strings"
	"testing"

	"github.com/golens/golens/interp/task"
	"github.com/golens/golens/model"
	"github.com/golens/golens/model/zoo"
)

// The trained model of the zoo does the task on these templates, none of which
// it saw in training: its training report names them as kept out.
func TestTrainedDoesIOIOnNewTemplates(t *testing.T) {
	files, err := zoo.Files("ioi-4l")
	if err != nil {
		t.Fatal(err)
	}
	raw, err := fs.ReadFile(files, "training.json")
	if err != nil {
		t.Fatal(err)
	}
	var report struct{ KeptOut []string }
	if err := json.Unmarshal(raw, &report); err != nil {
		t.Fatal(err)
	}
	for _, frame := range task.BABA {
		if !slices.Contains(report.KeptOut, strings.NewReplacer("{S1}", "{1}", "{IO}", "{2}", "{S2}", "{S}").Replace(frame)) {
			t.Errorf("the report does not say that %q was kept out", frame)
		}
	}
	m, err := model.Open("zoo:ioi-4l")
	if err != nil {
		t.Fatal(err)
	}
	ioi, err := task.IOI(m, task.IOIOptions{N: 150, Seed: 11})
	if err != nil {
		t.Fatal(err)
	}
	if len(ioi.Dropped) > 0 {
		t.Errorf("it knows all words of the task, but %s", ioi)
	}
	s, err := ioi.Evaluate(m)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("\n%s", s)
	accuracy, _, _, err := s.Metric(model.KindAccuracy)
	if err != nil || !(accuracy > 0.98) {
		t.Errorf("accuracy %.3f (%v), want more than 0.98", accuracy, err)
	}
	if clean, lo := s.At(0, 0), s.Lo.At(0, 0); !(lo > 2) || s.Hi.At(1, 0) > clean/2 {
		t.Errorf("logit difference %.2f (at least %.2f) clean, %.2f corrupted", clean, lo, s.At(1, 0))
	}
}
