package discover_test

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/golens/golens/interp/ablate"
	"github.com/golens/golens/interp/discover"
	"github.com/golens/golens/interp/graph"
	"github.com/golens/golens/interp/task"
	"github.com/golens/golens/model"
	"github.com/golens/golens/model/edge"
	"github.com/golens/golens/model/hook"
	"github.com/golens/golens/model/modeltest"
)

// theirs is an edge as the recordings name it; inside heads "a2.h3<v>->a2.h3.v".
func theirs(e graph.Edge) string {
	name := func(p graph.Part) string {
		switch p.Kind {
		case graph.EmbedPart:
			return "input"
		case graph.HeadPart:
			return fmt.Sprintf("a%d.h%d", p.Layer, p.Index)
		case graph.MLPPart:
			return fmt.Sprintf("m%d", p.Layer)
		}
		return "logits"
	}
	to := name(e.To.Part)
	if e.To.Part.IsHead() {
		if e.From == e.To.Part {
			return fmt.Sprintf("%s<%s>->%s.%s", to, e.To.Input, to, e.To.Input)
		}
		to += "<" + string(e.To.Input) + ">"
	}
	return name(e.From) + "->" + to
}

// ACDC is the authors' program: the edges in the order of testing, their effects,
// what stays, and the metric.
func TestACDCIsTheAuthors(t *testing.T) {
	var o struct {
		Orders map[string][]string
		Runs   map[string]struct {
			Tested string
			Effect []float64
			Kept   []string
			When   []int `json:"kept_when_tested"`
			Metric float64
		}
	}
	readJSON(t, "testdata/acdc/acdc.json", &o)
	s, _ := recorded(t, "gpt2")
	s.WholeEmbedding = true
	near, tested := []string{}, 0
	for name, want := range o.Runs {
		a := discover.ACDC{Inside: true, HeadsRising: strings.Contains(name, "indices_reverse"), EarlierFirst: strings.Contains(name, "names_reverse"), Absolute: strings.Contains(name, "abs_value")}
		if !strings.HasPrefix(name, "kl.") {
			a.Metric = s.Task.Paired().Metric
		}
		if _, err := fmt.Sscanf(name[strings.Index(name, "tau")+3:], "%g", &a.Threshold); err != nil {
			t.Fatal(err)
		}
		s.Ablation = nil
		if strings.Contains(name, "zero") {
			s.Ablation = &ablate.Ablation{Value: ablate.Zero}
		}
		got, err := s.ACDC(a)
		if err != nil {
			t.Fatal(err)
		}
		order := o.Orders[want.Tested]
		for i, e := range got.Tested {
			if i >= len(order) || theirs(e.Edge) != order[i] {
				t.Errorf("%s: %s is tested as number %d of %d", name, e.Edge, i, len(order))
				break
			}
			if d := math.Abs(e.Effect - want.Effect[i]); !a.Absolute && d > 1e-5 || a.Absolute && math.Abs(math.Abs(e.Effect)-want.Effect[i]) > 1e-5 {
				t.Errorf("%s: without %s %.6f worse; recorded %.6f", name, order[i], e.Effect, want.Effect[i])
			}
			if d := math.Abs(want.Effect[i] - a.Threshold); d < 2e-5 {
				near = append(near, fmt.Sprintf("%s of %s by %.1g", order[i], name, d))
			}
			if tested++; e.Kept != (want.When[i] == 1) {
				t.Errorf("%s: %s is kept: %t", name, order[i], e.Kept)
			}
		}
		var kept []string
		for u, v := range got.Edges() {
			kept = append(kept, theirs(got.Graph.Edge(u, v)))
		}
		if slices.Sort(kept); !slices.Equal(kept, want.Kept) || len(got.Tested) != len(order) {
			t.Errorf("%s: %d edges tested and %d kept, recorded %d and %d", name, len(got.Tested), len(kept), len(order), len(want.Kept))
		}
		metric := got.Metric
		if !strings.HasPrefix(name, "kl.") {
			metric = -metric
		}
		if math.Abs(metric-want.Metric) > 1e-4 {
			t.Errorf("%s: the metric is %.5f, recorded %.5f", name, got.Metric, want.Metric)
		}
	}
	t.Logf("%d tests of edges in %d runs; near the threshold: %q", tested, len(o.Runs), near)
}

// one is ACDC as the paper prints it, one subgraph after another.
func one(t *testing.T, s *discover.Search, threshold float64) *graph.Set {
	t.Helper()
	k, m := s.Task.Paired(), s.Model
	g := graph.Of(m.Config())
	run := func(set *graph.Set) float64 {
		got, err := m.Subgraphs(model.Subgraphs{Base: k.Clean.Metric(k.Metric), Reference: model.Reference{Source: k.Corrupted.Request()}, Cuts: []edge.Cut{set.Cut("")}})
		if err != nil {
			t.Fatal(err)
		}
		return -got.Metric(0).At(0)
	}
	set := g.All()
	now := run(set)
	for v := len(g.Receivers) - 1; v >= 0; v-- {
		read := false
		for _, p := range g.Sharing(v) {
			own, sends := g.Sender(p)
			read = read || !sends
			for r := range g.Receivers {
				read = read || sends && set.Has(own, r)
			}
		}
		for u := len(g.Senders) - 1; u >= 0; u-- {
			if !g.Has(u, v) {
				continue
			}
			less := set.Clone()
			less.Remove(u, v)
			if !read {
				set = less
			} else if next := run(less); next-now < threshold {
				set, now = less, next
			}
		}
	}
	return set
}

// Batches change nothing: the edges are those of the algorithm step by step, for every
// threshold of the authors' sweep (21 from 1e-4 to 1) and for queries that share keys.
func TestACDCIsItsSequentialTwin(t *testing.T) {
	s, _ := recorded(t, "llama_gqa")
	k := s.Task.Paired()
	k.Clean, k.Corrupted = s.Model.Rows(k.Clean.IDs[:2]), s.Model.Rows(k.Corrupted.IDs[:2])
	k.Metric.Answer.IDs, k.Metric.Wrong.IDs = k.Metric.Answer.IDs[:2], k.Metric.Wrong.IDs[:2]
	s.Task = k
	for i := range 21 {
		threshold := math.Pow(10, -4+float64(i)/5)
		want := one(t, s, threshold)
		batches := []int{0}
		if i%5 == 0 {
			batches = append(batches, 3)
		}
		for _, batch := range batches {
			got, err := s.ACDC(discover.ACDC{Threshold: threshold, Metric: k.Metric, Batch: batch})
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range got.Tested {
				if d := math.Abs(e.Effect - threshold); d < 2e-5 {
					t.Logf("threshold %.3g: %s is nearer to it than %.1g", threshold, e.Edge, d)
				}
			}
			for u, v := range got.Graph.All().Edges() {
				if got.Has(u, v) != want.Has(u, v) {
					t.Errorf("threshold %.3g, batches of %d: %s stays: %t", threshold, batch, got.Graph.Edge(u, v), got.Has(u, v))
				}
			}
			t.Logf("threshold %.3g: %d of %d edges, %d runs for %d tests", threshold, got.Len(), got.Graph.Len(), got.Runs, len(got.Tested))
		}
	}
}

// gateSearch is a gate of two heads whose input goes from 1 to 0.
func gateSearch(t *testing.T, need int) *discover.Search {
	t.Helper()
	m, err := model.Open(modeltest.Gate(t, need))
	if err != nil {
		t.Fatal(err)
	}
	return &discover.Search{Model: m, Task: &task.Task{Name: "gate", Table: []task.Place{{Name: "END", Positions: hook.Positions{Rows: [][]int{{2}}}}},
		Pairs: task.Pairs{Metric: model.Logit(model.IDs(0)), Clean: m.Rows([][]int32{{0, 2, 1}}), Corrupted: m.Rows([][]int32{{0, 1, 1}})}}}
}

// In an AND gate both inputs stay. In an OR gate one of them does, and which one
// hangs on the order.
func TestACDCOfGates(t *testing.T) {
	input := func(set *graph.Set, head int) bool {
		u, _ := set.Sender(graph.Head(0, head))
		v, _ := set.Receiver(graph.Head(1, 0), graph.ToQuery)
		return set.Has(u, v)
	}
	for _, c := range []struct {
		gate          int
		rising        bool
		first, second bool
	}{{modeltest.AND, false, true, true}, {modeltest.AND, true, true, true}, {modeltest.OR, false, true, false}, {modeltest.OR, true, false, true}} {
		s := gateSearch(t, c.gate)
		got, err := s.ACDC(discover.ACDC{Threshold: 0.1, Metric: s.Task.Paired().Metric, HeadsRising: c.rising})
		if err != nil {
			t.Fatal(err)
		}
		if input(got.Set, 0) != c.first || input(got.Set, 1) != c.second {
			t.Errorf("gate %d, heads rising %t: 0.0 stays %t, 0.1 %t", c.gate, c.rising, input(got.Set, 0), input(got.Set, 1))
		}
		want := 3 // embedding to a value, a head to 1.0's query, 1.0 to the logits
		if c.gate == modeltest.AND {
			want = 5
		}
		if got.Len() != want || math.Abs(got.Metric-1) > 1e-5 {
			t.Errorf("gate %d: %d edges, metric %g", c.gate, got.Len(), got.Metric)
		}
	}
}

// What the planted gates make of the other methods: EAP and a single cut see nothing
// of an OR gate, integrated gradients do, by their convention.
func TestScoresOfGates(t *testing.T) {
	for _, c := range []struct {
		gate int
		o    discover.Scoring
		want float64
	}{
		{modeltest.AND, discover.Scoring{Method: discover.Exact}, -1}, {modeltest.OR, discover.Scoring{}, 0}, {modeltest.OR, discover.Scoring{Method: discover.Exact}, 0},
	} {
		s := gateSearch(t, c.gate)
		got, err := s.Scores(c.o)
		if err != nil {
			t.Fatal(err)
		}
		v, _ := got.Graph.Receiver(graph.Head(1, 0), graph.ToQuery)
		for h := range 2 {
			u, _ := got.Graph.Sender(graph.Head(0, h))
			if math.Abs(got.At(u, v)-c.want) > 1e-4 {
				t.Errorf("gate %d, %s: 0.%d scores %g, want %g", c.gate, c.o, h, got.At(u, v), c.want)
			}
		}
	}
}
