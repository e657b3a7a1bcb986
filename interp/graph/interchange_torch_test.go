package graph_test

import (
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/golens/golens/interp/graph"
	"github.com/golens/golens/model/array"
	"github.com/golens/golens/model/config"
)

// numbered are scores that differ at every edge, and the set of every third.
func numbered(c config.Config) (*graph.Graph, *graph.Set, *array.Array) {
	g := graph.Of(c)
	set, scores, i := g.None(), g.Scores(), 0
	for u, v := range g.All().Edges() {
		scores.Set(float64(i+1)/4, u, v)
		if i%3 == 0 {
			set.Add(u, v)
		}
		i++
	}
	return g, set, scores
}

// What is written as .pt or .json is read again, of every kind of graph: blocks in
// parallel, keys that heads share, no MLPs.
func TestFilesOfEAPIG(t *testing.T) {
	parallel, grouped, attention := gpt2(2, 4), gpt2(2, 4), gpt2(2, 4)
	parallel.Parallel, grouped.KVHeads, attention.DMLP = true, 2, 0
	for name, c := range map[string]config.Config{"gpt2": gpt2(3, 4), "parallel": parallel, "grouped": grouped, "no MLPs": attention} {
		g, set, scores := numbered(c)
		for _, end := range []string{".pt", ".json"} {
			path := filepath.Join(t.TempDir(), "circuit"+end)
			if err := set.SaveEAPIG(path, scores); err != nil {
				t.Fatal(err)
			}
			got, values, err := g.OpenEAPIG(path)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if !slices.Equal(ends(got), ends(set)) {
				t.Errorf("%s%s: %d edges, want %d", name, end, got.Len(), set.Len())
			}
			for u, v := range g.All().Edges() {
				if values.At(u, v) != scores.At(u, v) {
					t.Errorf("%s%s: %s has %g, want %g", name, end, g.Edge(u, v), values.At(u, v), scores.At(u, v))
				}
			}
			if !math.IsNaN(values.At(len(g.Senders)-1, 0)) {
				t.Errorf("%s%s: there is a score where no edge is", name, end)
			}
		}
	}
}

func ends(s *graph.Set) (all []string) {
	for u, v := range s.Edges() {
		all = append(all, s.Edge(u, v).String())
	}
	return all
}

// A file of EAP-IG's own program: its recorded scores, and the 60
// largest, which are in the graph.
func TestFileOfEAPIGsProgram(t *testing.T) {
	g := graph.Of(gpt2(3, 4))
	set, scores, err := g.OpenEAPIG("testdata/edges/eapig.pt")
	if err != nil {
		t.Fatal(err)
	}
	_, tensors := readOracle(t)
	want := tensors["scores.eap"]
	for u, v := range g.All().Edges() {
		if scores.At(u, v) != want.At(u, v) {
			t.Fatalf("%s has %g, recorded %g", g.Edge(u, v), scores.At(u, v), want.At(u, v))
		}
	}
	top, err := g.Top(want, 60, graph.Size)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(ends(set), ends(top)) {
		t.Errorf("%v are in the graph, want %v", ends(set), ends(top))
	}
	for name, other := range map[string]*graph.Graph{"layers": graph.Of(gpt2(4, 3)), "heads": graph.Of(gpt2(3, 2))} {
		if _, _, err := other.OpenEAPIG("testdata/edges/eapig.pt"); err == nil || !strings.Contains(err.Error(), "eapig.pt: edges_scores is [16 40]") {
			t.Errorf("other %s: %v", name, err)
		}
	}
}

func TestBadFilesOfEAPIG(t *testing.T) {
	g, set, scores := numbered(gpt2(1, 2))
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "y.csv"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{"y.csv": "end in .json or .pt", "none.pt": "none.pt"} {
		if _, _, err := g.OpenEAPIG(filepath.Join(dir, path)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v; it should say %q", path, err, want)
		}
	}
	if err := set.SaveEAPIG(filepath.Join(dir, "x.csv"), scores); err == nil || !strings.Contains(err.Error(), "end in .json or .pt") {
		t.Error(err)
	}
	if err := graph.ACDC(gpt2(1, 2)).All().SaveEAPIG(filepath.Join(dir, "x.pt"), nil); err == nil || !strings.Contains(err.Error(), "inside heads") {
		t.Error(err)
	}
	// A tuned lens is tensors too.
	if _, _, err := g.OpenEAPIG("../../model/weights/testdata/tuned_lens_params.pt"); err == nil || !strings.Contains(err.Error(), "no edges_scores") {
		t.Error(err)
	}
}

// PyTorch's safe loader reads the file as EAP-IG's Graph.from_pt and MIB's evaluation
// take it. GOLENS_PYTHON names a Python that has torch.
func TestTorchReadsOurFiles(t *testing.T) {
	python := os.Getenv("GOLENS_PYTHON")
	if python == "" {
		python = "python3"
	}
	if err := exec.Command(python, "-c", "import torch").Run(); err != nil {
		t.Skipf("%s has no torch: set GOLENS_PYTHON to one that has", python)
	}
	c := gpt2(3, 4)
	c.DModel = 32
	_, set, scores := numbered(c)
	path := filepath.Join(t.TempDir(), "circuit.pt")
	if err := set.SaveEAPIG(path, scores); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(python, "-c", `
import sys, torch
a, b = (torch.load(p, weights_only=True) for p in sys.argv[1:])
assert set(a) == set(b), (set(a), set(b))
for key in ("cfg", "src_nodes", "dst_nodes"):
    assert a[key] == b[key], (key, a[key], b[key])
for key in ("edges_scores", "edges_in_graph", "nodes_in_graph"):
    assert a[key].shape == b[key].shape, key
print(a["edges_in_graph"].bool().sum().item(), a["edges_scores"].sum().item())
`, path, "testdata/edges/eapig.pt").CombinedOutput()
	sum := 0.
	for u, v := range set.All().Edges() {
		sum += scores.At(u, v)
	}
	if want := fmt.Sprintf("%d %v", set.Len(), sum); err != nil || strings.TrimSpace(string(out)) != want {
		t.Errorf("%s, want %s; %v", out, want, err)
	}
}
