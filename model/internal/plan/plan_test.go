package plan_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/golens/golens/model/config"
	"github.com/golens/golens/model/hook"
	"github.com/golens/golens/model/internal/plan"
)

// gpt is a small GPT, in which attention comes before the MLP.
var gpt = config.Config{Layers: 3, DModel: 8, Heads: 2, KVHeads: 2, DHead: 4, DMLP: 16, Vocab: 10, Context: 64, Norm: config.NormLayer, Position: config.PosLearned}

func exact(c config.Config, workers int) plan.Machine {
	return plan.Machine{Config: c, Exact: true, Workers: workers}
}

// last reads one logit at the last position.
func last(lens ...int) []plan.Objective {
	return []plan.Objective{{
		At: func(row int) []int { return []int{lens[row] - 1} }, Tokens: func(int) []int32 { return []int32{3} },
		Eval: func(_, _ int, x []float32, _ func(int, float64)) float64 { return float64(x[0]) },
	}}
}

func rows(lens ...int) [][]int32 {
	all := make([][]int32, len(lens))
	for i, n := range lens {
		for pos := range n {
			all[i] = append(all[i], int32(pos))
		}
	}
	return all
}

// describe writes a row as "1 attends 2-5>5, 2 z 5>5, final 5": of each block what
// is computed or given, the positions that it takes and those that it computes.
func describe(r plan.Row) string {
	span := func(list []int) string {
		switch n := len(list); {
		case n == 0:
			return "-"
		case n == 1:
			return fmt.Sprint(list[0])
		case list[n-1]-list[0] == n-1:
			return fmt.Sprintf("%d-%d", list[0], list[n-1])
		}
		return strings.Trim(fmt.Sprint(list), "[]")
	}
	var parts []string
	if r.Embeds {
		parts = append(parts, "embed")
	}
	for _, b := range r.Blocks {
		s := fmt.Sprint(b.Layer)
		for _, f := range []struct {
			is   bool
			name string
		}{{b.Attends, "attends"}, {b.GivenZ, "z"}, {b.GivenAttn, "attn"}, {b.GivenMLP, "mlp"}} {
			if f.is {
				s += " " + f.name
			}
		}
		parts = append(parts, fmt.Sprintf("%s %s>%s", s, span(b.In), span(b.Out)))
	}
	if r.Final != nil {
		parts = append(parts, "final "+span(r.Final))
	}
	return strings.Join(parts, ", ")
}

// What a variant changes, as far as something reads it. "given" names what a block
// takes from the base run, with the variant's edits on it.
func TestRows(t *testing.T) {
	parallel := gpt
	parallel.Parallel, parallel.SharedNorm = true, true
	encoder := gpt
	encoder.Encoder = true
	only := gpt
	only.DMLP = 0
	for _, c := range []struct {
		name     string
		config   config.Config
		edits    []hook.Edit
		captures []hook.Point
		want     string // "" if the base run is the answer
	}{
		{"a head at the last position", gpt, []hook.Edit{hook.Z(1).Head(0).At(-1).Zero()}, nil, "1 z 5>5, 2 attends 5>5, final 5"},
		{"a head everywhere", gpt, []hook.Edit{hook.Z(1).Head(0).Zero()}, nil, "1 z 0-5>0-5, 2 attends 0-5>5, final 5"},
		{"a head of the last block", gpt, []hook.Edit{hook.Z(2).Head(0).Zero()}, nil, "2 z 5>5, final 5"},
		{"a head of the last block, elsewhere", gpt, []hook.Edit{hook.Z(2).Head(0).At(3).Zero()}, nil, ""},
		{"the stream from a position on", gpt, []hook.Edit{hook.ResidPre(0).At(2).Zero()}, nil, "0 attends 2-5>2-5, 1 attends 2-5>2-5, 2 attends 2-5>5, final 5"},
		{"what an MLP adds", gpt, []hook.Edit{hook.MLPOut(1).At(3).Zero()}, nil, "1 attn mlp 3>3, 2 attends 3-5>5, final 5"},
		{"a neuron", gpt, []hook.Edit{hook.MLPPost(1).At(3).Coord(2).Zero()}, nil, "1 attn 3>3, 2 attends 3-5>5, final 5"},
		{"a key", gpt, []hook.Edit{hook.K(2).At(1).Zero()}, nil, "2 attends 1-5>5, final 5"},
		{"a query", gpt, []hook.Edit{hook.Q(2).At(1, 5).Zero()}, nil, "2 attends 5>5, final 5"},
		{"a query that nothing reads", gpt, []hook.Edit{hook.Q(2).At(1).Zero()}, nil, ""},
		{"a pattern, scaled", gpt, []hook.Edit{hook.Pattern(2).At(5).Scale(0.5)}, nil, "2 attends 5>5, final 5"},
		{"the embedding", gpt, []hook.Edit{hook.Embed().At(4).Zero()}, nil, "embed, 0 attends 4-5>4-5, 1 attends 4-5>4-5, 2 attends 4-5>5, final 5"},
		{"the last norm", gpt, []hook.Edit{hook.LNFinalNormalized().Scale(2)}, nil, "final 5"},
		{"a scale by 1", gpt, []hook.Edit{hook.Z(0).Scale(1)}, nil, ""},
		{"a freeze", gpt, []hook.Edit{hook.Z(0).Freeze()}, nil, ""},
		{"a stream, frozen again", gpt, []hook.Edit{hook.ResidPre(0).At(2).Zero(), hook.ResidPost(0).Freeze()}, nil, ""},
		{"heads with the rest frozen", gpt, []hook.Edit{hook.Z(0).Head(0).At(5).Zero(), hook.MLPOut(0).Freeze(), hook.Z(1).Freeze(), hook.MLPOut(1).Freeze()}, nil,
			"0 z mlp 5>5, 1 z mlp 5>5, 2 attends 5>5, final 5"},
		{"the source, from where it differs", gpt, []hook.Edit{hook.ResidPre(1).FromSource()}, nil, "1 attends 4-5>4-5, 2 attends 4-5>5, final 5"},
		{"the source, where it does not differ", gpt, []hook.Edit{hook.ResidPre(1).At(1, 3).FromSource()}, nil, ""},
		{"a capture between", gpt, []hook.Edit{hook.Z(0).At(2).Zero()}, []hook.Point{hook.ResidPost(0).At(2, 3)}, "0 z 2>2, 1 attends 2-5>2-5, 2 attends 2-5>5, final 5"},
		{"a capture of keys", gpt, []hook.Edit{hook.Z(1).At(4).Zero()}, []hook.Point{hook.K(2)}, "1 z 4>4, 2 attends 4-5>4-5, final 5"},
		{"a capture before the edit", gpt, []hook.Edit{hook.Z(2).At(5).Zero()}, []hook.Point{hook.ResidPost(0)}, "2 z 5>5, final 5"},
		{"a capture of the embedding", gpt, []hook.Edit{hook.Embed().At(2).Zero(), hook.ResidPost(0).Freeze()}, []hook.Point{hook.Embed()}, "embed, 0 attends 2>2"},
		{"parallel blocks", parallel, []hook.Edit{hook.Z(1).At(5).Zero()}, nil, "1 z mlp 5>5, 2 attends 5>5, final 5"},
		{"attention alone", only, []hook.Edit{hook.AttnOut(1).At(2).Zero()}, nil, "1 attn 2>2, 2 attends 2-5>5, final 5"},
		{"an encoder", encoder, []hook.Edit{hook.MLPOut(1).At(4).Zero()}, nil, "1 attn mlp 4>4, 2 attends 0-5>5, final 5"},
		{"what is masked, written over", gpt, []hook.Edit{hook.Pattern(1).At(5).Zero()}, nil, "1 attends 5>5, 2 attends 5>5, final 5"},
	} {
		t.Run(c.name, func(t *testing.T) {
			source := plan.Job{Tokens: [][]int32{{0, 1, 2, 3, 9, 9}}}
			b := plan.NewBatch(exact(c.config, 1), plan.Sweep{Base: plan.Job{Tokens: rows(6), Metrics: last(6)}, Source: &source,
				Variants: []plan.Variant{{Edits: c.edits}}, Captures: c.captures})
			groups, cost, err := b.Sweep()
			if err != nil {
				t.Fatal(err)
			}
			got := ""
			for _, g := range groups {
				got += describe(g.Rows[0])
			}
			if got != c.want || cost.Rows+cost.Same != 1 {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

// Rows that the same graphs run are a group, whichever layer's weights, heads and
// values these have; those of one base row share a lane.
func TestGroups(t *testing.T) {
	head := func(layer, head, pos int) plan.Variant {
		return plan.Variant{Edits: []hook.Edit{hook.Z(layer).Head(head).At(pos).Zero()}}
	}
	wide := gpt
	wide.DModel, wide.DHead, wide.DMLP = 8192, 4096, 32768
	for _, c := range []struct {
		name     string
		machine  plan.Machine
		lens     []int
		variants []plan.Variant
		want     string // of each group: rows, width, past, chunks of batch, lane
	}{
		{"heads of a layer are one group", exact(gpt, 1), []int{6}, []plan.Variant{head(1, 0, 5), head(1, 1, 5)}, "2 rows, width 1 past 5, 1 of 2, lane 2"},
		{"layers are groups", exact(gpt, 1), []int{6}, []plan.Variant{head(0, 0, 5), head(1, 0, 5)}, "1 rows, width 1 past 5, 1 of 1, lane 1; 1 rows, width 1 past 5, 1 of 1, lane 1"},
		{"widths are groups", exact(gpt, 1), []int{6}, []plan.Variant{head(1, 0, 3), head(1, 1, 5)}, "1 rows, width 3 past 3, 1 of 1, lane 1; 1 rows, width 1 past 5, 1 of 1, lane 1"},
		{"rows of other lengths share a width", exact(gpt, 1), []int{6, 4}, []plan.Variant{head(1, 0, -1), head(1, 1, -1)}, "4 rows, width 1 past 5, 1 of 4, lane 2"},
		{"the last block alone has no past", exact(gpt, 1), []int{6}, []plan.Variant{head(2, 0, 5)}, "1 rows, width 0 past 0, 1 of 1, lane 1"},
		{"workers share a group", exact(gpt, 2), []int{6, 6}, []plan.Variant{head(1, 0, 5), head(1, 1, 5)}, "4 rows, width 1 past 5, 2 of 2, lane 2"},
		{"no lane holds two base rows", exact(gpt, 1), []int{6, 6}, []plan.Variant{head(1, 0, 5), {Edits: head(1, 1, 5).Edits, Rows: []int{0}}}, "3 rows, width 1 past 5, 1 of 3, lane 1"},
		{"an operation more is another graph", exact(gpt, 1), []int{6}, []plan.Variant{head(1, 0, 5), {Edits: []hook.Edit{hook.Z(1).At(5).Zero(), hook.MLPOut(1).At(5).Scale(2)}}},
			"1 rows, width 1 past 5, 1 of 1, lane 1; 1 rows, width 1 past 5, 1 of 1, lane 1"},
		{"widths are rounded where graphs take long to compile", plan.Machine{Config: gpt, Workers: 1}, []int{20}, []plan.Variant{head(1, 0, 10), head(1, 1, 9)}, "2 rows, width 16 past 4, 1 of 2, lane 2"},
		{"little is saved by a width of its own", plan.Machine{Config: wide, Workers: 1}, []int{20}, []plan.Variant{head(1, 0, 10), head(1, 1, 6)}, "2 rows, width 16 past 4, 1 of 2, lane 2"},
		{"much is saved", plan.Machine{Config: wide, Workers: 1}, []int{20}, slices.Repeat([]plan.Variant{head(1, 0, 10), head(1, 1, 6)}, 40),
			"40 rows, width 16 past 4, 1 of 40, lane 40; 40 rows, width 10 past 10, 1 of 40, lane 40"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := plan.NewBatch(c.machine, plan.Sweep{Base: plan.Job{Tokens: rows(c.lens...), Metrics: last(c.lens...)}, Variants: c.variants})
			groups, _, err := b.Sweep()
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, g := range groups {
				got = append(got, fmt.Sprintf("%d rows, width %d past %d, %d of %d, lane %d", len(g.Rows), g.Width, g.Past, len(g.Chunks), g.Batch, g.Lane))
			}
			if s := strings.Join(got, "; "); s != c.want {
				t.Errorf("got  %s\nwant %s", s, c.want)
			}
		})
	}
}

// What a sweep costs follows from the shapes: a table by hand.
func TestCost(t *testing.T) {
	const d, q, mlp = 8, 8, 16 // d_model, heads*d_head, d_mlp
	attends := func(keys, outs, past int) int64 {
		return int64(2 * (outs*d*q + 2*keys*d*q + 2*outs*(past+keys)*q + outs*q*d + 2*outs*d*mlp))
	}
	const logit = 2 * d // one token
	given := int64(2 * (q*d + 2*d*mlp))
	for _, c := range []struct {
		name  string
		edit  hook.Edit
		flops int64
	}{
		{"the last block's heads", hook.Z(2).Head(0).At(-1).Zero(), given + logit},
		{"heads a block before", hook.Z(1).Head(0).At(-1).Zero(), given + attends(1, 1, 5) + logit},
		{"all from the third position on", hook.ResidPre(0).At(2).Zero(), 2*attends(4, 4, 2) + attends(4, 1, 2) + logit},
		{"nothing", hook.Z(0).Freeze(), 0},
	} {
		b := plan.NewBatch(exact(gpt, 1), plan.Sweep{Base: plan.Job{Tokens: rows(6), Metrics: last(6)}, Variants: []plan.Variant{{Edits: []hook.Edit{c.edit}}}})
		_, cost, err := b.Sweep()
		if err != nil {
			t.Fatal(err)
		}
		whole := 3*attends(6, 6, 0) + logit
		if cost.FLOPs != c.flops || cost.Base != whole || cost.Naive != whole {
			t.Errorf("%s: %d multiplications and additions, base %d, naive %d; want %d and %d", c.name, cost.FLOPs, cost.Base, cost.Naive, c.flops, whole)
		}
	}
}

// A budget is kept by smaller chunks, and refused with the number if one row is
// too much.
func TestBudget(t *testing.T) {
	var variants []plan.Variant
	for pos := range 4 {
		for range 16 {
			variants = append(variants, plan.Variant{Edits: []hook.Edit{hook.ResidPre(0).At(pos).Zero()}})
		}
	}
	sweep := plan.Sweep{Base: plan.Job{Tokens: rows(6), Metrics: last(6)}, Variants: variants}
	_, whole, err := plan.NewBatch(exact(gpt, 2), sweep).Sweep()
	if err != nil {
		t.Fatal(err)
	}
	sweep.Budget = whole.Memory / 2
	groups, half, err := plan.NewBatch(exact(gpt, 2), sweep).Sweep()
	if err != nil {
		t.Fatal(err)
	}
	if half.Memory > sweep.Budget || half.FLOPs < whole.FLOPs || half.Rows != whole.Rows {
		t.Errorf("half of the memory: %+v; before: %+v", half, whole)
	}
	for _, g := range groups {
		n := 0
		for _, c := range g.Chunks {
			n += len(c.Rows)
		}
		if n != len(g.Rows) {
			t.Errorf("%d of %d rows are in chunks", n, len(g.Rows))
		}
	}
	sweep.Budget = 100
	if _, _, err := plan.NewBatch(exact(gpt, 2), sweep).Sweep(); err == nil || !strings.Contains(err.Error(), "MB") {
		t.Errorf("100 bytes: %v", err)
	}
}

// What the base run must leave: where rows start, keys and values of their past,
// what fills positions in, and what edits take.
func TestNeeds(t *testing.T) {
	source := plan.Job{Tokens: rows(6)}
	for _, c := range []struct {
		name         string
		edits        []hook.Edit
		base, source []hook.Point
	}{
		{"a stream", []hook.Edit{hook.ResidPre(1).At(2).Zero()}, []hook.Point{hook.K(1), hook.V(1), hook.ResidPre(1), hook.K(2), hook.V(2)}, nil},
		{"a head", []hook.Edit{hook.Z(2).Head(0).Zero()}, []hook.Point{hook.Z(2), hook.ResidPre(2)}, nil},
		{"a freeze", []hook.Edit{hook.ResidPre(2).At(5).Zero(), hook.Z(2).Head(0).Freeze()}, []hook.Point{hook.K(2), hook.V(2), hook.Z(2), hook.ResidPre(2)}, nil},
	} {
		b := plan.NewBatch(exact(gpt, 1), plan.Sweep{Base: plan.Job{Tokens: rows(6), Metrics: last(6)}, Source: &source, Variants: []plan.Variant{{Edits: c.edits}}})
		if _, _, err := b.Sweep(); err != nil {
			t.Fatal(err)
		}
		same := func(got, want []hook.Point) bool {
			return len(got) == len(want) && !slices.ContainsFunc(want, func(p hook.Point) bool { return p.Find(got) < 0 })
		}
		if !same(b.Needs.Base, c.base) || !same(b.Needs.Source, c.source) {
			t.Errorf("%s: needs %v and %v, want %v and %v", c.name, b.Needs.Base, b.Needs.Source, c.base, c.source)
		}
	}
}

// A run is all rows in equal shares, a generation likewise with room for what it
// adds.
func TestPassAndGrowth(t *testing.T) {
	for _, c := range []struct {
		machine plan.Machine
		rows    int
		want    string // width, and the sizes of the chunks
	}{
		{exact(gpt, 2), 5, "6: 3 2"},
		{exact(gpt, 2), 1, "6: 1"},
		{plan.Machine{Config: gpt, Workers: 1}, 5, "8: 5"},
		{plan.Machine{Config: gpt, Workers: 1}, 300, "8: 256 256"},
	} {
		lens := slices.Repeat([]int{6}, c.rows)
		g := plan.NewPass(c.machine, plan.Job{Tokens: rows(lens...), Metrics: last(lens...), Until: 3}).Pass()
		got := fmt.Sprintf("%d:", g.Width)
		for _, chunk := range g.Chunks {
			got += fmt.Sprint(" ", chunk.Size)
		}
		if got != c.want || describe(g.Rows[0]) != "embed, 0 attends ->-, 1 attends ->-, 2 attends ->-, final 5" {
			t.Errorf("%d rows: %s, %s; want %s", c.rows, got, describe(g.Rows[0]), c.want)
		}
	}
	g := plan.NewGrowth(exact(gpt, 2), plan.Generation{Tokens: rows(6, 3), New: 20})
	if got := []int{g.Room(6), g.Room(17), g.Room(24)}; !slices.Equal(got, []int{16, 32, 32}) || g.Width != 6 || len(g.Groups()) != 1 {
		t.Errorf("rooms %v, width %d, %d groups", got, g.Width, len(g.Groups()))
	}
}
