package model_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/golens/golens/model"
	"github.com/golens/golens/model/hook"
	"github.com/golens/golens/model/modeltest"
)

// encoders are the families' models that do not generate.
var encoders = map[string]bool{"bert": true, "roberta": true, "distilbert": true}

// decoders are the folders of the families' models that generate, how many
// tokens to add, as many as outgrow the cache's first size, and whether to do it
// without edits too, as CI does. Where each graph compiles all this is less: two
// structures.
func decoders(t *testing.T) (families map[string]string, n int, plainToo bool) {
	families = modeltest.Families(t)
	maps.DeleteFunc(families, func(name, _ string) bool { return encoders[name] })
	families, n = few(families, "gpt2", "gemma3_text"), 14
	if strings.HasPrefix(open(t).Info().Backend, "xla") {
		n = 9
	}
	return families, n, os.Getenv("GOLENS_SLOW") != "" && n == 14
}

// A generation is as the naive one, which runs the whole row for each token.
func TestGenerationIsTheNaiveOne(t *testing.T) {
	families, n, plainToo := decoders(t)
	for _, name := range slices.Sorted(maps.Keys(families)) {
		t.Run(name, func(t *testing.T) {
			m, err := model.Open(families[name])
			if err != nil {
				t.Fatal(err)
			}
			rows := [][]int32{{5, 9, 11, 4, 2, 8, 1}, {7}, {3, 3, 6, 12}}
			plain := m.Rows(rows).Complete(n).Capture(hook.Pattern(1), hook.Scores(0).Head(1), hook.ResidPost(1), hook.Z(0).Head(0).At(2, 9).Row(0, 2),
				hook.K(1), hook.Logits().At(-1), hook.Pattern(0).At(-1).Coord(0, 3), hook.Embed())
			if plainToo {
				modeltest.SameAsNaive(t, m, plain)
			}
			dir := make([]float32, m.Config().DModel)
			for i := range dir {
				dir[i] = float32(i%5) - 2
			}
			edited := plain.Sample(1.3, 7).Edit(hook.Z(0).Head(1).Zero(), hook.ResidPre(1).At(-1).Add(hook.Vec(dir...)),
				hook.ResidPost(0).Row(0, 2).At(-2, -1).Scale(3), hook.MLPOut(0).At(0, 10).Row(0, 2).Zero(), hook.Pattern(1).Head(0).Coord(0).Zero(),
				hook.V(1).At(8).Row(0).Clamp(-0.1, 0.1), hook.ResidPre(1).Row(1).ProjectOut(hook.Vec(dir...)))
			modeltest.SameAsNaive(t, m, edited)
		})
	}
}

// What a generation captures is what a run on its rows has, but for their last
// tokens.
func TestGenerationCapturesAsARun(t *testing.T) {
	m := open(t)
	points := []hook.Point{hook.Pattern(2), hook.Scores(0).Head(1).At(3, 5), hook.Q(1).Row(0), hook.LNFinalNormalized(), hook.Logits().At(4), hook.MLPPost(2).Coord(3, 4)}
	g, err := m.Complete(m.Rows([][]int32{{5, 9, 11, 4}, {7}}).Complete(6).Capture(points...).Sample(1, 3))
	if err != nil {
		t.Fatal(err)
	}
	var rows [][]int32
	for _, row := range g.Prompts.IDs {
		rows = append(rows, row[:len(row)-1])
	}
	run := run(t, m, model.Request{Rows: rows}.Capture(points...))
	for _, p := range points {
		if a, b := g.At(p), run.At(p); !slices.Equal(a.Shape(), b.Shape()) || !(modeltest.MaxDiff(a, b) < modeltest.GenerationTolerance) {
			t.Errorf("%s has shape %v and differs by %g from that of a run, of shape %v", p, a.Shape(), modeltest.MaxDiff(a, b), b.Shape())
		}
	}
}

func TestGenerationStops(t *testing.T) {
	m := open(t)
	p := m.Rows([][]int32{{5, 9, 11, 4, 2}, {7}, {3, 3}})
	free, err := m.Complete(p.Complete(8).Sample(1.5, 11))
	if err != nil {
		t.Fatal(err)
	}
	stop := free.New(0)[2]
	var told [][2]int
	ctx := model.WithProgress(t.Context(), func(done, total int) { told = append(told, [2]int{done, total}) })
	g := p.Complete(8).Sample(1.5, 11).Until(stop).Capture(hook.ResidPost(2), hook.Pattern(0), hook.Z(0).At(4), hook.Logits().At(-1))
	got, err := m.CompleteContext(ctx, g)
	if err != nil {
		t.Fatal(err)
	}
	modeltest.SameAsNaive(t, m, g)
	for r := range p.IDs {
		want, ended := free.New(r), model.EndLength
		if i := slices.Index(want, stop); i >= 0 {
			want, ended = want[:i+1], model.EndStop
		}
		if !slices.Equal(got.New(r), want) || got.Ended[r] != ended || len(got.LogProbs[r]) != len(want) {
			t.Errorf("row %d got %v, ended by %s; without a stop %v", r, got.New(r), got.Ended[r], free.New(r))
		}
	}
	if last := told[len(told)-1]; last != [2]int{24, 24} {
		t.Errorf("progress ended with %v", last)
	}
	short, err := m.Complete(p.Row(0).Complete(8).Sample(1.5, 11).Until(stop).Capture(hook.ResidPost(0), hook.Logits().At(-1), hook.Z(0).At(4, 11)))
	if err != nil {
		t.Fatal(err)
	}
	if a := short.At(hook.ResidPost(0)); a.Dim(hook.Pos) != 5+len(short.New(0))-1 {
		t.Errorf("%d positions of %d tokens", a.Dim(hook.Pos), len(short.Prompts.IDs[0]))
	}
	_, labels := short.At(hook.Logits().At(-1)).Axis(1)
	if !slices.Equal(labels, short.Prompts.Labels[0][5:]) {
		t.Errorf("steps are called %v, tokens %v", labels, short.Prompts.Labels[0][5:])
	}
	if z := short.At(hook.Z(0).At(4, 11)); !math.IsNaN(z.At(0, 1, 0, 0)) || math.IsNaN(z.At(0, 0, 0, 0)) {
		t.Errorf("position 11 of a row that ended before is %g, position 4 %g", z.At(0, 1, 0, 0), z.At(0, 0, 0, 0))
	}
}

// The tokens of Hugging Face's generate(), which pads on the left
// (modeltest/testdata/make_generations.py): to the full length, and until a stop
// token.
func TestGenerationEqualsHuggingFace(t *testing.T) {
	families, _, _ := decoders(t)
	data, err := os.ReadFile(filepath.Join(filepath.Dir(modeltest.Dir()), "generations.json"))
	if err != nil {
		t.Fatal(err)
	}
	var recorded map[string]struct {
		Prompts, Tokens, Stopped [][]int32
		New                      int
		Stop                     int32
	}
	if err := json.Unmarshal(data, &recorded); err != nil {
		t.Fatal(err)
	}
	for _, name := range slices.Sorted(maps.Keys(families)) {
		t.Run(name, func(t *testing.T) {
			want, ok := recorded[name]
			if !ok {
				t.Fatal("nothing is recorded")
			}
			m, err := model.Open(families[name])
			if err != nil {
				t.Fatal(err)
			}
			for _, c := range []struct {
				g    model.Generation
				want [][]int32
			}{
				{m.Rows(want.Prompts).Complete(want.New), want.Tokens},
				{m.Rows(want.Prompts).Complete(want.New).Until(want.Stop), want.Stopped},
			} {
				got, err := m.Complete(c.g)
				if err != nil {
					t.Fatal(err)
				}
				for i, row := range c.want {
					if !slices.Equal(got.Prompts.IDs[i], row) {
						t.Errorf("row %d, stop %v: %v, Hugging Face has %v", i, c.g.Stop, got.New(i), row[len(want.Prompts[i]):])
					}
				}
			}
		})
	}
}

// A row's tokens depend on the seed and on the row, not on its neighbours.
func TestGenerationBySeed(t *testing.T) {
	m := open(t)
	p := m.Rows([][]int32{{5, 9, 11}, {7, 1}, {5, 9, 11}, {5, 9, 11}})
	complete := func(p model.Prompts, seed uint64) [][]int32 {
		t.Helper()
		g, err := m.Complete(p.Complete(12).Sample(2, seed))
		if err != nil {
			t.Fatal(err)
		}
		return g.Prompts.IDs
	}
	first := complete(p, 1)
	if again := complete(p, 1); fmt.Sprint(first) != fmt.Sprint(again) {
		t.Errorf("the same seed gave %v, then %v", first, again)
	}
	if alone := complete(p.Row(1), 1); !slices.Equal(alone[0], first[1]) {
		t.Errorf("alone %v, among others %v", alone[0], first[1])
	}
	if alone := complete(p.Row(0), 1); !slices.Equal(alone[0], first[0]) {
		t.Errorf("alone %v, among others %v", alone[0], first[0])
	}
	if slices.Equal(first[0], first[2]) || slices.Equal(first[2], first[3]) || slices.Equal(first[0], first[3]) {
		t.Errorf("copies of a row got the same draws: %v", first)
	}
	if other := complete(p, 2); slices.Equal(other[1], first[1]) {
		t.Errorf("another seed gave the same tokens: %v", other)
	}
}

func TestBadGenerations(t *testing.T) {
	m := open(t)
	p := m.Rows([][]int32{{5, 9, 11}, {7}})
	with := func(change func(*model.Generation)) model.Generation {
		g := p.Complete(4)
		change(&g)
		return g
	}
	for name, c := range map[string]struct {
		g    model.Generation
		want string
	}{
		"nothing new":     {p.Complete(0), "at least 1"},
		"no rows":         {model.Generation{New: 1}, "no rows"},
		"cold":            {p.Complete(4).Sample(-1, 0), "temperature -1"},
		"no temperature":  {p.Complete(4).Sample(math.NaN(), 0), "temperature NaN"},
		"top p":           {with(func(g *model.Generation) { g.Temperature, g.TopP = 1, 1.5 }), "a share of 1.5"},
		"top k":           {with(func(g *model.Generation) { g.Temperature, g.TopK = 1, -2 }), "-2 likeliest"},
		"greedy top k":    {with(func(g *model.Generation) { g.TopK = 5 }), "set Temperature"},
		"stop token":      {p.Complete(4).Until(97), "stop token 97 is outside of the vocabulary of 97"},
		"too long":        {p.Complete(m.Config().Context - 2), "row 0 of 3 tokens and 62 new ones make 65; the model's context holds 64"},
		"source":          {p.Complete(4).Edit(hook.Z(0).FromSource()), "only the variants of a sweep"},
		"freeze":          {p.Complete(4).Edit(hook.Z(0).Freeze()), "only the variants of a sweep"},
		"edit too far":    {p.Complete(4).Edit(hook.Z(0).At(4).Zero()), "position 4 does not exist in row 1 of 4"},
		"edit before":     {p.Complete(4).Edit(hook.Z(0).At(-2).Zero()), "position -2 does not exist in row 1, whose prompt has 1"},
		"edit nowhere":    {p.Complete(4).Edit(hook.Z(9).Zero()), "layers 0 to 2"},
		"direction":       {p.Complete(4).Edit(hook.Pattern(0).ProjectOut(hook.Vec(1, 2, 3, 4, 5, 6))), "axis of keys grows"},
		"capture":         {p.Complete(4).Capture(hook.Z(0).At(-2)), "take At(-1)"},
		"capture too far": {p.Complete(4).Capture(hook.Z(0).At(6)), "position 6 does not exist"},
		"capture nowhere": {p.Complete(4).Capture(hook.Z(0).Head(4)), "head 4 does not exist"},
		"budget":          {with(func(g *model.Generation) { g.Captures, g.Budget = []hook.Point{hook.Logits()}, 1000 }), "over the budget"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := m.Complete(c.g); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
	if got, err := m.Complete(p.Complete(m.Config().Context - 3)); err != nil || len(got.Prompts.IDs[0]) != m.Config().Context {
		t.Errorf("a row cannot fill the context: %v", err)
	}
	encoder, err := model.Open(modeltest.Families(t)["bert"])
	if err != nil {
		t.Fatal(err)
	}
	if _, err := encoder.Complete(encoder.Rows([][]int32{{1, 2}}).Complete(1)); err == nil || !strings.Contains(err.Error(), "encoder") {
		t.Errorf("an encoder: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ctx = model.WithProgress(ctx, func(done, _ int) { cancel() })
	if _, err := m.CompleteContext(ctx, p.Complete(50)); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled after a token: %v", err)
	}
}

// A large batch is cut; a row is continued as it is alone.
func TestGenerationOfManyRows(t *testing.T) {
	m := open(t)
	var rows [][]int32
	for i := range 21 { // more than two processors' worth
		rows = append(rows, nil)
		for j := range 1 + i*5%9 {
			rows[i] = append(rows[i], int32((7*i+3*j)%97))
		}
	}
	at := make([][]int, len(rows)) // a position of each row
	for i := range at {
		at[i] = []int{i % 5}
	}
	edit := hook.ResidPre(1).In(hook.Positions{Rows: at}).Scale(2)
	all, err := m.Complete(m.Rows(rows).Complete(5).Sample(1.5, 4).Edit(edit).Capture(hook.ResidPost(2).At(3)))
	if err != nil {
		t.Fatal(err)
	}
	for i := range rows {
		edit := hook.ResidPre(1).At(at[i]...).Scale(2)
		one, err := m.Complete(m.Rows(rows[i:i+1]).Complete(5).Sample(1.5, 4).Edit(edit).Capture(hook.ResidPost(2).At(3)))
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(one.New(0), all.New(i)) {
			t.Errorf("row %d: alone %v, in the batch %v", i, one.New(0), all.New(i))
		}
		if d := modeltest.MaxDiff(one.Captures[0].Array, all.Captures[0].Array.Select(hook.Batch, i)); !(d < modeltest.GenerationTolerance) {
			t.Errorf("row %d differs by %g", i, d)
		}
	}
}
