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

// Heads 1.0 and 1.1 share a key and a value. Head 0.0 writes what 1.1 alone reads
// by its query from the key, and what 1.0 alone passes on of the value: the path
// to a head's own key and value is its own, and the one to the other's is 0.
func TestPathsToSharedKeysAndValuesAreEachHeadsOwn(t *testing.T) {
	const (
		vocab              = 4
		copied, one, first = vocab, vocab + 1, vocab + 2 // coordinates
		said               = vocab + 3
	)
	h := modeltest.ByHand(t, map[string]any{
		"n_layer": 2, "n_head": 2, "n_kv_head": 1, "d_head": 2, "n_embd": vocab + 4, "vocab_size": vocab, "n_positions": 4,
	})
	for id := range vocab {
		h.Add("embed.W_E", 1, id, id).Add("embed.W_E", 1, id, one)
	}
	h.Add("pos_embed.W_pos", 1, 0, first)
	// 0.0 writes, at every position, whether the first token is 1: all attend to it.
	h.Head(0, 0, "W_Q", one, 0, 30).Head(0, 0, "W_K", first, 0, 1)
	h.Head(0, 0, "W_V", 1, 1, 1).Head(0, 0, "W_O", copied, 1, 1)
	// The key of layer 1 is what was copied. 1.1 reads it by its query and looks
	// away from the first position less; 1.0 does not.
	h.Head(1, 0, "W_K", copied, 0, 1).Head(1, 0, "W_V", copied, 1, 1).Head(1, 0, "W_V", first, 0, 1)
	h.Head(1, 1, "W_Q", one, 0, 2)
	h.Head(1, 0, "W_O", said, 1, 1) // passes on the value's second coordinate
	h.Head(1, 1, "W_O", said, 0, 1) // and 1.1 the first, how much it looks at the first position
	h.Add("unembed.W_U", 1, 0, said)
	m, err := model.Open(h.Dir())
	if err != nil {
		t.Fatal(err)
	}
	end := hook.Positions{Rows: [][]int{{2}}}
	k := &task.Task{
		Name: "shared", Table: []task.Place{{Name: "END", Positions: end}},
		Pairs: task.Pairs{
			Clean: m.Rows([][]int32{{1, 2, 3}}), Corrupted: m.Rows([][]int32{{0, 2, 3}}), Metric: model.Logit(model.IDs(0)).In(end),
		},
	}
	w, err := discover.NewWalk(m, k)
	if err != nil {
		t.Fatal(err)
	}
	both := []graph.Part{graph.Head(1, 0), graph.Head(1, 1)}
	receivers := append(discover.Inputs(both, graph.ToKey), discover.Inputs(both, graph.ToValue)...)
	last := hook.Positions{Rows: [][]int{{1}}} // at one position, so that a key stands out
	effects, err := w.ToInputs([]graph.Part{graph.Head(0, 0)}, last, receivers, last, true)
	if err != nil {
		t.Fatal(err)
	}
	// With the key at 1 gone 1.1 looks at the first position and at 2 with exp(2)
	// each and at 1 with 1. Of the value at 1 head 1.0, which looks at all three
	// alike, passes on a third.
	e2 := math.Exp(2)
	want := []float64{0, e2/(2*e2+1) - 1./3, -1. / 3, 0}
	for i, e := range effects {
		if got := e.Change[0]; math.Abs(got-want[i]) > 1e-6 {
			t.Errorf("0.0 to %s of %s: %g, want %g", e.To.Input, e.To.Part, got, want[i])
		}
	}
	// Both together are the sum here, where they speak to different inputs.
	for _, c := range []struct {
		receivers []graph.Receiver
		want      float64
	}{{receivers[:2], want[1]}, {receivers[2:], want[2]}, {receivers[1:2], want[1]}} {
		together, err := w.ToInputs([]graph.Part{graph.Head(0, 0)}, last, c.receivers, last, false)
		if err != nil {
			t.Fatal(err)
		}
		if got := together[0].Change[0]; math.Abs(got-c.want) > 1e-6 {
			t.Errorf("to %v together: %g, want %g", c.receivers, got, c.want)
		}
	}
}
