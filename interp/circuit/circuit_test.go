package circuit_test

import (
	"math"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/golens/golens/interp"
	"github.com/golens/golens/interp/circuit"
	"github.com/golens/golens/interp/graph"
	"github.com/golens/golens/interp/ioi"
	"github.com/golens/golens/model/array"
)

// published is a small circuit with everything that one can have.
func published() *circuit.Circuit {
	return &circuit.Circuit{
		Name: "IOI", Model: "gpt2", Task: "IOI", Positions: []string{"S2", "END"}, Unit: "%",
		Nodes: []circuit.Node{
			{Part: graph.Head(9, 9), At: []string{"END"}, Class: ioi.NameMover},
			{Part: graph.Head(9, 6), At: []string{"END"}, Class: ioi.NameMover},
			{Part: graph.Head(8, 6), At: []string{"END"}, Class: ioi.SInhibition},
			{Part: graph.MLP(0)},
		},
		Edges: []circuit.Edge{
			{From: graph.Head(9, 9), To: graph.Logits(), Input: graph.ToLogits, Effect: 22},
			{From: graph.Head(8, 6), To: graph.Head(9, 9), Input: graph.ToQuery, Effect: -14.5},
			{From: graph.MLP(0), To: graph.Head(8, 6), Input: graph.ToValue, Effect: 3},
			{From: graph.Embed(), To: graph.MLP(0), Input: graph.ToMLP, Effect: 1},
		},
	}
}

func TestSaveAndLoad(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ioi.json")
	for _, c := range []*circuit.Circuit{published(), {Nodes: []circuit.Node{}}} {
		if err := c.Save(path); err != nil {
			t.Fatal(err)
		}
		got, err := circuit.Load(path)
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(got, c) {
			t.Errorf("%v became %v", c, got)
		}
	}
	if _, err := circuit.Load(path + "x"); err == nil {
		t.Error("a file that is not there is no error")
	}
	if err := published().Save(filepath.Join(path, "x")); err == nil {
		t.Error("a folder that is not there is no error")
	}
	bad := published()
	bad.Edges[0].Effect = math.NaN()
	if err := bad.Save(path); err == nil || !strings.Contains(err.Error(), "9.9 → logits: the effect is NaN") {
		t.Errorf("error %v", err)
	}
}

// What is wrong with a file is named.
func TestMalformedFiles(t *testing.T) {
	good, err := os.ReadFile("testdata/circuit.json")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := circuit.Parse(good); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ old, new, want string }{
		"format":           {`"golens circuit"`, `"circuit"`, `the format is "circuit"`},
		"version":          {`"version": 1`, `"version": 2`, "version 2"},
		"unknown field":    {`"class"`, `"clas"`, `unknown field "clas"`},
		"no nodes":         {`"nodes"`, `"node"`, `"node"`},
		"nodes are null":   {`"nodes": [`, `"nodes": null, "x": [`, `"x"`},
		"part":             {`"9.9", "at"`, `"9,9", "at"`, `there is no part "9,9"`},
		"part is a number": {`"9.9", "at"`, `9.9, "at"`, "line 8"},
		"node is embed":    {`"9.9", "at"`, `"embed", "at"`, `node 0 is "embed"`},
		"node twice":       {`"9.6", "at"`, `"9.9", "at"`, "node 9.9 stands there twice"},
		"position twice":   {`["END"], "class": "S`, `["END", "END"], "class": "S`, `node 8.6: position "END"`},
		"edge to nothing":  {`"to": "9.9"`, `"to": "9.7"`, "9.7 is not among the nodes"},
		"edge backwards":   {`"from": "8.6", "to": "9.9"`, `"from": "9.9", "to": "8.6"`, "9.9 does not come before 8.6"},
		"wrong input":      {`"input": "q"`, `"input": "z"`, `9.9 has no input "z"`},
		"to the embedding": {`"to": "logits"`, `"to": "embed"`, "nothing leads to embed"},
		"edge twice":       {`{"from": "8.6"`, `{"from": "9.9", "to": "logits", "input": "logits", "effect": 1}, {"from": "8.6"`, "9.9 → logits stands there twice"},
		"effect is text":   {`"effect": 22`, `"effect": "22"`, "line 13"},
		"cut off":          {"]\n}", "", "line"},
		"trailing":         {"]\n}", "]\n}\n{}", "something follows"},
	} {
		t.Run(name, func(t *testing.T) {
			data := strings.Replace(string(good), c.old, c.new, 1)
			if data == string(good) {
				t.Fatalf("%q is not in the file", c.old)
			}
			if got, err := circuit.Parse([]byte(data)); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("read %v, error %v; it should say %q", got, err, c.want)
			}
		})
	}
}

// No bytes make Parse panic, and what it reads it writes and reads again.
func FuzzParse(f *testing.F) {
	good, err := os.ReadFile("testdata/circuit.json")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add([]byte(`{"format":"golens circuit","version":1,"nodes":[]}`))
	f.Add([]byte(`null`))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := circuit.Parse(data)
		if err != nil {
			return
		}
		saved, err := c.JSON()
		if err != nil {
			t.Fatal(err)
		}
		again, err := circuit.Parse(saved)
		if err != nil || again.String() != c.String() {
			t.Errorf("%s became %s, %v", c, again, err)
		}
	})
}

func TestCompare(t *testing.T) {
	c, truth := published(), published()
	c.Nodes = append(c.Nodes, circuit.Node{Part: graph.Head(1, 1)})
	c.Nodes[1].Class = "something else"
	truth.Nodes = append(truth.Nodes, circuit.Node{Part: graph.Head(2, 2)}, circuit.Node{Part: graph.Head(2, 3)})
	c.Edges = c.Edges[:2]
	c.Edges[1].Input = graph.ToKey
	r, err := c.Compare(truth)
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range []struct{ got, want float64 }{
		{r.Nodes.Precision(), 4. / 5}, {r.Nodes.Recall(), 4. / 6}, {r.Edges.Precision(), 1. / 2}, {r.Edges.Recall(), 1. / 4}, {float64(r.Classes), 3},
	} {
		if v.got != v.want {
			t.Errorf("%g, want %g", v.got, v.want)
		}
	}
	for _, want := range []string{"extra nodes: 1.1", "missing nodes: 2.2, 2.3", "extra edges: 8.6 → 9.9 k", "missing edges: 8.6 → 9.9 q", "0.80", "0.67"} {
		if !strings.Contains(r.String(), want) {
			t.Errorf("%q is not in %s", want, r)
		}
	}
	same, err := truth.Compare(truth)
	if err != nil || same.Nodes.Precision() != 1 || same.Edges.Recall() != 1 {
		t.Errorf("a circuit differs from itself: %s, %v", same, err)
	}
	empty := &circuit.Circuit{}
	if r, err := empty.Compare(empty); err != nil || !math.IsNaN(r.Nodes.Recall()) || !strings.Contains(r.String(), "–") {
		t.Errorf("nothing against nothing: %s, %v", r, err)
	}
	if _, err := c.Compare(nil); err == nil {
		t.Error("no circuit is no error")
	}
}

func TestCircuitString(t *testing.T) {
	s := published().String()
	for _, want := range []string{
		"IOI: 4 nodes, 4 edges, in gpt2\n", "name mover    END             9.9 9.6\n", "–             every position  mlp 0\n", "effect (%)",
	} {
		if !strings.Contains(s, want) {
			t.Errorf("%q is not in\n%s", want, s)
		}
	}
}

func TestWithout(t *testing.T) {
	c := published().Without(graph.Head(9, 9))
	if len(c.Nodes) != 3 || len(c.Edges) != 2 || len(published().Nodes) != 4 {
		t.Errorf("%s", c)
	}
	if err := c.Check(nil); err != nil {
		t.Error(err)
	}
	more := c.With(circuit.Edge{From: graph.MLP(0), To: graph.Logits(), Input: graph.ToLogits})
	if len(more.Edges) != 3 || len(c.Edges) != 2 || more.Check(nil) != nil {
		t.Errorf("%s", more)
	}
}

func TestMeanOverAClass(t *testing.T) {
	values := array.New(array.Dim("layer", 10), array.Dim("head", 10))
	values.Set(1, 9, 9)
	values.Set(2, 9, 6)
	values.Set(7, 8, 6)
	heads := &interp.Result{Array: values}
	if v := published().Mean(ioi.NameMover, heads); v != 1.5 {
		t.Errorf("the mean over 9.9 and 9.6 is %g", v)
	}
	if v := published().Mean("none", heads); !math.IsNaN(v) {
		t.Errorf("the mean over nothing is %g", v)
	}
}
