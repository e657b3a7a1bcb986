package model_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/golens/golens/model"
	"github.com/golens/golens/model/array"
	"github.com/golens/golens/model/hook"
	"github.com/golens/golens/model/modeltest"
)

// Every family computes what Hugging Face computes: logits, hidden states,
// attention patterns, loss, rows with padding.
func TestFamiliesEqualHuggingFace(t *testing.T) {
	for name, dir := range modeltest.Families(t) {
		t.Run(name, func(t *testing.T) {
			m, err := model.Open(dir)
			if err != nil {
				t.Fatal(err)
			}
			o := modeltest.OracleIn(t, dir, "oracle.safetensors")
			c := m.Config()
			request := m.Rows(modeltest.Rows(o["tokens"])).Capture(hook.Logits())
			want := map[hook.ID]*array.Array{hook.Logits().ID: o["logits"]}
			see := func(p hook.Point, a *array.Array) {
				want[p.ID] = a
				request = request.Capture(p)
			}
			for l := range c.Layers {
				see(hook.ResidPre(l), o[fmt.Sprintf("hidden_states.%d", l)])
				see(hook.Pattern(l), o[fmt.Sprintf("attentions.%d", l)])
			}
			if last := o[fmt.Sprintf("hidden_states.%d", c.Layers)]; c.Encoder {
				see(hook.ResidPost(c.Layers-1), last)
			} else if c.NoFinal {
				// Recorded behind OPT's output projection, which is part of the unembedding here.
			} else {
				see(hook.LNFinalNormalized(), last)
			}
			if o["loss"] != nil {
				request = request.Metric(model.NLL())
			}
			got := run(t, m, request)
			differences := table{}
			for _, captured := range got.Captures {
				differences[captured.Point.String()] = differ(captured.Array, want[captured.Point.ID])
			}
			if o["loss"] != nil {
				differences["loss"] = difference{abs(got.Metric() - o["loss"].Scalar()), tolerance}
			}
			if o["padded_logits"] != nil {
				differences["logits of padded rows"] = difference{padded(t, m, o), tolerance}
			}
			differences.check(t)
		})
	}
}

func abs(x float64) float64 { return max(x, -x) }

// padded is the largest difference of logits in a padded batch, at tokens.
func padded(t *testing.T, m *model.Model, o map[string]*array.Array) float64 {
	t.Helper()
	r := model.Request{Rows: modeltest.Rows(o["padded_tokens"])}
	for _, row := range modeltest.Rows(o["attention_mask"]) {
		mask := make([]bool, len(row))
		for i, v := range row {
			mask[i] = v == 1
		}
		r.Mask = append(r.Mask, mask)
	}
	got, want := run(t, m, r.Capture(hook.Logits())).At(hook.Logits()), o["padded_logits"]
	most := 0.0
	for row, mask := range r.Mask {
		for pos, real := range mask {
			for id := range m.Config().Vocab {
				if d := abs(got.At(row, pos, id) - want.At(row, pos, id)); real && !(d <= most) {
					most = d
				}
			}
		}
	}
	return most
}

// Every activation of the families that TransformerLens was recorded on.
func TestFamiliesEqualTransformerLens(t *testing.T) {
	for name, dir := range modeltest.Families(t) {
		if _, err := os.Stat(filepath.Join(dir, "tl_raw.safetensors")); err != nil || name == "gpt2" { // gpt2 has a test of its own
			continue
		}
		t.Run(name, func(t *testing.T) {
			m, err := model.Open(dir)
			if err != nil {
				t.Fatal(err)
			}
			recorded := modeltest.OracleIn(t, dir, "tl_raw.safetensors")
			request := m.Rows(modeltest.Rows(modeltest.OracleIn(t, dir, "oracle.safetensors")["tokens"])).Request()
			for key := range recorded {
				p, err := hook.Parse(key)
				if err != nil {
					t.Errorf("%s: %v", key, err)
					continue
				}
				request = request.Capture(p)
			}
			got := run(t, m, request)
			differences := table{}
			for _, c := range got.Captures {
				want := afterWeight(t, dir, c.Point, recorded[c.Point.String()])
				if strings.HasPrefix(string(c.Point.Kind), "ln1.") && len(want.Shape()) == 4 {
					want = want.Pick("2", 0) // recorded once per head, all the same
				}
				differences[c.Point.String()] = differ(c.Array, want)
			}
			differences.check(t)
		})
	}
}

// normWeights are the tensors of the norms behind hook_normalized, and what is
// added to them, in the RMSNorm families that TransformerLens was recorded on.
var normWeights = map[string]struct {
	plus  float32
	names map[hook.Kind]string
}{
	"llama_gqa": {0, map[hook.Kind]string{
		hook.KindLN1Norm:     "model.layers.%d.input_layernorm.weight",
		hook.KindLN2Norm:     "model.layers.%d.post_attention_layernorm.weight",
		hook.KindLNFinalNorm: "model.norm.weight",
	}},
	"gemma2": {1, map[hook.Kind]string{
		hook.KindLN1Norm:     "model.layers.%d.input_layernorm.weight",
		hook.KindLN1PostNorm: "model.layers.%d.post_attention_layernorm.weight",
		hook.KindLN2Norm:     "model.layers.%d.pre_feedforward_layernorm.weight",
		hook.KindLN2PostNorm: "model.layers.%d.post_feedforward_layernorm.weight",
		hook.KindLNFinalNorm: "model.norm.weight",
	}},
}

// afterWeight converts a recording. TransformerLens takes hook_normalized of an
// RMSNorm before its weight, golens what the next layer reads.
func afterWeight(t *testing.T, dir string, p hook.Point, recorded *array.Array) *array.Array {
	t.Helper()
	norms := normWeights[filepath.Base(dir)]
	name, ok := norms.names[p.Kind]
	if !ok {
		return recorded
	}
	if !p.Kind.Global() {
		name = fmt.Sprintf(name, p.Layer)
	}
	w := modeltest.OracleIn(t, dir, "model.safetensors")[name]
	if w == nil {
		t.Fatalf("%s: no tensor %s", dir, name)
	}
	converted := array.New(recorded.Axes()...)
	for i, v := range recorded.Values() {
		converted.Values()[i] = v * (norms.plus + w.Values()[i%len(w.Values())])
	}
	return converted
}
