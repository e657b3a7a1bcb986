package steer_test

import (
	"math"
	"strings"
	"testing"

	"github.com/golens/golens/interp/steer"
	"github.com/golens/golens/model"
	"github.com/golens/golens/model/hook"
)

// Of pairs of prompts that the hand-made network continues with "dog" or "cat" the
// contrast is the mean difference of the last states. Added to a third prompt it raises
// cat over dog by as much for each strength, and makes the network write it; taken
// away, dog.
func TestContrast(t *testing.T) {
	m := open(t, "zoo:induction")
	at := hook.ResidPost(1)
	from, to := m.Tokens("the dog ran the", "a dog saw a"), m.Tokens("the cat ran the", "a cat saw a")
	d, err := steer.Contrast(m, at, from, to)
	if err != nil {
		t.Fatal(err)
	}
	want := make([]float64, m.Config().DModel)
	for sign, prompts := range map[float64]model.Prompts{-1: from, 1: to} {
		run, err := m.Run(prompts.Capture(at.At(-1)))
		if err != nil {
			t.Fatal(err)
		}
		for i, v := range run.At(at.At(-1)).Values() {
			want[i%len(want)] += sign * float64(v) / 2
		}
	}
	for i, v := range d.Vector.Values() {
		if math.Abs(float64(v)-want[i]) > 1e-5 {
			t.Errorf("coordinate %d: %g, want %g", i, v, want[i])
		}
	}
	prompt := m.Tokens("the fox ran the")
	effect, err := d.Strengths(m, prompt, model.LogitDiff(model.Texts(" cat"), model.Texts(" dog")), -1, 0, 1, 3)
	if err != nil {
		t.Fatal(err)
	}
	each := effect.At(2) - effect.At(1)
	if each < 1 || math.Abs(effect.At(1)-effect.At(0)-each) > 1e-4 || math.Abs(effect.At(3)-effect.At(1)-3*each) > 1e-3 {
		t.Errorf("by strength: %v", effect.Values())
	}
	texts, err := d.Write(m, prompt, 1, -4, 0, 4)
	if err != nil {
		t.Fatal(err)
	}
	for i, word := range []string{" dog", " fox", " cat"} {
		if !strings.HasSuffix(texts.Texts[i], " the fox ran the"+word) {
			t.Errorf("at a strength of %g it writes %q, want %q", texts.Strengths[i], texts.Texts[i], word)
		}
	}
	if _, err := steer.Contrast(m, at, from, m.Tokens("a")); err == nil {
		t.Error("prompts without a partner are taken")
	}
	if _, err := d.Strengths(m, prompt, model.NLL()); err == nil {
		t.Error("no strengths are taken")
	}
}
