package edge_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/golens/golens/model/array"
	"github.com/golens/golens/model/config"
	"github.com/golens/golens/model/edge"
	"github.com/golens/golens/model/hook"
)

var small = config.Config{Family: "gpt2", Layers: 12, Heads: 12, KVHeads: 12, DMLP: 3072}

// The counts are those that papers print, or follow from the sizes.
func TestCounts(t *testing.T) {
	for name, c := range map[string]struct {
		config                    config.Config
		senders, receivers, edges int
	}{
		"gpt2 small":     {small, 157, 445, 32491}, // Hanna et al. 2024
		"grouped":        {config.Config{Layers: 1, Heads: 4, KVHeads: 2, DMLP: 8}, 6, 10, 8 + 5 + 6},
		"attention only": {config.Config{Layers: 2, Heads: 2, KVHeads: 2}, 5, 13, 6 + 6*3 + 5},
		"parallel":       {config.Config{Layers: 1, Heads: 2, KVHeads: 2, DMLP: 8, Parallel: true}, 4, 8, 7 + 4},
	} {
		g, err := edge.Of(c.config)
		if err != nil {
			t.Fatal(err)
		}
		if len(g.Senders) != c.senders || len(g.Receivers) != c.receivers || g.Edges() != c.edges {
			t.Errorf("%s: %d senders, %d receivers, %d edges; want %d, %d, %d", name, len(g.Senders), len(g.Receivers), g.Edges(), c.senders, c.receivers, c.edges)
		}
	}
	if _, err := edge.Of(config.Config{Family: "bert", NormAt: config.NormOnSum}); err == nil {
		t.Error("a stream that is normed on the sum has no edges")
	}
}

func TestCuts(t *testing.T) {
	g, err := edge.Of(small)
	if err != nil {
		t.Fatal(err)
	}
	r, s := g.Receiver(hook.MLPIn(3)), g.Sender(hook.HeadResult(3).Head(11))
	c := g.Cut("one")
	g.Add(c, r, s)
	if err := g.Check(c, 2, 5); err != nil || !g.Has(c, r, s) || g.At(c, 1, 4, r, s) != 1 || g.Has(c, r, s-1) {
		t.Errorf("one edge: %v", err)
	}
	if g.Restore(c, r, s); g.Has(c, r, s) {
		t.Error("a restored edge is still cut")
	}
	all, n := g.All(), 0
	for r := range g.Receivers {
		for s := range g.Senders {
			if g.Has(all, r, s) {
				n++
			}
		}
	}
	if n != g.Edges() || g.Check(all, 1, 1) != nil {
		t.Errorf("%d edges of %d in all", n, g.Edges())
	}
	tiny, _ := edge.Of(config.Config{Layers: 1, Heads: 1, KVHeads: 1, DMLP: 1})
	share := func(n int, at int, v float32, axes ...array.Axis) edge.Cut {
		x := make([]float32, n)
		x[at] = v
		return edge.Cut{Share: array.Of(x, axes...)}
	}
	R, S := array.Dim("receiver", 5), array.Dim("sender", 3)
	for name, bad := range map[string]edge.Cut{
		"give either":           {},
		"reads before":          share(15, 1, 1, R, S), // head 0 does not feed its own query
		"lie between":           share(15, 0, 1.5, R, S),
		"may be left out":       share(30, 0, 1, array.Dim("pos", 2), R, S),
		"words of edges; 5 rec": {Whole: []uint64{1, 2}},
		"for a batch of 1":      {Whole: []uint64{0}, Places: []edge.Places{{}}},
		"position 7 of row 0":   {Whole: []uint64{0}, Places: []edge.Places{{At: [][]int{{7}}}}},
		"before the sender":     {Whole: []uint64{0}, Places: []edge.Places{{Sender: 1, Receivers: []int{0}, At: [][]int{{0}}}}},
		"sender 9; there are":   {Whole: []uint64{0}, Places: []edge.Places{{Sender: 9}}},
	} {
		if err := tiny.Check(bad, 1, 3); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("error %v; it should say %q", err, name)
		}
	}
	byPos := share(45, 15, 0.5, array.Dim("pos", 3), R, S)
	if err := tiny.Check(byPos, 1, 3); err != nil || tiny.At(byPos, 0, 1, 0, 0) != 0.5 || tiny.At(byPos, 0, 0, 0, 0) != 0 || !tiny.Has(byPos, 0, 0) {
		t.Errorf("by position: %v", err)
	}
}

func ExampleGraph() {
	g, _ := edge.Of(small)
	fmt.Println(len(g.Senders), "senders,", len(g.Receivers), "receivers,", g.Edges(), "edges")
	fmt.Println(g.Senders[1], "to", g.Receivers[36])
	// Output:
	// 157 senders, 445 receivers, 32491 edges
	// blocks.0.attn.hook_result{head=[0]} to blocks.0.hook_mlp_in
}
