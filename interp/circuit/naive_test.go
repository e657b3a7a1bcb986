package circuit_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/golens/golens/interp/circuit"
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
		{Part: circuit.Head(0, 1), At: []string{"A", "B"}}, {Part: circuit.Head(1, 2), At: []string{"END"}},
		{Part: circuit.Head(2, 0)}, {Part: circuit.Head(2, 3), At: []string{"A"}}, {Part: circuit.Head(0, 2), At: []string{"A", "B"}},
	}}
}

// A twin knocks parts out in the plainest way: one row at a time, one head and
// position at a time, with means added up from runs of single prompts.
type twin struct {
	t *testing.T
	m *model.Model
	k *task.Task
	a circuit.Ablation
}

func (w twin) run(rows [][]int32, r func(model.Request) model.Request) *model.Result {
	w.t.Helper()
	run, err := w.m.Run(r(w.m.Rows(rows).Request()))
	if err != nil {
		w.t.Fatal(err)
	}
	return run
}

func point(p circuit.Part) hook.Point {
	if p.Kind == circuit.KindMLP {
		return hook.MLPOut(p.Layer)
	}
	return hook.Z(p.Layer).Head(p.Index)
}

// value is what takes the place of a part at a position of a row.
func (w twin) value(p circuit.Part, row, pos int) []float32 {
	var sum []float64
	count := 0.0
	for i, ids := range w.k.Corrupted.IDs {
		switch w.a.Value {
		case circuit.Resample:
			if i != row {
				continue
			}
		case circuit.TemplateMean:
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
			if at == pos || w.a.Value == circuit.Mean {
				for j, v := range values.Values()[at*width : (at+1)*width] {
					sum[j] += float64(v)
				}
				count++
			}
		}
	}
	out := make([]float32, len(sum))
	for j, v := range sum {
		if out[j] = float32(v / count); w.a.Value == circuit.Zero {
			out[j] = 0
		}
	}
	return out
}

// metric is that of a row without some parts at some positions.
func (w twin) metric(row int, out func(p circuit.Part, pos int) bool) float64 {
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

func (w twin) parts() (all []circuit.Part) {
	for l := range 3 {
		for h := range 4 {
			all = append(all, circuit.Head(l, h))
		}
		if w.a.Components == circuit.HeadsAndMLPs {
			all = append(all, circuit.MLP(l))
		}
	}
	return all
}

// in tells whether a circuit has a part at a position of a row.
func (w twin) in(c *circuit.Circuit, p circuit.Part, row, pos int) bool {
	for _, n := range c.Nodes {
		if n.Part != p {
			continue
		}
		if len(n.At) == 0 || w.a.Positions == circuit.Everywhere {
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
	for _, a := range []circuit.Ablation{
		{}, {Value: circuit.Mean}, {Value: circuit.Zero}, {Value: circuit.Resample},
		{Positions: circuit.Everywhere, Components: circuit.HeadsAndMLPs},
	} {
		w := twin{t, m, k, a}
		cut := []circuit.Part{circuit.Head(0, 1), circuit.Head(2, 3)}
		f, err := circuit.Faithfulness(m, k, c, circuit.Settings{Ablation: a, Random: -1})
		if err != nil {
			t.Fatal(err)
		}
		r, err := circuit.Completeness(m, k, c, circuit.Settings{Ablation: a}, circuit.Search{
			Random: -1, NoClasses: true, Greedy: circuit.Greedy{Runs: -1}, Sets: [][]circuit.Part{cut}})
		if err != nil {
			t.Fatal(err)
		}
		less := c.Without(cut...)
		for row := range 4 {
			gap := w.metric(row, func(p circuit.Part, pos int) bool { return !w.in(less, p, row, pos) }) -
				w.metric(row, func(p circuit.Part, pos int) bool { return slices.Contains(cut, p) && w.in(c, p, row, pos) })
			for what, pair := range map[string][2]float64{
				"F(M)":            {f.Samples.At(row, 0), w.metric(row, func(circuit.Part, int) bool { return false })},
				"F(C)":            {f.Samples.At(row, 1), w.metric(row, func(p circuit.Part, pos int) bool { return !w.in(c, p, row, pos) })},
				`F(M\C)`:          {f.Samples.At(row, 2), w.metric(row, func(p circuit.Part, pos int) bool { return w.in(c, p, row, pos) })},
				"F(∅)":            {f.Samples.At(row, 3), w.metric(row, func(circuit.Part, int) bool { return true })},
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
			all.Nodes = append(all.Nodes, circuit.Node{Part: circuit.Head(l, h), Class: fmt.Sprint(l)})
		}
		all.Nodes = append(all.Nodes, circuit.Node{Part: circuit.MLP(l), Class: "mlp"})
	}
	a := circuit.Ablation{Components: circuit.HeadsAndMLPs, Value: circuit.Resample}
	f, err := circuit.Faithfulness(m, k, all, circuit.Settings{Ablation: a, Random: -1})
	if err != nil {
		t.Fatal(err)
	}
	if f.Gap.Value > noise || math.Abs(f.Recovered.Value-1) > 1e-3 || math.Abs(f.Without.Value-f.Empty.Value) > noise {
		t.Errorf("%s", f)
	}
	r, err := circuit.Completeness(m, k, all, circuit.Settings{Ablation: a}, circuit.Search{Random: 3, Greedy: circuit.Greedy{Runs: 1, Steps: 2, Sample: 3}})
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
		g, err := circuit.Faithfulness(m, k, all.Without(w.K...), circuit.Settings{Ablation: a, Random: -1})
		if err != nil {
			t.Fatal(err)
		}
		if math.Abs(g.Alone.Value-w.Alone.Value) > noise {
			t.Errorf("%s: alone %g, the smaller circuit %g", w.Name, w.Alone.Value, g.Alone.Value)
		}
	}
	// The same settings give the same numbers, another seed other random sets.
	again, err := circuit.Completeness(m, k, all, circuit.Settings{Ablation: a}, r.Search)
	if err != nil {
		t.Fatal(err)
	}
	other, err := circuit.Completeness(m, k, all, circuit.Settings{Ablation: a, Seed: 1}, r.Search)
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
	like.Nodes = append(like.Nodes, circuit.Node{Part: circuit.MLP(1)})
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
				if match == circuit.ByLayer && n.Part.Kind == circuit.KindHead && n.Part.Layer != was.Layer {
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
	node := func(p circuit.Part, at ...string) *circuit.Circuit {
		return &circuit.Circuit{Name: "c", Nodes: []circuit.Node{{Part: p, At: at}}}
	}
	good := node(circuit.Head(0, 0))
	faithful := func(k *task.Task, c *circuit.Circuit, a circuit.Ablation) error {
		_, err := circuit.Faithfulness(m, k, c, circuit.Settings{Ablation: a, Random: -1})
		return err
	}
	for _, c := range []struct {
		name string
		err  error
		want string
	}{
		{"no circuit", faithful(k, nil, circuit.Ablation{}), "no circuit"},
		{"no nodes", faithful(k, &circuit.Circuit{Name: "c"}, circuit.Ablation{}), `circuit "c" has no nodes`},
		{"no task", faithful(nil, good, circuit.Ablation{}), "no prompts"},
		{"layer", faithful(k, node(circuit.Head(3, 0)), circuit.Ablation{}), "3.0: the model has layers 0 to 2"},
		{"head", faithful(k, node(circuit.Head(2, 4)), circuit.Ablation{}), "2.4: the model has heads 0 to 3"},
		{"position", faithful(k, node(circuit.Head(2, 3), "S3"), circuit.Ablation{}), `node 2.3: task ragged: no position is called "S3"; there are A, B, END`},
		{"MLP that stays", faithful(k, node(circuit.MLP(1)), circuit.Ablation{}), "ask for HeadsAndMLPs"},
		{"value", faithful(k, good, circuit.Ablation{Value: 9}), "value 9 is not known"},
		{"side", faithful(k, good, circuit.Ablation{Side: -1}), "side -1 is not known"},
		{"other templates", faithful(k, good, circuit.Ablation{Reference: other}), "no prompt of template 0 has the 5 tokens of row 0"},
		{"bootstrap", func() error {
			s := circuit.Settings{Random: -1}
			s.Bootstrap.Level = 2
			_, err := circuit.Faithfulness(m, k, good, s)
			return err
		}(), "level 2"},
		{"set", func() error {
			_, err := circuit.Completeness(m, k, good, circuit.Settings{}, circuit.Search{Sets: [][]circuit.Part{{circuit.Head(1, 1)}}})
			return err
		}(), "1.1, which is no node"},
		{"rule", func() error {
			_, err := circuit.Completeness(m, k, good, circuit.Settings{}, circuit.Search{Greedy: circuit.Greedy{Rule: 7}})
			return err
		}(), "rule unknown (7)"},
		{"choice", func() error {
			_, err := circuit.Minimality(m, k, good, circuit.Settings{}, circuit.Choice{Of: map[circuit.Part][]circuit.Part{circuit.Head(0, 0): {circuit.Head(1, 1)}}})
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
	for _, v := range []circuit.Value{circuit.TemplateMean, circuit.Resample} {
		if err := faithful(k, good, circuit.Ablation{Value: v, Reference: ragged(m)}); err != nil {
			t.Error(err)
		}
	}
}
