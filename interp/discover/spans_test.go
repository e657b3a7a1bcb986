package discover_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/golens/golens/interp/discover"
	"github.com/golens/golens/interp/task"
	"github.com/golens/golens/model"
	"github.com/golens/golens/model/hook"
	"github.com/golens/golens/model/modeltest"
)

// In one layer of attention the edges inside heads measure what a single key or
// value does, exactly.
func TestEdgesAcrossPositionsAreExact(t *testing.T) {
	const vocab, d, dHead, heads = 7, 6, 2, 3
	h := modeltest.ByHand(t, map[string]any{"n_layer": 1, "n_head": heads, "d_head": dHead, "n_embd": d, "vocab_size": vocab, "n_positions": 5})
	rng := rand.New(rand.NewPCG(3, 2))
	for i := range d {
		for v := range vocab {
			h.Add("embed.W_E", float32(rng.NormFloat64()), v, i).Add("unembed.W_U", float32(rng.NormFloat64()), v, i)
		}
		for head := range heads {
			for k := range dHead {
				for _, w := range []string{"W_Q", "W_K", "W_V", "W_O"} {
					h.Head(0, head, w, i, k, float32(rng.NormFloat64())/2)
				}
			}
		}
	}
	m, err := model.Open(h.Dir())
	if err != nil {
		t.Fatal(err)
	}
	at := func(positions ...int) hook.Positions { return hook.Each(positions) }
	k := &task.Task{Name: "places", Table: []task.Place{{Name: "A", Positions: at(1, 0)}, {Name: "END", Positions: at(-1, -1)}}, Pairs: task.Pairs{
		Clean: m.Rows([][]int32{{1, 2, 3, 4}, {5, 6, 1}}), Corrupted: m.Rows([][]int32{{3, 5, 0, 1}, {2, 4, 4}}), Metric: model.LogitDiff(model.IDs(3), model.IDs(5)),
	}}
	got, err := (&discover.Search{Model: m, Task: k}).Spans(discover.Scoring{}, false)
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Spans) != 3 || got.Spans[2] != discover.Elsewhere {
		t.Fatalf("spans %q", got.Spans)
	}
	for row, pos := range []int{1, 0} { // what A is
		clean, corrupted := k.Clean.Row(row), k.Corrupted.Row(row)
		for head := range heads {
			for i, p := range []hook.Point{hook.K(0).Head(head).At(pos), hook.V(0).Head(head).At(pos)} {
				other, err := m.Run(corrupted.Capture(p))
				if err != nil {
					t.Fatal(err)
				}
				run := func(r model.Request) float64 {
					res, err := m.Run(r.Metric(k.Metric))
					if err != nil {
						t.Fatal(err)
					}
					return res.Metric()
				}
				want := run(clean.Edit(p.Replace(other.At(p)))) - run(clean.Request())
				if v := got.Across.Samples.At(row, 1, 0, head, i); math.Abs(v-want) > 1e-4 {
					t.Errorf("row %d, head %d, input %d: %.5f, exactly %.5f", row, head, i, v, want)
				}
			}
		}
	}
}

// The scores of all spans together are those of the edges, in a model with queries
// that share keys.
func TestSpansAddUp(t *testing.T) {
	s, m := recordedModel(t, "llama_gqa")
	pairs := s.Task.Paired()
	k := &task.Task{Name: "places", Pairs: pairs, Table: []task.Place{{Name: "A", Positions: hook.Positions{Rows: [][]int{{3}}}}, {Name: "END", Positions: hook.Positions{Rows: [][]int{{-1}}}}}}
	search := &discover.Search{Model: m, Task: k}
	for _, o := range []discover.Scoring{{}, {Method: discover.InputsIG, Steps: 2}} {
		spans, err := search.Spans(o, false)
		if err != nil {
			t.Fatal(err)
		}
		all, err := search.Scores(o)
		if err != nil {
			t.Fatal(err)
		}
		sum := spans.Same.Sum("span")
		for u, v := range all.Graph.All().Edges() {
			if math.Abs(sum.At(u, v)-all.At(u, v)) > 1e-4 {
				t.Errorf("%s, %s: %.5f at all spans, %.5f", o, all.Graph.Edge(u, v), sum.At(u, v), all.At(u, v))
			}
		}
		sizes, err := search.Spans(o, true)
		if err != nil || sizes.Same.At(0, 0, 0) < 0 {
			t.Errorf("%v", err)
		}
	}
	if _, err := s.Spans(discover.Scoring{}, false); err == nil {
		t.Error("pairs have no named positions")
	}
}
