package causal_test

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/golens/golens/interp/causal"
	"github.com/golens/golens/model"
	"github.com/golens/golens/model/hook"
)

func open(t testing.TB, name string) *model.Model {
	t.Helper()
	m, err := model.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func equality(t testing.TB, name string, n int) (*model.Model, *causal.Data) {
	t.Helper()
	m := open(t, name)
	d, err := causal.HierarchicalEquality().Data(m, n, 1)
	if err != nil {
		t.Fatal(err)
	}
	return m, d
}

// neurons aligns the first pair with neurons of layer 0 at the end.
func neurons(d *causal.Data, which ...int) causal.Alignment {
	return causal.Alignment{"first pair": {{Point: hook.MLPPost(0).Coord(which...), At: d.End()}}}
}

func test(t testing.TB, m *model.Model, d *causal.Data, a causal.Alignment) *causal.Accuracy {
	t.Helper()
	got, err := causal.Interchange{Alignment: a, Seed: 1}.Test(m, d)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// Of the network made by hand the task is right, the right neurons have an accuracy of
// 1, wrong ones about 0.6, none about a half; the same with the middle rotated, where
// neurons are as they were and coordinates of the stream fall.
func TestPlantedEquality(t *testing.T) {
	for _, name := range []string{"zoo:equality", "zoo:equality-rotated"} {
		t.Run(name, func(t *testing.T) {
			m, d := equality(t, name, 50)
			right := test(t, m, d, neurons(d, 0, 1, 2, 3))
			if right.Task < 1-1e-9 || right.At(0) != 1 || right.Lo.At(0) != 1 {
				t.Errorf("%v", right)
			}
			if none := right.None.At(0); none < .4 || none > .6 {
				t.Errorf("without intervention %g", none)
			}
			wrong := test(t, m, d, neurons(d, 0, 1, 4, 5))
			if v := wrong.At(0); v < .5 || v > .75 || wrong.Hi.At(0) > .8 {
				t.Errorf("wrong alignment: %v", wrong)
			}
			if r := right.Random.At(0); r > .75 {
				t.Errorf("random alignments have %g", r)
			}
			stream := test(t, m, d, causal.Alignment{"first pair": {{Point: hook.ResidPost(0).Coord(17, 18, 19, 20), At: d.End()}}})
			if rotated := strings.HasSuffix(name, "rotated"); rotated != (stream.At(0) < .8) {
				t.Errorf("coordinates of the stream have %g", stream.At(0))
			}
			both, err := causal.Interchange{Alignment: causal.Alignment{
				"first pair":  neurons(d, 0, 1, 2, 3)["first pair"],
				"second pair": {{Point: hook.MLPPost(0).Coord(4, 5, 6, 7), At: d.End()}},
			}, Sources: 5}.Test(m, d)
			if err != nil {
				t.Fatal(err)
			}
			if len(both.Values()) != 3 || slices.Min(both.Values()) != 1 {
				t.Errorf("each alone and both at once: %v", both)
			}
		})
	}
}

// All pairs agree for the right alignment, so the clique is everything; for a wrong one
// it is smaller, and every two of its members agree.
func TestClique(t *testing.T) {
	m, d := equality(t, "zoo:equality", 40)
	all, err := test(t, m, d, neurons(d, 0, 1, 2, 3)).Clique(0)
	if err != nil || len(all.Inputs) != 40 || !all.Exact {
		t.Errorf("%v, %v", all, err)
	}
	wrong := test(t, m, d, neurons(d, 0, 1, 4, 5))
	some, err := wrong.Clique(0)
	if err != nil || len(some.Inputs) >= 40 || len(some.Inputs) < 2 || !some.Exact {
		t.Fatalf("%v, %v", some, err)
	}
	for i, p := range wrong.Pairs {
		if slices.Contains(some.Inputs, p.Base) && slices.Contains(some.Inputs, p.Source) && !wrong.Agrees[0][i] {
			t.Errorf("%v of the clique do not agree", p)
		}
	}
}

// The pair is in the stream at the end after layer 0, and nowhere else but in its own
// entities before.
func TestGrid(t *testing.T) {
	m, d := equality(t, "zoo:equality", 40)
	g, err := causal.Grid(m, d, "first pair", hook.ResidPost, nil, 4)
	if err != nil {
		t.Fatal(err)
	}
	if g.Dim("layer") != 2 || g.Dim("place") != 5 {
		t.Fatalf("%v", g)
	}
	for l := range 2 {
		for p := range 4 { // not the end: behind layer 0 nothing reads the entities
			if none := g.At(l, p); none > .65 {
				t.Errorf("layer %d place %d: %g", l, p, none)
			}
		}
	}
}

// Functions that do not fit are told of before anything runs.
func TestBadModels(t *testing.T) {
	yes := []string{"yes"}
	is := func(causal.Setting) string { return "yes" }
	for want, variables := range map[string][]causal.Variable{
		"it has no variables":      nil,
		"a is its own ancestor":    {{Name: "a", Values: yes, Parents: []string{"b"}, Of: is}, {Name: "b", Values: yes, Parents: []string{"a"}, Of: is}},
		`has the parent "c"`:       {{Name: "a", Values: yes, Parents: []string{"c"}, Of: is}},
		"two variables are called": {{Name: "a", Values: yes}, {Name: "a", Values: yes}},
		"a has no values":          {{Name: "a"}},
		`b is "no"`:                {{Name: "a", Values: yes}, {Name: "b", Values: yes, Parents: []string{"a"}, Of: func(causal.Setting) string { return "no" }}},
		"has children":             {{Name: "b", Values: yes, Parents: []string{"a"}, Of: is}, {Name: "a", Values: yes}},
		"neither parents nor":      {{Name: "a", Values: yes, Of: is}},
	} {
		if _, err := causal.New("bad", variables...); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q, got %v", want, err)
		}
	}
	m := causal.Addition()
	if _, err := m.Run(causal.Setting{"x": "12"}, nil); err == nil || !strings.Contains(err.Error(), "the input y has no value") {
		t.Errorf("%v", err)
	}
	if _, err := m.Run(causal.Setting{"x": "12", "y": "7"}, nil); err == nil || !strings.Contains(err.Error(), `y can't be "7"`) {
		t.Errorf("%v", err)
	}
}

// The ready models are right, and an exchange does what it says.
func TestReadyModels(t *testing.T) {
	add := causal.Addition()
	got, err := add.Interchange(causal.Setting{"x": "47", "y": "25"}, causal.Setting{"x": "11", "y": "11"}, "carry")
	if err != nil || got["sum"] != "62" {
		t.Errorf("47 + 25 without its carry is %v, %v", got, err)
	}
	for _, m := range []*causal.Model{add, causal.HierarchicalEquality(), causal.PriceTag(), causal.MultipleChoice()} {
		for _, in := range m.Sample(50, 1) {
			if _, err := m.Run(in, nil); err != nil {
				t.Error(err)
			}
		}
		if d := m.Drawing(); d.Len() != len(m.Variables) || d.Links() == 0 {
			t.Errorf("%s: %d nodes, %d links", m.Name, d.Len(), d.Links())
		}
	}
	choice := causal.MultipleChoice()
	in := choice.Draw(rand.New(rand.NewPCG(1, 1)))
	run, err := choice.Run(in, nil)
	if err != nil || in["option "+run["place"]] != in["colour"] || run["answer"] != in["letter "+run["place"]] {
		t.Errorf("%v: %v, %v", in, run, err)
	}
}
