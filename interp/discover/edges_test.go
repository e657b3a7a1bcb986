package discover_test

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/golens/golens/interp/discover"
	"github.com/golens/golens/interp/task"
	"github.com/golens/golens/model"
	"github.com/golens/golens/model/array"
	"github.com/golens/golens/model/modeltest"
)

// recorded is the four pairs on which published programs were run, by the scripts
// in modeltest's testdata.
func recorded(t *testing.T, name string) (*discover.Search, map[string]*array.Array) {
	t.Helper()
	m, err := model.Open(modeltest.Families(t)[name])
	if err != nil {
		t.Fatal(err)
	}
	pairs := modeltest.Oracle(t, "sweeps.safetensors")
	ids := func(name string) (all []int32) {
		for _, v := range pairs[name].Values() {
			all = append(all, int32(v))
		}
		return all
	}
	k := task.Pairs{
		Clean: m.Rows(modeltest.Rows(pairs["clean"])), Corrupted: m.Rows(modeltest.Rows(pairs["corrupted"])),
		Metric: model.LogitDiff(model.IDs(ids("answers")...), model.IDs(ids("wrongs")...)),
	}
	return &discover.Search{Model: m, Task: k}, modeltest.OracleIn(t, testdata("edges"), name+".safetensors")
}

func testdata(folder string) string { return filepath.Join(filepath.Dir(modeltest.Dir()), folder) }

func readJSON(t *testing.T, path string, into any) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(data, into)
	}
	if err != nil {
		t.Fatal(err)
	}
}

var recordedMethods = map[string]discover.Scoring{
	"eap": {}, "eap_ig_inputs_5": {Method: discover.InputsIG}, "eap_ig_activations_5": {Method: discover.ActivationsIG},
	"clean_corrupted": {Method: discover.CleanCorrupted}, "exact": {Method: discover.Exact}, "information_flow_routes": {Method: discover.Proximity},
}

// Grouped queries, and EAP-IG's steps to the clean run: the sum over k = 0..m-1 and
// that over k = 1..m differ by the two ends.
func TestStepsToTheCleanRun(t *testing.T) {
	s, _ := recorded(t, "llama_gqa")
	at := func(o discover.Scoring) *discover.Scores {
		got, err := s.Scores(o)
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	code, paper := at(discover.Scoring{Method: discover.InputsIG}), at(discover.Scoring{Method: discover.InputsIG, AtClean: true})
	clean, both := at(discover.Scoring{}), at(discover.Scoring{Method: discover.CleanCorrupted})
	worst := 0.0
	for u, v := range code.Graph.All().Edges() {
		corrupted := 2*both.At(u, v) - clean.At(u, v)
		worst = max(worst, math.Abs(5*code.At(u, v)-corrupted+clean.At(u, v)-5*paper.At(u, v)))
	}
	if most, _ := clean.Max(); worst > 1e-4*max(most, 1) {
		t.Errorf("the two conventions differ by %.2g more than their ends", worst)
	}
}

// counting counts the passes of a search from now on.
func counting(s *discover.Search) *passes {
	count := &passes{}
	if s.Model != nil {
		count.Runner = s.Model.Runner()
		s.Model = model.New(count)
	}
	return count
}

// What can't be right is refused before anything runs.
func TestEdgesRefused(t *testing.T) {
	s, _ := recorded(t, "gpt2")
	k := s.Task.Paired()
	for want, bad := range map[string]*discover.Search{
		"has no gradient":        {Model: s.Model, Task: k.With(model.Top1(model.IDs(1)))},
		"has no gradient there":  {Model: s.Model, Task: k.With(model.KL(array.New(array.Dim("batch", 4), array.Dim("pos", 1), array.Dim("vocab", 97))))},
		"no corrupted prompts":   {Model: s.Model, Task: task.Pairs{Clean: k.Clean, Metric: k.Metric}},
		"has 2 tokens":           {Model: s.Model, Task: task.Pairs{Clean: k.Clean, Corrupted: s.Model.Rows([][]int32{{1, 2}, {1, 2}, {1, 2}, {1, 2}}), Metric: k.Metric}},
		"no model":               {Task: k},
		"there is no method \"x": {Model: s.Model, Task: k},
	} {
		o := discover.Scoring{}
		if strings.Contains(want, "no method") {
			o.Method = "x"
		}
		count := counting(bad)
		if _, err := bad.Scores(o); err == nil || !strings.Contains(err.Error(), want) || count.n > 0 {
			t.Errorf("error %v after %d passes; it should say %q before any", err, count.n, want)
		}
	}
	// By every method, and by what is no scoring.
	short := task.Pairs{Clean: k.Clean, Corrupted: s.Model.Rows([][]int32{{1, 2}, {1, 2}, {1, 2}, {1, 2}}), Metric: k.Metric}
	for _, method := range discover.Methods() {
		if method == discover.Proximity {
			continue // needs no pairs and no gradient
		}
		for want, p := range map[string]task.Pairs{"has 2 tokens": short, "has no gradient": k.With(model.Top1(model.IDs(1)))} {
			if method == discover.Exact && want == "has no gradient" {
				continue // nor does it
			}
			bad := &discover.Search{Model: s.Model, Task: p}
			count := counting(bad)
			if _, err := bad.Scores(discover.Scoring{Method: method}); err == nil || !strings.Contains(err.Error(), want) || count.n > 0 {
				t.Errorf("%s: error %v after %d passes; it should say %q before any", method, err, count.n, want)
			}
		}
	}
	bad := &discover.Search{Model: s.Model, Task: short}
	count := counting(bad)
	scores, err := s.Scores(discover.Scoring{})
	if err != nil {
		t.Fatal(err)
	}
	for name, ask := range map[string]func() error{
		"ACDC":               func() error { _, err := bad.ACDC(discover.ACDC{Threshold: .1, Metric: k.Metric}); return err },
		"ACDC by divergence": func() error { _, err := bad.ACDC(discover.ACDC{Threshold: .1}); return err },
		"masks":              func() error { _, err := bad.Masks(discover.Masks{Metric: k.Metric}); return err },
		"masks by KL":        func() error { _, err := bad.Masks(discover.Masks{}); return err },
		"nodes":              func() error { _, err := bad.Nodes(discover.NodeScoring{}); return err },
		"IG of nodes": func() error {
			_, err := bad.Nodes(discover.NodeScoring{Scoring: discover.Scoring{Method: discover.InputsIG}})
			return err
		},
		"judgement": func() error { _, err := bad.Judge(scores, discover.Judgement{}); return err },
		"doubt":     func() error { _, err := bad.Doubt(scores, discover.Doubt{}); return err },
	} {
		if err := ask(); err == nil || !strings.Contains(err.Error(), "has 2 tokens") || count.n > 0 {
			t.Errorf("%s: error %v after %d passes", name, err, count.n)
		}
	}
	if !slices.Contains(discover.Methods(), discover.RelP) {
		t.Error("RelP is no method")
	}
}
