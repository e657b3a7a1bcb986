package circuit_test

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/golens/golens/interp/ablate"
	"github.com/golens/golens/interp/circuit"
	"github.com/golens/golens/interp/graph"
	"github.com/golens/golens/interp/task"
	"github.com/golens/golens/model"
	"github.com/golens/golens/model/hook"
	"github.com/golens/golens/model/modeltest"
)

func open(t testing.TB, name string) *model.Model {
	t.Helper()
	m, err := model.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// faithfulness and its companions are tests of a circuit in one line.
func faithfulness(m *model.Model, k *task.Task, c *circuit.Circuit, s circuit.Settings) (*circuit.Faithfulness, error) {
	return (&circuit.Test{Model: m, Task: k, Settings: s}).Faithfulness(c)
}

func completeness(m *model.Model, k *task.Task, c *circuit.Circuit, s circuit.Settings, search circuit.Search) (*circuit.Completeness, error) {
	s.Search = search
	return (&circuit.Test{Model: m, Task: k, Settings: s}).Completeness(c)
}

func minimality(m *model.Model, k *task.Task, c *circuit.Circuit, s circuit.Settings, beside circuit.Beside) (*circuit.Minimality, error) {
	s.Beside = beside
	return (&circuit.Test{Model: m, Task: k, Settings: s}).Minimality(c)
}

func of(v ablate.Value) ablate.Ablation { return ablate.Ablation{Value: v} }

// gateTask asks the gate for its output; the corrupted prompts have input 0.
func gateTask(m *model.Model, inputs ...int32) *task.Task {
	k := &task.Task{Name: "gate", Pairs: task.Pairs{Metric: model.Logit(model.IDs(0))}}
	var clean, corrupted [][]int32
	var end []int
	for _, token := range inputs {
		clean = append(clean, []int32{0, token, 1})
		corrupted = append(corrupted, []int32{0, 1, 1})
		k.Templates = append(k.Templates, 0)
		end = append(end, 2)
	}
	k.Clean, k.Corrupted = m.Rows(clean), m.Rows(corrupted)
	k.Table = []task.Place{{Name: "END", Positions: hook.Each(end)}}
	return k
}

func heads(names ...string) *circuit.Circuit {
	c := &circuit.Circuit{Name: strings.Join(names, " "), Positions: []string{"END"}}
	for _, n := range names {
		p, err := graph.ParsePart(n)
		if err != nil {
			panic(err)
		}
		c.Nodes = append(c.Nodes, circuit.Node{Part: p, At: []string{"END"}})
	}
	return c
}

// near: the gates are right to about 1e-6 of a logit, see modeltest.Gate.
func near(t *testing.T, what string, got, want float64) {
	t.Helper()
	if !(math.Abs(got-want) < 1e-5) {
		t.Errorf("%s is %g, want %g", what, got, want)
	}
}

var h0, h1, gate = graph.Head(0, 0), graph.Head(0, 1), graph.Head(1, 0)

// One input of an OR gate is faithful, and incomplete without itself.
func TestORGate(t *testing.T) {
	m := open(t, modeltest.Gate(t, modeltest.OR))
	k := gateTask(m, 2, 2, 2)
	half, whole := heads("0.0", "1.0"), heads("0.0", "0.1", "1.0")
	for _, value := range []ablate.Value{ablate.TemplateMean, ablate.Mean, ablate.Zero, ablate.Resample} {
		s := circuit.Settings{Ablation: of(value)}
		for i, share := range []float64{1. / 3, 0, 1. / 5, 2. / 3} {
			c := []*circuit.Circuit{half, whole}[i%2]
			s.Match = []circuit.Match{circuit.ByLayer, circuit.Anywhere}[i/2]
			f, err := faithfulness(m, k, c, s)
			if err != nil {
				t.Fatal(err)
			}
			near(t, "F(M)", f.Model.Value, 1)
			near(t, "F(C)", f.Alone.Value, 1)
			near(t, `F(M\C)`, f.Without.Value, 0)
			near(t, "F(∅)", f.Empty.Value, 0)
			near(t, "recovered", f.Recovered.Value, 1)
			// So many of the other pairs, or triples, of heads of the same layers, or
			// of any, have 1.0 and 0.0 or 0.1. Three standard deviations of 50 draws
			// are 0.2 or less.
			better, n := f.Better()
			if n != 50 || math.Abs(float64(better)/50-share) > 0.2 {
				t.Errorf("%s: %d of %d random circuits are as good, want %g", c.Name, better, n, share)
			}
		}
		search := circuit.Search{NoClasses: true, Sets: [][]graph.Part{{h0}}}
		incomplete, err := completeness(m, k, half, s, search)
		if err != nil {
			t.Fatal(err)
		}
		near(t, "gap without the backup", incomplete.Worst.Value, 1)
		near(t, "gap at {0.0}", incomplete.Sets[1].Gap.Value, 1)
		near(t, "gap at ∅", incomplete.Sets[0].Gap.Value, 0)
		if !slices.ContainsFunc(incomplete.Sets, func(w circuit.SetGap) bool {
			return w.Kind == "greedy" && len(w.K) == 1 && w.K[0] == h0 && w.Gap.Value > 0.99
		}) {
			t.Errorf("the greedy search did not find {0.0}: %s", incomplete)
		}
		complete, err := completeness(m, k, whole, s, search)
		if err != nil {
			t.Fatal(err)
		}
		near(t, "gap of the full circuit", complete.Worst.Value, 0)

		minimal, err := minimality(m, k, whole, s, circuit.Beside{Of: map[graph.Part][]graph.Part{h0: {h1}, h1: {h0}, gate: nil}})
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range minimal.Nodes {
			near(t, "minimality of "+n.Node.Part.String(), n.Change.Value, 1)
		}
		alone, err := minimality(m, k, whole, s, circuit.Beside{Of: map[graph.Part][]graph.Part{h0: nil, h1: nil, gate: nil}})
		if err != nil {
			t.Fatal(err)
		}
		near(t, "minimality of 0.0 beside nothing", alone.Nodes[0].Change.Value, 0)
		best, err := minimality(m, k, whole, s, circuit.Beside{Best: true})
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range best.Nodes {
			near(t, "best minimality of "+n.Node.Part.String(), n.Change.Value, 1)
		}
	}
}

// An AND gate needs both.
func TestANDGate(t *testing.T) {
	m := open(t, modeltest.Gate(t, modeltest.AND))
	k := gateTask(m, 2, 2)
	for names, want := range map[string]float64{"0.0 1.0": 0, "0.1 1.0": 0, "0.0 0.1 1.0": 1, "0.0 0.1": 0} {
		f, err := faithfulness(m, k, heads(strings.Fields(names)...), circuit.Settings{Random: -1})
		if err != nil {
			t.Fatal(err)
		}
		near(t, names, f.Alone.Value, want)
		if f.Random != nil {
			t.Error("random circuits, though none were asked for")
		}
	}
}

// Both greedy rules may find the set; only the released one stops where the gap
// does not grow.
func TestGreedyRules(t *testing.T) {
	m := open(t, modeltest.Gate(t, modeltest.OR))
	k := gateTask(m, 2)
	for _, rule := range []circuit.Rule{circuit.AsReleased, circuit.AsPrinted} {
		r, err := completeness(m, k, heads("0.0", "1.0"), circuit.Settings{}, circuit.Search{
			Random: -1, NoClasses: true, Greedy: circuit.Greedy{Runs: 3, Steps: 2, Sample: 1, Rule: rule},
		})
		if err != nil {
			t.Fatal(err)
		}
		for _, w := range r.Sets[1:] {
			if w.Kind != "greedy" || len(w.K) != 1 || w.K[0] != h0 {
				t.Errorf("%s found %s", rule, w.Name)
			}
		}
		if len(r.Sets) != 2 || !strings.Contains(r.String(), rule.String()) {
			t.Errorf("%s: %s", rule, r)
		}
	}
}

// Two templates in which a head writes different constants: within a template
// there is nothing to average away, across templates there is.
func TestTemplateMeansDoNotMix(t *testing.T) {
	m := open(t, modeltest.Gate(t, modeltest.OR))
	k := gateTask(m, 2, 4, 2, 4, 4)
	k.Templates = []int{0, 7, 0, 7, 7}
	k.Corrupted = k.Clean
	k.Metric = model.Logit(model.IDs(1)) // what head 0.0 wrote: 1 and 3
	for value, want := range map[ablate.Value][]float64{
		ablate.TemplateMean: {1, 3, 1, 3, 3},
		// Over all tokens: position 0 holds 0, positions 1 and 2 the input.
		ablate.Mean: slices.Repeat([]float64{(2*2*1 + 3*2*3) / 15.0}, 5),
		ablate.Zero: {0, 0, 0, 0, 0},
	} {
		f, err := faithfulness(m, k, heads("1.0"), circuit.Settings{Random: -1, Ablation: of(value)})
		if err != nil {
			t.Fatal(err)
		}
		for row, w := range want {
			near(t, value.String(), f.Samples.At(row, 1), w)
			near(t, value.String()+", everything gone", f.Samples.At(row, 3), w)
		}
	}
}

// Knocked out by one position or another: a head counts where it is read.
func TestPositionsOfNodes(t *testing.T) {
	m := open(t, modeltest.Gate(t, modeltest.OR))
	k := gateTask(m, 2, 2)
	k.Table = append(k.Table, task.Place{Name: "INPUT", Positions: hook.Positions{Rows: [][]int{{1}}}})
	at := func(place string) *circuit.Circuit {
		c := heads("0.0", "1.0")
		c.Nodes[0].At = []string{place}
		return c
	}
	for _, c := range []struct {
		place string
		where circuit.Where
		want  float64
	}{{"END", circuit.Listed, 1}, {"INPUT", circuit.Listed, 0}, {"INPUT", circuit.Everywhere, 1}} {
		f, err := faithfulness(m, k, at(c.place), circuit.Settings{Random: -1, Where: c.where})
		if err != nil {
			t.Fatal(err)
		}
		near(t, c.place+", "+c.where.String(), f.Alone.Value, c.want)
	}
	// Taken out of the model, 0.0 and 0.1 leave the gate nothing; where they do
	// not matter their loss is none.
	for place, want := range map[string]float64{"END": 0, "INPUT": 1} {
		c := heads("0.0", "0.1")
		c.Nodes[0].At, c.Nodes[1].At = []string{place}, []string{place}
		f, err := faithfulness(m, k, c, circuit.Settings{Random: -1, Removed: true})
		if err != nil {
			t.Fatal(err)
		}
		near(t, `F(M\C) at `+place, f.Without.Value, want)
		near(t, "recovered at "+place, f.Recovered.Value, want)
		near(t, "gap at "+place, f.Gap.Value, 1-want)
	}
}
