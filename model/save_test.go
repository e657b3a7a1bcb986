package model_test

import (
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/golens/golens/model"
	"github.com/golens/golens/model/hook"
	"github.com/golens/golens/model/modeltest"
)

// saveOf saves a model into a new folder.
func saveOf(t *testing.T, m *model.Model, changes ...model.Rewrite) (*model.Saved, *model.Model) {
	t.Helper()
	saved, err := m.Save(filepath.Join(t.TempDir(), "saved"), changes...)
	if err != nil {
		t.Fatal(err)
	}
	again, err := model.Open(saved.Dir)
	if err != nil {
		t.Fatal(err)
	}
	return saved, again
}

// far is the largest difference of two models' logits on rows of tokens.
func far(t *testing.T, a, b *model.Model, rows [][]int32) float64 {
	t.Helper()
	most := 0.0
	var all [2][]float32
	for i, m := range []*model.Model{a, b} {
		at := hook.Logits()
		if m.Config().Headless {
			at = hook.ResidPost(m.Config().Layers - 1)
		}
		r, err := m.Run(m.Rows(rows).Capture(at))
		if err != nil {
			t.Fatal(err)
		}
		all[i] = r.Captures[0].Array.Values()
	}
	if len(all[0]) != len(all[1]) {
		t.Fatalf("%d and %d logits", len(all[0]), len(all[1]))
	}
	for i, v := range all[0] {
		most = max(most, math.Abs(float64(v-all[1][i])))
	}
	return most
}

var savedRows = [][]int32{{3, 14, 15, 9, 26, 5}, {35, 8, 9, 79, 3, 2}}

// Every family that opens can be saved, and opens again as the same model.
func TestSavedModelsAreTheSame(t *testing.T) {
	for name, dir := range modeltest.Families(t) {
		t.Run(name, func(t *testing.T) {
			m, err := model.Open(dir)
			if err != nil {
				t.Fatal(err)
			}
			_, again := saveOf(t, m)
			if d := far(t, m, again, savedRows); !(d < 1e-5) {
				t.Errorf("logits differ by %g", d)
			}
		})
	}
	for _, name := range []string{"zoo:induction", "zoo:ioi-4l"} {
		m, err := model.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, again := saveOf(t, m); far(t, m, again, [][]int32{{0, 5, 9}}) != 0 {
			t.Errorf("%s: logits differ", name)
		}
	}
}

// Hugging Face's transformers opens what was saved, and computes the same logits
// within 1e-5 as on the model that was saved; that ours are theirs, the oracles
// say. GOLENS_PYTHON names a Python that has transformers.
func TestTransformersOpensWhatWasSaved(t *testing.T) {
	python := transformers(t)
	args := []string{filepath.Join("testdata", "logits_differ.py")}
	for name, dir := range modeltest.Families(t) {
		m, err := model.Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		saved, _ := saveOf(t, m)
		args = append(args, name, dir, saved.Dir)
	}
	out, err := exec.Command(python, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	t.Logf("%s", out)
}

// transformers is a Python that has it, else the test is skipped.
func transformers(t *testing.T) string {
	t.Helper()
	python := os.Getenv("GOLENS_PYTHON")
	if python == "" {
		python = "python3"
	}
	if out, err := exec.Command(python, "-c", "import torch, transformers").CombinedOutput(); err != nil {
		t.Skipf("%s has no transformers (%s); name one that has in GOLENS_PYTHON", python, strings.TrimSpace(string(out)))
	}
	return python
}
