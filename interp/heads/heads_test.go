package heads_test

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/golens/golens/interp"
	"github.com/golens/golens/interp/heads"
	"github.com/golens/golens/model"
	"github.com/golens/golens/model/modeltest"
)

// tight is what float32 sums of some hundred terms may be off by.
const tight = 1e-5

func open(t testing.TB) *model.Model {
	t.Helper()
	m, err := model.Open("zoo:induction")
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// The scores of the hand-made network are known: see its model card.
func TestPlantedScores(t *testing.T) {
	m := open(t)
	data := heads.Repeated{Samples: 3, Seed: 7}
	for _, c := range []struct {
		name  string
		score func() (*interp.Result, error)
		want  map[[2]int]float64 // heads not named must be below below
		below float64
	}{
		{"induction", func() (*interp.Result, error) { return heads.Induction(m, data) }, map[[2]int]float64{{1, 1}: 1}, tight},
		// 1.0 attends to the copies of the token before, among them the one just
		// before: all of it in the first period, a half, a third, a quarter later.
		{"previous token", func() (*interp.Result, error) { return heads.PreviousToken(m, data) },
			map[[2]int]float64{{0, 0}: 1, {1, 0}: (25 + 25./2 + 25./3 + 25./4) / 100}, 0.05},
		// 0.1 attends to all copies and to the token itself.
		{"duplicate token", func() (*interp.Result, error) { return heads.DuplicateToken(m, data) },
			map[[2]int]float64{{0, 1}: (1./2 + 2./3 + 3./4) / 3}, tight},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, err := c.score()
			if err != nil {
				t.Fatal(err)
			}
			for l := range 2 {
				for h := range 3 {
					want, planted := c.want[[2]int{l, h}]
					got := r.At(l, h)
					if planted && math.Abs(got-want) > 0.01 || !planted && got > c.below { // 0.01: head 1.0 at the BOS
						t.Errorf("head %d.%d scores %.5f, want %.5f", l, h, got, want)
					}
				}
			}
		})
	}
}

// A perfect induction head, by the ways in which the literature counts.
func TestWaysToCount(t *testing.T) {
	m := open(t)
	score := func(data heads.Repeated, target heads.Target, mean heads.Mean) float64 {
		t.Helper()
		p, err := data.Prompts(m)
		if err != nil {
			t.Fatal(err)
		}
		r, err := heads.Score(m, p, target, mean)
		if err != nil {
			t.Fatal(err)
		}
		return r.At(1, 1)
	}
	four, twice := heads.Repeated{Samples: 2}, heads.Repeated{Len: 50, Times: 2, Samples: 2}
	bare := twice
	bare.NoBOS = true
	// Of the 51 queries on the diagonal the first stands in the first period.
	// What it attends to there: everything alike, with a BOS of 1 in 50.
	for _, c := range []struct {
		name string
		got  float64
		want float64
	}{
		{"mass", score(four, heads.AfterDuplicates, heads.Mass), 1},
		{"entries", score(four, heads.AfterDuplicates, heads.Entry), 0.5},
		{"TransformerLens' diagonal", score(twice, heads.Offset(49), heads.Mass), (50 + 1./51 + 1./50) / 52},
		{"the other reading of the paper", score(four, func(row []int32, q int) []int {
			keys := heads.Duplicates(row, q)
			for i := range keys {
				keys[i]--
			}
			return keys
		}, heads.Mass), 0},
	} {
		if math.Abs(c.got-c.want) > 1e-3 {
			t.Errorf("%s: %.4f, want %.4f", c.name, c.got, c.want)
		}
	}
	if got := score(bare, heads.Offset(49), heads.Mass); got >= 1 || got < 0.9 {
		t.Errorf("the diagonal without BOS is %.4f; a perfect head scores a little below 1", got)
	}
}

func TestCopying(t *testing.T) {
	m := open(t)
	r, err := heads.Copying(m, heads.Repeated{Samples: 2}, heads.Weighted)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		layer, head int
		want        float64 // NaN: raises nothing of the sample
	}{{0, 0, math.NaN()}, {0, 1, -1}, {1, 0, 1}, {1, 1, 1}} {
		got := r.At(c.layer, c.head)
		if math.IsNaN(c.want) != math.IsNaN(got) || math.Abs(got-c.want) > 1e-3 {
			t.Errorf("head %d.%d: copying score %.4f, want %.4f", c.layer, c.head, got, c.want)
		}
	}
	strongest, err := heads.Copying(m, heads.Repeated{Samples: 2}, heads.Strongest)
	if err != nil {
		t.Fatal(err)
	}
	if got := strongest.At(1, 0); math.Abs(got-1) > 1e-3 { // it attends to one token, and copies it
		t.Errorf("head 1.0 by the strongest attention: %.4f, want 1", got)
	}
}

// The begin token is no key and no output: a head that rests on it has no score,
// and one that copies is not worse for raising it too. A norm behind the heads
// counts with its weight.
func TestCopyingLeavesOutTheBeginToken(t *testing.T) {
	const vocab, context = 10, 8
	rest := vocab // a coordinate that tells the first position
	h := modeltest.ByHand(t, map[string]any{
		"n_head": 3, "d_head": vocab + 1, "n_embd": vocab + 1, "vocab_size": vocab, "n_positions": context, "bos_token_id": 0,
		"norm": "rmsnorm", "norm_at": "after",
	})
	h.Add("pos_embed.W_pos", 1, 0, rest)
	for id := range vocab {
		h.Add("embed.W_E", 1, id, id).Add("unembed.W_U", 1, id, id)
		h.Add("blocks.0.ln1.w", 1, id)
		h.Head(0, 0, "W_Q", id, 0, 30).Head(0, 0, "W_V", id, id, 1).Head(0, 0, "W_O", id, id, 1)
		// Heads 0.1 and 0.2 attend to the token itself and copy it; 0.1 raises the
		// begin token as much. The norm's weight turns the raise of even tokens
		// into its opposite.
		h.Head(0, 1, "W_Q", id, id, 30).Head(0, 1, "W_K", id, id, 1).Head(0, 1, "W_V", id, id, 1).Head(0, 1, "W_O", id, id, 1).Head(0, 1, "W_O", 0, id, 1)
		h.Head(0, 2, "W_Q", id, id, 30).Head(0, 2, "W_K", id, id, 1).Head(0, 2, "W_V", id, id, 1).Head(0, 2, "W_O", id, id, 1)
	}
	h.Head(0, 0, "W_K", rest, 0, 1)
	for id := 2; id < vocab; id += 2 {
		h.Add("blocks.0.ln1.w", -2, id)
	}
	m, err := model.Open(h.Dir())
	if err != nil {
		t.Fatal(err)
	}
	for _, attended := range []heads.Attended{heads.Strongest, heads.Weighted} {
		odd, err := heads.Copying(m, heads.Repeated{Len: 5, Samples: 2, From: []int32{1, 3, 5, 7, 9}}, attended)
		if err != nil {
			t.Fatal(err)
		}
		if got := odd.At(0, 0); !math.IsNaN(got) && attended == heads.Strongest {
			t.Errorf("%s: the head that rests on the begin token scores %g", attended, got)
		}
		if got := odd.At(0, 1); math.Abs(got-1) > tight {
			t.Errorf("%s: the head that raises the begin token beside the attended one scores %g, want 1", attended, got)
		}
		even, err := heads.Copying(m, heads.Repeated{Len: 4, Samples: 2, From: []int32{2, 4, 6, 8}}, attended)
		if err != nil {
			t.Fatal(err)
		}
		if got := even.At(0, 2); math.Abs(got+1) > tight {
			t.Errorf("%s: behind a norm with negative weights the head scores %g, want -1", attended, got)
		}
	}
}

// On a model with random weights every score must agree with its definition,
// written out naively.
func TestDetectAgainstDefinition(t *testing.T) {
	m, err := model.Open(modeltest.Dir())
	if err != nil {
		t.Fatal(err)
	}
	row := []int32{5, 9, 5, 9, 30, 5}
	run, err := heads.Detect(m, m.Rows([][]int32{row}), heads.Previous, heads.Mul)
	if err != nil {
		t.Fatal(err)
	}
	score, err := heads.Score(m, m.Rows([][]int32{row}), heads.Previous, heads.Mass)
	if err != nil {
		t.Fatal(err)
	}
	n := float64(len(row))
	for i, v := range run.Values() {
		// Every query but the first has one target, so that the two differ by
		// the share of queries with one.
		if want := float64(score.Values()[i]) * (n - 1) / n; math.Abs(float64(v)-want) > tight {
			t.Errorf("head %d: detection %.6f, want %.6f", i, v, want)
		}
	}
	abs, err := heads.Detect(m, m.Rows([][]int32{row}), heads.Previous, heads.Abs)
	if err != nil {
		t.Fatal(err)
	}
	for i, v := range abs.Values() {
		// A row of attention sums to 1, so its distance to one target is twice
		// what is not on it; the first query has no target and is off by 1.
		if want := 1 - (2*(n-1)*(1-float64(score.Values()[i]))+1)/n; math.Abs(float64(v)-want) > tight {
			t.Errorf("head %d: abs %.6f, want %.6f", i, v, want)
		}
	}
}

func TestInContext(t *testing.T) {
	m := open(t)
	p, err := heads.Repeated{Len: 50, Times: 2, Samples: 4}.Prompts(m)
	if err != nil {
		t.Fatal(err)
	}
	loss, err := heads.LossByPosition(m, p)
	if err != nil {
		t.Fatal(err)
	}
	score, err := heads.InContext(m, p, heads.InContextPositions{Early: 20, Late: 80, Window: 5})
	if err != nil {
		t.Fatal(err)
	}
	want := 0.0
	for i := range 5 {
		want += (loss.At(80-i) - loss.At(20-i)) / 5
	}
	if got := score.Scalar(); math.Abs(got-want) > tight || got > -3 {
		t.Errorf("score %.4f; the losses give %.4f, and a perfect head less than -3", got, want)
	}
}

// Only the paper's own positions make the paper's score.
func TestInContextIsCalledByWhatItIs(t *testing.T) {
	dir := modeltest.ByHand(t, map[string]any{"d_head": 1, "n_embd": 1, "vocab_size": 4, "n_positions": 512}).Dir()
	m, err := model.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		tokens int
		at     heads.InContextPositions
		title  string
		source string
	}{
		{512, heads.InContextPositions{}, "in-context-learning score", "Olsson et al. 2022"},
		{512, heads.InContextPositions{Early: 40}, "loss at position 500 less loss at 40", "after Olsson et al. 2022"},
		{100, heads.InContextPositions{}, "loss at position 98 less loss at 10", "after Olsson et al. 2022"},
	} {
		r, err := heads.InContext(m, m.Rows([][]int32{make([]int32, c.tokens)}), c.at)
		if err != nil {
			t.Fatal(err)
		}
		if r.Title() != c.title || r.Source != c.source {
			t.Errorf("%d tokens, %+v: %q of %q, want %q of %q", c.tokens, c.at, r.Title(), r.Source, c.title, c.source)
		}
	}
}

func TestRepeatedIsWhatItSays(t *testing.T) {
	m := open(t)
	p, err := heads.Repeated{Len: 5, Times: 3, Samples: 4, Seed: 1}.Prompts(m)
	if err != nil {
		t.Fatal(err)
	}
	again, _ := heads.Repeated{Len: 5, Times: 3, Samples: 4, Seed: 1}.Prompts(m)
	other, _ := heads.Repeated{Len: 5, Times: 3, Samples: 4, Seed: 2}.Prompts(m)
	if fmt.Sprint(p.IDs) != fmt.Sprint(again.IDs) || fmt.Sprint(p.IDs) == fmt.Sprint(other.IDs) {
		t.Error("the seed does not decide the draw")
	}
	for _, row := range p.IDs {
		if row[0] != 0 || len(row) != 16 {
			t.Fatalf("row %v: want BOS and 15 tokens", row)
		}
		seen := map[int32]int{}
		for i, id := range row[1:] {
			if seen[id]++; id != row[1+i%5] {
				t.Errorf("row %v: token %d is not repeated", row, i)
			}
		}
		if len(seen) != 5 || seen[0] > 0 {
			t.Errorf("row %v: want 5 different tokens, none of them BOS", row)
		}
	}
}

func TestErrors(t *testing.T) {
	m := open(t)
	for _, c := range []struct {
		name string
		do   func() error
		want string
	}{
		{"too long", func() error { _, err := heads.Induction(m, heads.Repeated{Times: 9}); return err }, "longer than the context of 128"},
		{"too few tokens", func() error { _, err := heads.Induction(m, heads.Repeated{From: []int32{1, 2}}); return err }, "25 different tokens cannot be drawn from 2"},
		{"negative", func() error { _, err := heads.Induction(m, heads.Repeated{Len: -1}); return err }, "at least 1"},
		{"token that does not exist", func() error {
			_, err := heads.Induction(m, heads.Repeated{Len: 2, From: []int32{1, 99}})
			return err
		}, "99"},
		{"no target", func() error { _, err := heads.Detect(m, m.Tokens("the cat"), nil, heads.Mul); return err }, "no target"},
		{"no target of a score", func() error { _, err := heads.Score(m, m.Tokens("the cat"), nil, 0); return err }, "no target"},
		{"unequal rows", func() error { _, err := heads.LossByPosition(m, m.Tokens("the cat", "the")); return err }, "row 1 has"},
		{"no text", func() error {
			_, err := heads.InContext(m, m.Tokens("the"), heads.InContextPositions{})
			return err
		}, "do not fit"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if err := c.do(); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v; it should say %q", err, c.want)
			}
		})
	}
}
