package circuit_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/golens/golens/interp/ablate"
	"github.com/golens/golens/interp/circuit"
	"github.com/golens/golens/interp/graph"
	"github.com/golens/golens/interp/task"
	"github.com/golens/golens/model"
	"github.com/golens/golens/model/array"
	"github.com/golens/golens/model/hook"
	"github.com/golens/golens/model/modeltest"
)

// ragged is a task of two templates and rows of several lengths, with places
// that differ by row, on the tiny random GPT-2 (3 layers, 4 heads, MLPs, norms).
func ragged(m *model.Model) *task.Task {
	rng := rand.New(rand.NewPCG(5, 0))
	k := &task.Task{Name: "ragged"}
	var clean, corrupted [][]int32
	var a, b, end []int
	for i := range 9 {
		n := 5 + 2*(i%3) // three lengths, one of them shared by both templates
		k.Templates = append(k.Templates, i%3/2)
		one, other := make([]int32, n), make([]int32, n)
		for p := range n {
			one[p], other[p] = rng.Int32N(97), rng.Int32N(97)
		}
		clean, corrupted = append(clean, one), append(corrupted, other)
		a, b, end = append(a, 1+rng.IntN(n-2)), append(b, 1+rng.IntN(n-2)), append(end, -1)
	}
	k.Clean, k.Corrupted = m.Rows(clean), m.Rows(corrupted)
	k.Metric = model.LogitDiff(model.IDs(3), model.IDs(50))
	k.Table = []task.Place{{Name: "A", Positions: hook.Each(a)}, {Name: "B", Positions: hook.Each(b)}, {Name: "END", Positions: hook.Each(end)}}
	return k
}

// blurred has a node at two places that may be the same one, at one, and at all.
func blurred() *circuit.Circuit {
	return &circuit.Circuit{Name: "blurred", Nodes: []circuit.Node{
		{Part: graph.Head(0, 1), At: []string{"A", "B"}}, {Part: graph.Head(1, 2), At: []string{"END"}},
		{Part: graph.Head(2, 0)}, {Part: graph.Head(2, 3), At: []string{"A"}}, {Part: graph.Head(0, 2), At: []string{"A", "B"}},
	}}
}

// A twin knocks parts out in the plainest way: one row at a time, one head and
// position at a time, with means added up from runs of single prompts.
type twin struct {
	t *testing.T
	m *model.Model
	k *task.Task
	a circuit.Settings
}

func (w twin) run(rows [][]int32, r func(model.Request) model.Request) *model.Result {
	w.t.Helper()
	run, err := w.m.Run(r(w.m.Rows(rows).Request()))
	if err != nil {
		w.t.Fatal(err)
	}
	return run
}

func point(p graph.Part) hook.Point {
	if p.Kind == graph.MLPPart {
		return hook.MLPOut(p.Layer)
	}
	return hook.Z(p.Layer).Head(p.Index)
}

// value is what takes the place of a part at a position of a row.
func (w twin) value(p graph.Part, row, pos int) []float32 {
	var sum []float64
	count := 0.0
	for i, ids := range w.k.Corrupted.IDs {
		switch w.a.Ablation.Value {
		case ablate.Resample:
			if i != row {
				continue
			}
		case ablate.TemplateMean:
			if w.k.Templates[i] != w.k.Templates[row] || len(ids) != len(w.k.Clean.IDs[row]) {
				continue
			}
		}
		run := w.run([][]int32{ids}, func(r model.Request) model.Request { return r.Capture(point(p)) })
		values := run.At(point(p))
		width := len(values.Values()) / len(ids)
		if sum == nil {
			sum = make([]float64, width)
		}
		for at := range ids {
			if at == pos || w.a.Ablation.Value == ablate.Mean {
				for j, v := range values.Values()[at*width : (at+1)*width] {
					sum[j] += float64(v)
				}
				count++
			}
		}
	}
	out := make([]float32, len(sum))
	for j, v := range sum {
		if out[j] = float32(v / count); w.a.Ablation.Value == ablate.Zero {
			out[j] = 0
		}
	}
	return out
}

// metric is that of a row without some parts at some positions.
func (w twin) metric(row int, out func(p graph.Part, pos int) bool) float64 {
	ids := w.k.Clean.IDs[row]
	run := w.run([][]int32{ids}, func(r model.Request) model.Request {
		for _, p := range w.parts() {
			for pos := range ids {
				if out(p, pos) {
					v := w.value(p, row, pos)
					r = r.Edit(point(p).At(pos).Replace(array.Of(v, array.Dim("x", len(v)))))
				}
			}
		}
		return r.Metric(w.k.Metric)
	})
	return run.Metric()
}

func (w twin) parts() (all []graph.Part) {
	for l := range 3 {
		for h := range 4 {
			all = append(all, graph.Head(l, h))
		}
		if w.a.Components == circuit.HeadsAndMLPs {
			all = append(all, graph.MLP(l))
		}
	}
	return all
}

// in tells whether a circuit has a part at a position of a row.
func (w twin) in(c *circuit.Circuit, p graph.Part, row, pos int) bool {
	for _, n := range c.Nodes {
		if n.Part != p {
			continue
		}
		if len(n.At) == 0 || w.a.Where == circuit.Everywhere {
			return true
		}
		for _, name := range n.At {
			place, err := w.k.At(name)
			if err != nil {
				w.t.Fatal(err)
			}
			length := len(w.k.Clean.IDs[row])
			if (place.In(row)[0]+length)%length == pos {
				return true
			}
		}
	}
	return false
}

// noise is what float32 leaves of a logit difference on the tiny model when
// the same numbers are added up in another order.
const noise = 5e-5

func TestKnockOutsAgainstTheirNaiveTwin(t *testing.T) {
	m := open(t, modeltest.Dir())
	k, c := ragged(m), blurred()
	for _, a := range []circuit.Settings{
		{}, {Ablation: of(ablate.Mean)}, {Ablation: of(ablate.Zero)}, {Ablation: of(ablate.Resample)},
		{Where: circuit.Everywhere, Components: circuit.HeadsAndMLPs},
	} {
		a.Random = -1
		w := twin{t, m, k, a}
		cut := []graph.Part{graph.Head(0, 1), graph.Head(2, 3)}
		f, err := faithfulness(m, k, c, a)
		if err != nil {
			t.Fatal(err)
		}
		r, err := completeness(m, k, c, a, circuit.Search{
			Random: -1, NoClasses: true, Greedy: circuit.Greedy{Runs: -1}, Sets: [][]graph.Part{cut}})
		if err != nil {
			t.Fatal(err)
		}
		less := c.Without(cut...)
		for row := range 4 {
			gap := w.metric(row, func(p graph.Part, pos int) bool { return !w.in(less, p, row, pos) }) -
				w.metric(row, func(p graph.Part, pos int) bool { return slices.Contains(cut, p) && w.in(c, p, row, pos) })
			for what, pair := range map[string][2]float64{
				"F(M)":            {f.Samples.At(row, 0), w.metric(row, func(graph.Part, int) bool { return false })},
				"F(C)":            {f.Samples.At(row, 1), w.metric(row, func(p graph.Part, pos int) bool { return !w.in(c, p, row, pos) })},
				`F(M\C)`:          {f.Samples.At(row, 2), w.metric(row, func(p graph.Part, pos int) bool { return w.in(c, p, row, pos) })},
				"F(∅)":            {f.Samples.At(row, 3), w.metric(row, func(graph.Part, int) bool { return true })},
				`F(C\K) - F(M\K)`: {r.Samples.At(row, 1), gap},
			} {
				if math.Abs(pair[0]-pair[1]) > noise {
					t.Errorf("%s, row %d: %s is %g, by hand %g", a, row, what, pair[0], pair[1])
				}
			}
		}
	}
}

// A circuit of everything is the model, and without a set it is the same circuit
// as the one that never had it, from wherever it is run.
func TestInvariants(t *testing.T) {
	m := open(t, modeltest.Dir())
	k, all := ragged(m), &circuit.Circuit{Name: "all"}
	for l := range 3 {
		for h := range 4 {
			all.Nodes = append(all.Nodes, circuit.Node{Part: graph.Head(l, h), Class: fmt.Sprint(l)})
		}
		all.Nodes = append(all.Nodes, circuit.Node{Part: graph.MLP(l), Class: "mlp"})
	}
	a := circuit.Settings{Components: circuit.HeadsAndMLPs, Ablation: of(ablate.Resample), Random: -1}
	f, err := faithfulness(m, k, all, a)
	if err != nil {
		t.Fatal(err)
	}
	if f.Gap.Value > noise || math.Abs(f.Recovered.Value-1) > 1e-3 || math.Abs(f.Without.Value-f.Empty.Value) > noise {
		t.Errorf("%s", f)
	}
	r, err := completeness(m, k, all, a, circuit.Search{Random: 3, Greedy: circuit.Greedy{Runs: 1, Steps: 2, Sample: 3}})
	if err != nil {
		t.Fatal(err)
	}
	if r.Worst.Value > 2*noise { // of two runs
		t.Errorf("the model has a gap to itself: %s", r)
	}
	for _, w := range r.Sets {
		if len(w.K) == len(all.Nodes) || w.Kind == "greedy" {
			continue
		}
		g, err := faithfulness(m, k, all.Without(w.K...), a)
		if err != nil {
			t.Fatal(err)
		}
		if math.Abs(g.Alone.Value-w.Alone.Value) > noise {
			t.Errorf("%s: alone %g, the smaller circuit %g", w.Name, w.Alone.Value, g.Alone.Value)
		}
	}
	// The same settings give the same numbers, another seed other random sets.
	again, err := completeness(m, k, all, a, r.Settings.Search)
	if err != nil {
		t.Fatal(err)
	}
	a.Seed = 1
	other, err := completeness(m, k, all, a, r.Settings.Search)
	if err != nil {
		t.Fatal(err)
	}
	if again.String() != r.String() || other.String() == r.String() {
		t.Error("the seed does not say what is drawn")
	}
}

func TestRandomCircuits(t *testing.T) {
	m := open(t, modeltest.Dir())
	like := blurred()
	like.Nodes = append(like.Nodes, circuit.Node{Part: graph.MLP(1)})
	for _, match := range []circuit.Match{circuit.ByLayer, circuit.Anywhere} { // like has heads in all three layers
		seen := map[string]bool{}
		for seed := range uint64(40) {
			c, err := circuit.Random(m, like, match, seed)
			if err != nil {
				t.Fatal(err)
			}
			if err := c.Check(m); err != nil {
				t.Fatal(err)
			}
			same := true
			for i, n := range c.Nodes {
				was := like.Nodes[i].Part
				if !slices.Equal(n.At, like.Nodes[i].At) || n.Part.Kind != was.Kind {
					t.Errorf("node %d is %v, like %v", i, n, like.Nodes[i])
				}
				if match == circuit.ByLayer && n.Part.IsHead() && n.Part.Layer != was.Layer {
					t.Errorf("%s: %s takes the place of %s", match, n.Part, was)
				}
				same = same && n.Part == was
				seen[n.Part.String()] = true
			}
			if same {
				t.Errorf("seed %d draws the circuit itself", seed)
			}
		}
		if len(seen) != 3*4+3 {
			t.Errorf("%s: %d of the parts were drawn in 40 circuits", match, len(seen))
		}
	}
}

func TestBadSettings(t *testing.T) {
	m := open(t, modeltest.Dir())
	k := ragged(m)
	other := ragged(m)
	other.Templates = slices.Repeat([]int{9}, 9)
	node := func(p graph.Part, at ...string) *circuit.Circuit {
		return &circuit.Circuit{Name: "c", Nodes: []circuit.Node{{Part: p, At: at}}}
	}
	good := node(graph.Head(0, 0))
	faithful := func(k *task.Task, c *circuit.Circuit, a circuit.Settings) error {
		a.Random = -1
		_, err := faithfulness(m, k, c, a)
		return err
	}
	for _, c := range []struct {
		name string
		err  error
		want string
	}{
		{"no circuit", faithful(k, nil, circuit.Settings{}), "no circuit"},
		{"no nodes", faithful(k, &circuit.Circuit{Name: "c"}, circuit.Settings{}), `circuit "c" has no nodes`},
		{"no task", faithful(nil, good, circuit.Settings{}), "no task"},
		{"layer", faithful(k, node(graph.Head(3, 0)), circuit.Settings{}), "3.0: the model has layers 0 to 2"},
		{"head", faithful(k, node(graph.Head(2, 4)), circuit.Settings{}), "2.4: the model has heads 0 to 3"},
		{"position", faithful(k, node(graph.Head(2, 3), "S3"), circuit.Settings{}), `node 2.3: task ragged: no position is called "S3"; there are A, B, END`},
		{"MLP that stays", faithful(k, node(graph.MLP(1)), circuit.Settings{}), "ask for HeadsAndMLPs"},
		{"value", faithful(k, good, circuit.Settings{Ablation: of(9)}), "value 9 is not known"},
		{"where", faithful(k, good, circuit.Settings{Where: -1}), "where -1 is not known"},
		{"other templates", faithful(k, good, circuit.Settings{Ablation: ablate.Ablation{Reference: ablate.Corrupted(other)}}), "no prompt of template 0 has the 5 tokens of row 0"},
		{"bootstrap", func() error {
			s := circuit.Settings{Random: -1}
			s.Bootstrap.Level = 2
			_, err := faithfulness(m, k, good, s)
			return err
		}(), "level 2"},
		{"set", func() error {
			_, err := completeness(m, k, good, circuit.Settings{}, circuit.Search{Sets: [][]graph.Part{{graph.Head(1, 1)}}})
			return err
		}(), "1.1, which is no node"},
		{"rule", func() error {
			_, err := completeness(m, k, good, circuit.Settings{}, circuit.Search{Greedy: circuit.Greedy{Rule: 7}})
			return err
		}(), "rule unknown (7)"},
		{"choice", func() error {
			_, err := minimality(m, k, good, circuit.Settings{}, circuit.Beside{Of: map[graph.Part][]graph.Part{graph.Head(0, 0): {graph.Head(1, 1)}}})
			return err
		}(), "1.1, which is no node"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.err == nil || !strings.Contains(c.err.Error(), c.want) {
				t.Errorf("error %v; it should say %q", c.err, c.want)
			}
		})
	}
	// Another reference of the same templates will do, also to draw from.
	for _, v := range []ablate.Value{ablate.TemplateMean, ablate.Resample} {
		if err := faithful(k, good, circuit.Settings{Ablation: ablate.Ablation{Value: v, Reference: ablate.Corrupted(ragged(m))}}); err != nil {
			t.Error(err)
		}
	}
}
