package discover_test

import (
	"math"
	"testing"

	"github.com/golens/golens/interp/discover"
	"github.com/golens/golens/interp/graph"
	"github.com/golens/golens/interp/task"
	"github.com/golens/golens/model"
	"github.com/golens/golens/model/hook"
	"github.com/golens/golens/model/modeltest"
)

// pathTask is rows of several lengths on the tiny random GPT-2.
func pathTask(t *testing.T) (*model.Model, *task.Task) {
	t.Helper()
	m, err := model.Open(modeltest.Dir())
	if err != nil {
		t.Fatal(err)
	}
	return m, &task.Task{
		Name: "paths", Pairs: task.Pairs{
			Clean: m.Rows([][]int32{{1, 2, 3, 4, 5, 6}, {9, 8, 7, 3}}), Corrupted: m.Rows([][]int32{{11, 22, 33, 44, 55, 66}, {19, 28, 37, 46}}),
			Metric: model.LogitDiff(model.IDs(3, 60), model.IDs(50, 7)),
		},
		Table: []task.Place{
			{Name: "S2", Positions: hook.Positions{Rows: [][]int{{2}, {1}}}}, {Name: "END", Positions: hook.Positions{Rows: [][]int{{-1}, {-1}}}},
		},
	}
}

// everyPosition stands for all of a row.
const everyPosition = -1

func atPos(p hook.Point, pos int) hook.Point {
	if pos == everyPosition {
		return p
	}
	return p.At(pos)
}

// wangs is algorithm 1 of Wang et al. 2022 as it stands there, one path of one
// row: all heads frozen by their queries, keys and values, the receiver read
// before it is frozen. The receiver "logits" is the metric of the frozen run.
func wangs(t *testing.T, m *model.Model, k *task.Task, row int, sender graph.Part, at int, to *graph.Receiver, where int) float64 {
	t.Helper()
	run := func(ids []int32, change func(r model.Request) model.Request) *model.Result {
		got, err := m.Run(change(m.Rows([][]int32{ids}).Request()))
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	c := m.Config()
	inputs := []func(int) hook.Point{hook.Q, hook.K, hook.V}
	clean := run(k.Clean.IDs[row], func(r model.Request) model.Request {
		for l := range c.Layers {
			for _, in := range inputs {
				r = r.Capture(in(l))
			}
		}
		return r
	})
	corrupted := run(k.Corrupted.IDs[row], func(r model.Request) model.Request { return r.Capture(hook.HeadResult(sender.Layer)) })
	metric := k.Metric
	metric.Answer.IDs, metric.Wrong.IDs = metric.Answer.IDs[row:row+1], metric.Wrong.IDs[row:row+1]
	patched := run(k.Clean.IDs[row], func(r model.Request) model.Request {
		for l := range c.Layers {
			for i, in := range inputs {
				for h := range c.Heads {
					if to != nil && l == to.Part.Layer && h == to.Part.Index && i == map[graph.Input]int{graph.ToQuery: 0, graph.ToKey: 1, graph.ToValue: 2}[to.Input] {
						r = r.Capture(atPos(in(l).Head(h), where))
						continue // what the receiver gets is read, and nothing after it
					}
					r = r.Edit(in(l).Head(h).Replace(clean.At(in(l).Head(h))))
				}
			}
		}
		p := atPos(hook.HeadResult(sender.Layer).Head(sender.Index), at)
		return r.Edit(p.Replace(corrupted.At(p))).Metric(metric)
	})
	if to == nil {
		return patched.Metric()
	}
	p := atPos(inputs[map[graph.Input]int{graph.ToQuery: 0, graph.ToKey: 1, graph.ToValue: 2}[to.Input]](to.Part.Layer).Head(to.Part.Index), where)
	return run(k.Clean.IDs[row], func(r model.Request) model.Request { return r.Edit(p.Replace(patched.At(p))).Metric(metric) }).Metric()
}

func TestPathsAgainstTheAlgorithm(t *testing.T) {
	m, k := pathTask(t)
	w, err := discover.NewWalk(m, k)
	if err != nil {
		t.Fatal(err)
	}
	s2, end := k.Table[0].Positions, k.Table[1].Positions
	senders := graph.AllHeads(m.Config())
	effects, err := w.ToLogits(senders, end)
	if err != nil {
		t.Fatal(err)
	}
	last := []int{5, 3}
	compare := func(what string, row int, got, want float64) {
		t.Helper()
		if math.Abs(got-want) > 5e-5 { // float32, the same numbers added up in another order
			t.Errorf("%s, row %d: %g, by the algorithm %g", what, row, got, want)
		}
	}
	for _, e := range effects {
		for row := range 2 {
			compare(e.Sender.String()+" to the logits", row, w.Metric[row]+e.Change[row], wangs(t, m, k, row, e.Sender, last[row], nil, 0))
		}
	}
	for i, to := range []graph.Receiver{{Part: graph.Head(2, 1), Input: graph.ToQuery}, {Part: graph.Head(1, 3), Input: graph.ToKey}, {Part: graph.Head(2, 0), Input: graph.ToValue}, {Part: graph.Head(2, 2), Input: graph.ToKey}, {Part: graph.Head(2, 3), Input: graph.ToQuery}} {
		where, from := end, end
		at, into := last, last
		switch {
		case i > 2:
			where, from = hook.Positions{}, hook.Positions{}
			at, into = []int{everyPosition, everyPosition}, []int{everyPosition, everyPosition}
		case to.Input != graph.ToQuery:
			where, into = s2, []int{2, 1}
			from, at = s2, []int{2, 1}
		}
		effects, err := w.ToInputs(senders, from, []graph.Receiver{to}, where, true)
		if err != nil {
			t.Fatal(err)
		}
		if len(effects) != 4*to.Part.Layer {
			t.Errorf("%d senders come before %s", len(effects), to.Part)
		}
		for _, e := range effects {
			for row := range 2 {
				compare(e.Sender.String()+" to "+to.Part.String()+string(to.Input), row, w.Metric[row]+e.Change[row], wangs(t, m, k, row, e.Sender, at[row], &to, into[row]))
			}
		}
	}
}

// From the last layer the path to the logits is all that a head does, so that
// path patching is activation patching; and prompts that are not corrupted
// change nothing.
func TestPathInvariants(t *testing.T) {
	m, k := pathTask(t)
	w, err := discover.NewWalk(m, k)
	if err != nil {
		t.Fatal(err)
	}
	end := k.Table[1].Positions
	sender := graph.Head(2, 1)
	effects, err := w.ToLogits([]graph.Part{sender}, end)
	if err != nil {
		t.Fatal(err)
	}
	z := hook.Z(2).Head(1).In(end)
	corrupted, err := m.Run(k.Corrupted.Capture(z))
	if err != nil {
		t.Fatal(err)
	}
	patched, err := m.Run(k.Clean.Edit(z.Replace(corrupted.At(z))).Metric(k.Metric))
	if err != nil {
		t.Fatal(err)
	}
	for row, v := range patched.PerRow(0).Values() {
		if math.Abs(w.Metric[row]+effects[0].Change[row]-float64(v)) > 1e-5 { // the same sums
			t.Errorf("row %d: path %g, activation %g", row, w.Metric[row]+effects[0].Change[row], v)
		}
	}
	k.Corrupted = k.Clean
	same, err := w.ToInputs(graph.AllHeads(m.Config()), end, []graph.Receiver{{Part: graph.Head(1, 0), Input: graph.ToQuery}, {Part: graph.Head(2, 2), Input: graph.ToValue}}, end, false)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range same {
		for _, v := range e.Change {
			if math.Abs(v) > 1e-5 {
				t.Errorf("%s patched with itself changes %g", e.Sender, v)
			}
		}
	}
	if none, err := w.ToInputs(graph.AllHeads(m.Config()), end, []graph.Receiver{{Part: graph.Head(0, 0), Input: graph.ToQuery}}, end, false); err != nil || len(none) != 0 {
		t.Errorf("heads before layer 0: %v, %v", none, err)
	}
}

// In an AND gate either head is all that its query needs; in an OR gate it is
// nothing. Paths that there are not have no effect at all.
func TestPathsOfGates(t *testing.T) {
	for gate, want := range map[int]float64{modeltest.AND: -1, modeltest.OR: 0} {
		m, err := model.Open(modeltest.Gate(t, gate))
		if err != nil {
			t.Fatal(err)
		}
		k := &task.Task{Name: "gate", Pairs: task.Pairs{Metric: model.Logit(model.IDs(0)), Clean: m.Rows([][]int32{{0, 2, 1}}), Corrupted: m.Rows([][]int32{{0, 1, 1}})}}
		end := hook.Positions{Rows: [][]int{{2}}}
		w, err := discover.NewWalk(m, k)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range []struct {
			input graph.Input
			want  float64
		}{{graph.ToQuery, want}, {graph.ToKey, 0}, {graph.ToValue, 0}} {
			effects, err := w.ToInputs(graph.AllHeads(m.Config()), end, []graph.Receiver{{Part: graph.Head(1, 0), Input: c.input}}, end, true)
			if err != nil || len(effects) != 2 {
				t.Fatal(effects, err)
			}
			for _, e := range effects {
				if math.Abs(e.Change[0]-c.want) > 1e-5 { // modeltest.Gate is right to 1e-6
					t.Errorf("gate %d: %s to the %s of 1.0 changes %g, want %g", gate, e.Sender, c.input, e.Change[0], c.want)
				}
			}
		}
		direct, err := w.ToLogits(graph.AllHeads(m.Config()), end)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range direct {
			if e.Change[0] != 0 { // the corrupted 1.0 rests on positions that write nothing
				if e.Sender != graph.Head(1, 0) || math.Abs(e.Change[0]+1) > 1e-5 {
					t.Errorf("gate %d: %s to the logits changes %g", gate, e.Sender, e.Change[0])
				}
			}
		}
	}
}
