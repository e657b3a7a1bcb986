package bench_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/golens/golens/interp/bench"
	"github.com/golens/golens/interp/circuit"
	"github.com/golens/golens/model"
	"github.com/golens/golens/model/modeltest"
)

// shape has GPT-2 small's layers and heads, and is narrow.
var shape = modeltest.Shape{Name: "narrow", Layers: 12, Heads: 12, DModel: 24, DMLP: 24, Vocab: 3000, Context: 64}

// randomModel has a tokenizer that knows the words of the prompts.
func randomModel(t *testing.T) *model.Model {
	t.Helper()
	dir := modeltest.Random(t, shape, 1)
	tokens, err := bench.Tokenizer(shape.Vocab)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "tokenizer.json"), tokens, 0o644); err != nil {
		t.Fatal(err)
	}
	return open(t, dir)
}

func open(t *testing.T, name string) *model.Model {
	t.Helper()
	m, err := model.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	return m
}

var quick = bench.Options{Prompts: 3, Random: 2, Greedy: circuit.Greedy{Runs: 1, Steps: 1, Sample: 1}}

func TestIOIOnRandomWeights(t *testing.T) {
	o, told := quick, 0
	o.Progress = func(bench.Stage) { told++ }
	r, err := bench.IOI(randomModel(t), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Log(r)
	if len(r.Stages) != 11 || told != 11 || r.Prompts != 3 {
		t.Errorf("%d stages, told of %d, %d prompts", len(r.Stages), told, r.Prompts)
	}
	// Templates have up to 20 words; were names cut up, rows were longer than
	// words and stops.
	if r.Tokens < 12 || r.Tokens > 24 {
		t.Errorf("%d tokens", r.Tokens)
	}
	paths := r.Sum("", "paths")
	// All 144 heads to the logits; 120, 96 and 72 come before layers 10, 8 and 6:
	// each is sent, and received.
	if want := 144 + 2*(120+96+72); paths.Variants != want || paths.Sweeps != 7 {
		t.Errorf("%d variants in %d sweeps, want %d in 7", paths.Variants, paths.Sweeps, want)
	}
	if !(paths.Share() > 0 && paths.Share() < 1) {
		t.Errorf("the sweeps cost %g of the naive ones", paths.Share())
	}
	sum := 0.0
	for _, s := range r.Stages {
		sum += s.Seconds
		if s.Seconds <= 0 || s.PeakRSS < 0 || s.Passes+s.Sweeps == 0 {
			t.Errorf("%+v", s)
		}
	}
	if all := r.Sum("", ""); all.Seconds != sum || all.Share() <= 0 {
		t.Errorf("%+v, want %g s", all, sum)
	}
	for _, want := range []string{"all paths", "everything", "of naive", r.Machine.Backend, "cores"} {
		if !strings.Contains(r.String(), want) {
			t.Errorf("%q is not in\n%s", want, r)
		}
	}
	data, err := json.Marshal(r)
	var back bench.Report
	if err != nil || json.Unmarshal(data, &back) != nil || back.String() != r.String() {
		t.Errorf("%s, %v", data, err)
	}
}

// A model of another shape has to have a circuit of its own.
func TestIOIOnOtherModels(t *testing.T) {
	r, err := bench.IOI(open(t, "zoo:ioi-planted"), quick)
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Stages) != 12 || r.Stages[1].Name != "the search for the circuit" {
		t.Errorf("%s", r)
	}
	for name, want := range map[string]string{"zoo:ioi-4l": "has no name mover heads", "zoo:induction": "bench ioi: "} {
		if _, err := bench.IOI(open(t, name), quick); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v; it should say %q", name, err, want)
		}
	}
}
