package model_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/golens/golens/model"
	"github.com/golens/golens/model/hook"
	"github.com/golens/golens/model/modeltest"
	"github.com/golens/golens/model/tally"
)

// corpus is rows of many lengths with labels.
func corpus(vocab, rows int, seed uint64) (all []model.TallyRow) {
	rng := rand.New(rand.NewPCG(seed, 1))
	for range rows {
		row := model.TallyRow{Label: rng.IntN(3)}
		for range 2 + rng.IntN(9) {
			row.Tokens = append(row.Tokens, rng.Int32N(int32(vocab)))
		}
		all = append(all, row)
	}
	return all
}

func tallyOf() model.Tally {
	return model.Tally{Positions: 10, Groups: 3, Reducers: []tally.Reducer{
		{Point: hook.MLPPost(1), Kind: tally.Moments, By: tally.ByLabel},
		{Point: hook.MLPPost(1), Kind: tally.Above, By: tally.ByToken},
		{Point: hook.MLPPost(1), Kind: tally.Top, K: 3},
		{Point: hook.Z(0).Head(1, 2).Coord(0, 3), Kind: tally.Moments, By: tally.ByPosition},
		{Point: hook.ResidPost(1).At(-1), Kind: tally.Histogram, Low: -1, High: 1, Bins: 8},
		{Point: hook.ResidPost(1), Kind: tally.Covariance},
	}}
}

// naiveTally captures everything row by row and reduces it in plain loops.
func naiveTally(t *testing.T, m *model.Model, ask model.Tally, rows []model.TallyRow) *model.TallyResult {
	t.Helper()
	out := &model.TallyResult{Reducers: ask.Reducers}
	for i, row := range rows {
		out.Rows, out.Tokens = out.Rows+1, out.Tokens+int64(len(row.Tokens))
		for k, r := range ask.Reducers {
			got, err := m.Run(model.Request{Rows: [][]int32{row.Tokens}, Captures: []hook.Point{r.Point}})
			if err != nil {
				t.Fatal(err)
			}
			values := got.At(r.Point).Values()
			at := hook.UpTo(len(row.Tokens))
			if !r.Point.Pos.All() {
				at = []int{len(row.Tokens) - 1}
			}
			units := len(values) / len(at)
			if len(out.States) == k {
				groups := map[tally.Group]int{tally.All: 1, tally.ByLabel: 3, tally.ByPosition: 10, tally.ByToken: m.Config().Vocab}[r.By]
				out.States = append(out.States, r.New(units, groups))
			}
			for j, pos := range at {
				group := map[tally.Group]int{tally.ByLabel: row.Label, tally.ByPosition: pos, tally.ByToken: int(row.Tokens[pos])}[r.By]
				r.Add(out.States[k], []int{group}, values[j*units:][:units], int64(i), []int{pos})
			}
		}
	}
	return out
}

func each(rows []model.TallyRow) iter.Seq2[model.TallyRow, error] {
	return func(yield func(model.TallyRow, error) bool) {
		for _, row := range rows {
			if !yield(row, nil) {
				return
			}
		}
	}
}

// sameTally holds tallies to each other: values are equal but for the order in which
// activations were added up, so counts at a threshold may differ by few.
func sameTally(t *testing.T, what string, got, want *model.TallyResult) {
	t.Helper()
	if got.Rows != want.Rows || got.Tokens != want.Tokens {
		t.Errorf("%s: %d rows, %d tokens; want %d, %d", what, got.Rows, got.Tokens, want.Rows, want.Tokens)
	}
	for k, r := range got.Reducers {
		a, b := got.States[k], want.States[k]
		if !slices.Equal(a.Seen, b.Seen) || a.Units != b.Units || a.NaN != 0 {
			t.Fatalf("%s, %s: seen %v and %v, %d and %d units, %d NaN", what, r, a.Seen, b.Seen, a.Units, b.Units, a.NaN)
		}
		off := int64(0)
		for i := range a.Count {
			off += max(a.Count[i]-b.Count[i], b.Count[i]-a.Count[i])
		}
		if off > 4 {
			t.Errorf("%s, %s: counts are %d off", what, r, off)
		}
		for i := range a.Sum {
			for _, v := range [][2]float64{{a.Sum[i].Value(), b.Sum[i].Value()}, {a.Squares[i].Value(), b.Squares[i].Value()}, {float64(a.Max[i]), float64(b.Max[i])}} {
				if math.Abs(v[0]-v[1]) > 1e-4*(1+math.Abs(v[1])) {
					t.Fatalf("%s, %s: value %d is %g, want %g", what, r, i, v[0], v[1])
				}
			}
		}
		for i := range a.Products {
			if math.Abs(a.Products[i]-b.Products[i]) > 1e-3*(1+math.Abs(b.Products[i])) {
				t.Fatalf("%s, %s: product %d is %g, want %g", what, r, i, a.Products[i], b.Products[i])
			}
		}
		for i := range a.Top {
			for j, p := range a.Top[i] {
				if w := b.Top[i][j]; math.Abs(float64(p.Value-w.Value)) > 1e-5*(1+math.Abs(float64(w.Value))) {
					t.Errorf("%s, %s: place %d of unit %d is %v, want %v", what, r, j, i, p, w)
				}
			}
		}
	}
}

// A tally is what full captures give, in whichever pieces, and goes on after a cut.
func TestTallyIsWhatCapturesGive(t *testing.T) {
	for _, name := range []string{"gpt2", "llama_gqa", "gemma2"} {
		m, err := model.Open(modeltest.Families(t)[name])
		if err != nil {
			t.Fatal(err)
		}
		if name != "gpt2" && strings.HasPrefix(m.Info().Backend, "xla") {
			continue // the naive side compiles graphs for every length
		}
		rows := corpus(m.Config().Vocab, 40, 3)
		ask := tallyOf()
		want := naiveTally(t, m, ask, rows)
		whole, err := m.TallyOver(context.Background(), ask, each(rows), nil)
		if err != nil {
			t.Fatal(err)
		}
		sameTally(t, name, whole, want)
		broken := errors.New("the disk is gone")
		first := func(yield func(model.TallyRow, error) bool) {
			yield(model.TallyRow{}, broken)
		}
		part, err := m.TallyOver(context.Background(), ask, each(rows[:13]), nil)
		if err != nil {
			t.Fatal(err)
		}
		part, err = m.TallyOver(context.Background(), ask, first, part)
		if !errors.Is(err, broken) || part.Rows != 13 {
			t.Errorf("after a broken corpus: %v, %d rows", err, part.Rows)
		}
		if part, err = m.TallyOver(context.Background(), ask, each(rows[part.Rows:]), part); err != nil {
			t.Fatal(err)
		}
		sameTally(t, name+" in two pieces", part, want)
		if !reflect.DeepEqual(part.States[2].Top[0], whole.States[2].Top[0]) {
			t.Errorf("places differ: %v and %v", part.States[2].Top[0], whole.States[2].Top[0])
		}
	}
}

// Counts of every neuron, in all and by some of the tokens, are those of captures, to the
// last one; and what is counted by token adds up to what is counted in all.
func TestFiringIsCountedExactly(t *testing.T) {
	m, err := model.Open(modeltest.Random(t, modeltest.Shape{Name: "wide", Layers: 2, Heads: 2, DModel: 16, DMLP: 600, Vocab: ids + 20, Context: 64}, 1))
	if err != nil {
		t.Fatal(err)
	}
	rows := randomRows(8, 64, 3) // of one length, so that both sides run the same products
	want := naiveFiring(t, m, rows)
	ask := firing(2, true)
	ask.Rows = rows
	got, err := m.Tally(ask)
	if err != nil {
		t.Fatal(err)
	}
	for i, r := range ask.Reducers {
		count := got.States[i].Count
		from := want[r.Point.Layer][:ids*600]
		if r.By == tally.All {
			from = want[r.Point.Layer][ids*600:]
		}
		if !slices.Equal(count, from) {
			t.Errorf("%s: the counts differ", r)
		}
	}
	few := model.Tally{Rows: rows, Reducers: []tally.Reducer{{Point: hook.MLPPost(1), Kind: tally.Above, By: tally.ByToken, Tokens: []int32{7, 3}}}}
	if got, err = m.Tally(few); err != nil {
		t.Fatal(err)
	}
	for i, id := range few.Reducers[0].Tokens {
		if !slices.Equal(got.States[0].Count[i*600:][:600], want[1][int(id)*600:][:600]) {
			t.Errorf("token %d of two: the counts differ", id)
		}
	}
}

func TestTalliesThatAreWrong(t *testing.T) {
	m := open(t)
	rows := [][]int32{{1, 2, 3}, {4, 5}}
	moments := func(p hook.Point) []tally.Reducer { return []tally.Reducer{{Point: p, Kind: tally.Moments}} }
	for want, ask := range map[string]model.Tally{
		"give a reducer":      {Rows: rows},
		"has layers 0 to 2":   {Rows: rows, Reducers: moments(hook.Z(7))},
		"have no labels":      {Rows: rows, Reducers: []tally.Reducer{{Point: hook.Z(0), Kind: tally.Moments, By: tally.ByLabel}}},
		"1 labels for 2":      {Rows: rows, Labels: []int{1}, Reducers: moments(hook.Z(0))},
		"label 5 of row 0":    {Rows: rows, Labels: []int{5, 0}, Groups: 2, Reducers: moments(hook.Z(0))},
		"a row of 3 tokens":   {Rows: rows, Positions: 2, Reducers: moments(hook.Z(0))},
		"the budget is":       {Rows: rows, Budget: 10, Reducers: moments(hook.Z(0))},
		"position 2 does not": {Rows: rows, Reducers: moments(hook.Z(0).At(2))},
		"named twice":         {Rows: rows, Reducers: []tally.Reducer{{Point: hook.Z(0), Kind: tally.Above, By: tally.ByToken, Tokens: []int32{3, 3}}}},
		"token 9999 is":       {Rows: rows, Reducers: []tally.Reducer{{Point: hook.Z(0), Kind: tally.Above, By: tally.ByToken, Tokens: []int32{9999}}}},
		"not kept apart by t": {Rows: rows, Reducers: []tally.Reducer{{Point: hook.Z(0), Kind: tally.Above, Tokens: []int32{3}}}},
		"of its own for each": {Rows: rows, Reducers: moments(hook.Z(0).In(hook.Each([]int{0, 1})))},
	} {
		if _, err := m.Tally(ask); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v; it should say %q", err, want)
		}
	}
}

// A tally stops when its context does.
func TestTallyStops(t *testing.T) {
	m := open(t)
	ctx, cancel := context.WithCancel(context.Background())
	rows := corpus(m.Config().Vocab, 8, 1)
	walk := func(yield func(model.TallyRow, error) bool) {
		for _, row := range rows {
			if !yield(row, nil) {
				return
			}
		}
		cancel()
	}
	if _, err := m.TallyOver(ctx, tallyOf(), walk, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}

// What the second layer's heads write, over a corpus of two rows.
func ExampleModel_Tally() {
	m, err := model.Open("zoo:induction")
	if err != nil {
		fmt.Println(err)
		return
	}
	moments := tally.Reducer{Point: hook.AttnOut(1), Kind: tally.Moments}
	r, err := m.Tally(model.Tally{
		Rows:     [][]int32{m.Tokens("the cat sat").IDs[0], m.Tokens("the dog ran the dog").IDs[0]},
		Reducers: []tally.Reducer{moments},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(r.Rows, "rows,", r.Tokens, "tokens,", r.States[0].Units, "units; means", moments.Mean(r.States[0]).Shape())
	// Output: 2 rows, 10 tokens, 320 units; means [320]
}
