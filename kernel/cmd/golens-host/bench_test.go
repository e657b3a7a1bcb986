package main

import (
	"encoding/json"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/golens/golens/interp/bench"
	"github.com/golens/golens/interp/task"
	"github.com/golens/golens/model"
	"github.com/golens/golens/model/random"
)

func TestBenchPrintsATableAndJSON(t *testing.T) {
	var table, told, raw strings.Builder
	args := []string{"ioi", "-model=zoo:ioi-planted", "-prompts=2"}
	if err := benchAnalysis(&table, &told, args); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(table.String(), "paths to the logits") || !strings.Contains(told.String(), "minimality") {
		t.Errorf("table\n%s\ntold\n%s", &table, &told)
	}
	if err := benchAnalysis(&raw, io.Discard, append(args, "-json=true")); err != nil {
		t.Fatal(err)
	}
	var r bench.Report
	if err := json.Unmarshal([]byte(raw.String()), &r); err != nil || r.Model != "zoo:ioi-planted" || r.Prompts != 2 {
		t.Errorf("%s, %v", &raw, err)
	}
}

// The random model's tokenizer keeps the words of the prompts whole.
func TestRandomGPT2(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	dir, err := randomGPT2(random.Shape{Name: "narrow", Layers: 1, Heads: 1, DModel: 8, DMLP: 8, Vocab: 5000, Context: 64})
	if err != nil {
		t.Fatal(err)
	}
	m, err := model.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	ioi, err := task.IOI(m, task.IOIOptions{N: 30})
	if err != nil || len(ioi.Dropped) > 0 {
		t.Errorf("%v; left out: %v", err, ioi.Dropped)
	}
	// A vocabulary without room for the bytes leaves nothing behind.
	if _, err := randomGPT2(random.Tiny); err == nil {
		t.Error("a vocabulary of 97 is no error")
	}
	if left, err := os.ReadDir(os.TempDir()); err != nil || len(left) != 1 {
		t.Errorf("the temporary folder holds %v, %v", left, err)
	}
}

func TestBenchRefuses(t *testing.T) {
	for want, args := range map[string][]string{
		`there is no analysis "acdc"`:    {"acdc"},
		"0 prompts; at least one":        {"ioi", "-prompts=0"},
		"no model":                       {"ioi", "-model=zoo:none"},
		"has no name mover heads to go ": {"ioi", "-model=zoo:ioi-4l", "-prompts=30"},
	} {
		if err := benchAnalysis(io.Discard, io.Discard, args); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: error %v; it should say %q", args, err, want)
		}
	}
}
