package model_test

import (
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/golens/golens/model"
	"github.com/golens/golens/model/config"
	"github.com/golens/golens/model/hook"
	"github.com/golens/golens/model/modeltest"
)

// streaming is what Xiao et al.'s cache gives on the tiny llama.
func streaming(t *testing.T) (m *model.Model, tokens []int32, want func(name string) [][]float64) {
	t.Helper()
	all := modeltest.OracleIn(t, filepath.Join(modeltest.Dir(), "..", "attention_tools"), "attention_tools.safetensors")
	m, err := model.Open(modeltest.Families(t)["llama"])
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range all["streaming.tokens"].Values() {
		tokens = append(tokens, int32(v))
	}
	return m, tokens, func(name string) [][]float64 {
		a := all["streaming."+name]
		rows := make([][]float64, a.Shape()[0])
		for i := range rows {
			for _, v := range a.Values()[i*a.Shape()[1]:][:a.Shape()[1]] {
				rows[i] = append(rows[i], float64(v))
			}
		}
		return rows
	}
}

// Token by token, the logits are the reference's: keys are turned by their place in
// the cache, or in the text, and what was evicted is not seen.
func TestWindowIsThePublishedCache(t *testing.T) {
	m, tokens, want := streaming(t)
	sizes := [][2]int{{2, 6}, {4, 8}, {0, 8}, {4, 28}}
	if strings.HasPrefix(m.Info().Backend, "xla") {
		sizes = sizes[:1] // each compiles graphs of its own
	}
	for _, size := range sizes {
		for _, inText := range []bool{false, true} {
			w := model.Window{Start: size[0], Recent: size[1], InText: inText}
			name := fmt.Sprintf("start%d.recent%d.shifted", size[0], size[1])
			if inText {
				name = strings.Replace(name, "shifted", "unshifted", 1)
			}
			for _, prompt := range []int{1, min(7, size[0]+size[1])} { // a prompt run at once is the same
				g := m.Rows([][]int32{tokens[:prompt]}).Complete(1).After(tokens[prompt:]).Stream(w).Capture(hook.Logits().At(-1))
				got, err := m.Complete(g)
				if err != nil {
					t.Fatal(err)
				}
				holdTo(t, fmt.Sprintf("%s after %d", name, prompt), got, want(name)[prompt-1:], tokens[prompt:])
			}
		}
	}
}

// Room made for five tokens at once leaves what the reference leaves.
func TestWindowMakesRoomAhead(t *testing.T) {
	m, tokens, want := streaming(t)
	w := model.Window{Start: 2, Recent: 10, Ahead: 5}
	g := m.Rows([][]int32{tokens[:12]}).Complete(1).After(tokens[12:18]).Stream(w).Capture(hook.Logits().At(-1))
	got, err := m.Complete(g)
	if err != nil {
		t.Fatal(err)
	}
	// The first step's logits are those of the prompt's last token.
	rows := append([][]float64{nil}, want("evict_for_space.start2.recent10.coming5")...)
	holdTo(t, "room for five", got, rows, tokens[12:])
}

// holdTo compares logits of each step, and the log-probabilities of what followed.
func holdTo(t *testing.T, name string, got *model.Generated, want [][]float64, next []int32) {
	t.Helper()
	const tolerance = 5e-5 // of the fixtures: float32 beside float64
	logits := got.At(hook.Logits().At(-1))
	for step := range logits.Shape()[1] {
		if step >= len(want) || want[step] == nil {
			continue
		}
		sum, most := 0.0, 0.0
		for id, v := range want[step] {
			most = max(most, math.Abs(logits.At(0, step, id)-v))
			sum += math.Exp(v)
		}
		logProb := want[step][next[step]] - math.Log(sum)
		if most > tolerance || math.Abs(got.LogProbs[0][step]-logProb) > tolerance {
			t.Errorf("%s, step %d: logits are %.2g off, log-probability %.6f, want %.6f", name, step, most, got.LogProbs[0][step], logProb)
		}
	}
}

// A window that holds everything is no window, in every family, for rows of many
// lengths, some of which end early; so is one by positions in the text.
func TestWideWindowsChangeNothing(t *testing.T) {
	for _, name := range []string{"llama", "llama_gqa", "gemma3_text", "mistral", "gptj", "gpt_neox", "qwen3", "llama_yarn", "gpt2", "opt", "olmo2"} {
		m, err := model.Open(modeltest.Families(t)[name])
		if err != nil {
			t.Fatal(err)
		}
		if name != "llama" && name != "gpt2" && strings.HasPrefix(m.Info().Backend, "xla") {
			continue // each family compiles graphs of its own
		}
		var rows [][]int32
		for n := range 10 {
			var row []int32
			for i := range 3 + n {
				row = append(row, int32((7*n+5*i)%90+3))
			}
			rows = append(rows, row)
		}
		g := m.Rows(rows).Complete(9).Capture(hook.Z(1).At(-1)).Edit(hook.MLPOut(0).At(-1).Scale(0.5))
		plain, err := m.Complete(g)
		if err != nil {
			t.Fatal(err)
		}
		stop := plain.New(3)[2]
		g = g.Until(stop)
		if plain, err = m.Complete(g); err != nil {
			t.Fatal(err)
		}
		for _, w := range []model.Window{{Start: 2, Recent: 20}, {Recent: 30, InText: true}, {Start: 1, Recent: 20, Ahead: 4}} {
			w.InText = w.InText || m.Config().Position == config.PosLearned
			got, err := m.Complete(g.Stream(w))
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			for r := range rows {
				if !slices.Equal(got.New(r), plain.New(r)) || math.Abs(got.LogProb(r)-plain.LogProb(r)) > modeltest.GenerationTolerance {
					t.Errorf("%s, %s, row %d: %v (%.6f), want %v (%.6f)", name, w, r, got.New(r), got.LogProb(r), plain.New(r), plain.LogProb(r))
				}
			}
			if d := modeltest.MaxDiff(got.Captures[0].Array, plain.Captures[0].Array); !(d < modeltest.GenerationTolerance) {
				t.Errorf("%s, %s: z differs by %g", name, w, d)
			}
		}
	}
}

// Given tokens are read as a run reads them, and what follows is chosen.
func TestGivenTokensAreRead(t *testing.T) {
	m := open(t)
	row := []int32{5, 9, 3, 7, 11, 2, 8}
	run, err := m.Run(m.Rows([][]int32{row}).Metric(model.NLL()))
	if err != nil {
		t.Fatal(err)
	}
	got, err := m.Complete(m.Rows([][]int32{row[:1]}).Complete(9).After(row[1:]))
	if err != nil {
		t.Fatal(err)
	}
	sum := 0.0
	for _, v := range got.LogProbs[0][:6] {
		sum -= v / 6
	}
	if want := run.Metric(); math.Abs(sum-want) > 1e-5 {
		t.Errorf("the loss of given tokens is %.6f, of a run %.6f", sum, want)
	}
	plain, err := m.Complete(m.Rows([][]int32{row}).Complete(3))
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(got.Prompts.IDs[0], plain.Prompts.IDs[0]) {
		t.Errorf("tokens are %v, want %v", got.Prompts.IDs[0], plain.Prompts.IDs[0])
	}
}

func TestWindowsThatAreWrong(t *testing.T) {
	m, tokens, _ := streaming(t)
	learned := open(t)
	g := m.Rows([][]int32{tokens[:4]}).Complete(3)
	for _, c := range []struct {
		says string
		m    *model.Model
		g    model.Generation
	}{
		{"one recent token is the least", m, g.Stream(model.Window{Start: 4})},
		{"holds 64", m, g.Stream(model.Window{Start: 4, Recent: 60})},
		{"as Given", m, g.Stream(model.Window{Start: 1, Recent: 2})},
		{"keys move", m, g.Stream(model.Window{Recent: 5}).Capture(hook.Pattern(0))},
		{"keys move", m, g.Stream(model.Window{Recent: 5}).Edit(hook.RotK(0).Zero())},
		{"are learned", learned, learned.Rows([][]int32{tokens[:4]}).Complete(3).Stream(model.Window{Recent: 5})},
		{"context holds", learned, learned.Rows([][]int32{tokens[:4]}).Complete(300).Stream(model.Window{Recent: 5, InText: true})},
		{"given for 2 rows", m, g.After(tokens, tokens)},
		{"but only 3", m, model.Generation{Rows: g.Rows, New: 3, Given: [][]int32{tokens}}},
		{"outside of the vocabulary", m, g.After([]int32{97})},
	} {
		if _, err := c.m.Complete(c.g); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("error %v; it should say %q", err, c.says)
		}
	}
}

// Far beyond the context, every token sees as much as the one before.
func TestStreamingGoesOn(t *testing.T) {
	m, tokens, _ := streaming(t)
	long := make([]int32, 400) // the context is 64
	for i := range long {
		long[i] = tokens[i%len(tokens)]
	}
	got, err := m.Complete(m.Rows([][]int32{long[:1], long[3:4]}).Complete(1).After(long[1:], long[4:]).Stream(model.Window{Start: 2, Recent: 22}))
	if err != nil {
		t.Fatal(err)
	}
	if n := len(got.LogProbs[0]); n != 399 || math.IsNaN(got.LogProb(0)) {
		t.Fatalf("%d log-probabilities, %g together", n, got.LogProb(0))
	}
	// The text repeats with a period that the window holds, so that the cache does.
	period := len(tokens)
	for i := 300; i < 300+period; i++ {
		if a, b := got.LogProbs[0][i], got.LogProbs[0][i+period]; math.Abs(a-b) > 0.05 {
			t.Errorf("token %d has log-probability %.4f, a period later %.4f", i, a, b)
		}
	}
}
