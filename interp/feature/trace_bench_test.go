package feature_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/golens/golens/interp/feature"
	"github.com/golens/golens/interp/sae"
	"github.com/golens/golens/model"
	"github.com/golens/golens/model/dictionary"
	"github.com/golens/golens/model/hook"
	"github.com/golens/golens/model/weights"
)

// qwen is the shape of a Qwen3.
type qwen struct {
	name                                               string
	layers, d, heads, kv, dHead, dMLP, vocab, features int
}

// write makes a model of random weights in a folder.
func (q qwen) write(b *testing.B) string {
	b.Helper()
	dir := b.TempDir()
	config := fmt.Sprintf(`{"model_type": "qwen3", "hidden_act": "silu", "hidden_size": %d, "intermediate_size": %d, "num_hidden_layers": %d, "num_attention_heads": %d,
"num_key_value_heads": %d, "head_dim": %d, "vocab_size": %d, "max_position_embeddings": 64, "rms_norm_eps": 1e-6, "rope_theta": 1000000, "rope_scaling": null, "tie_word_embeddings": true}`,
		q.d, q.dMLP, q.layers, q.heads, q.kv, q.dHead, q.vocab)
	if err := os.WriteFile(filepath.Join(dir, "config.json"), []byte(config), 0o666); err != nil {
		b.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(1, 1))
	var all []weights.Tensor
	add := func(name string, shape ...int) {
		n := 1
		for _, s := range shape {
			n *= s
		}
		v := make([]float32, n)
		for i := range v {
			if v[i] = 1; len(shape) == 2 {
				v[i] = float32(rng.NormFloat64() / math.Sqrt(float64(shape[1])))
			}
		}
		all = append(all, weights.Tensor{Name: name, Shape: shape, Values: v})
	}
	add("model.embed_tokens.weight", q.vocab, q.d)
	for l := range q.layers {
		p := fmt.Sprintf("model.layers.%d.", l)
		add(p+"input_layernorm.weight", q.d)
		add(p+"post_attention_layernorm.weight", q.d)
		add(p+"self_attn.q_proj.weight", q.heads*q.dHead, q.d)
		add(p+"self_attn.k_proj.weight", q.kv*q.dHead, q.d)
		add(p+"self_attn.v_proj.weight", q.kv*q.dHead, q.d)
		add(p+"self_attn.o_proj.weight", q.d, q.heads*q.dHead)
		add(p+"self_attn.q_norm.weight", q.dHead)
		add(p+"self_attn.k_norm.weight", q.dHead)
		add(p+"mlp.gate_proj.weight", q.dMLP, q.d)
		add(p+"mlp.up_proj.weight", q.dMLP, q.d)
		add(p+"mlp.down_proj.weight", q.d, q.dMLP)
	}
	add("model.norm.weight", q.d)
	if err := weights.Write(filepath.Join(dir, "model.safetensors"), "BF16", all); err != nil {
		b.Fatal(err)
	}
	return dir
}

// transcoders are random ones, of whose features 1 in 160 fires.
func (q qwen) transcoders(b *testing.B, m *model.Model) (set sae.Set) {
	b.Helper()
	for l := range q.layers {
		rng := rand.New(rand.NewPCG(uint64(l), 2))
		draw := func(n int) []float32 {
			v := make([]float32, n)
			for i := range v {
				v[i] = float32(rng.NormFloat64() / math.Sqrt(float64(q.d)))
			}
			return v
		}
		c := &dictionary.Coder{Kind: dictionary.Standard, In: q.d, Out: q.d, Features: q.features, WEnc: draw(q.d * q.features), WDec: draw(q.d * q.features), BDec: make([]float32, q.d), BEnc: make([]float32, q.features)}
		for i := range c.BEnc {
			c.BEnc[i] = -2.5
		}
		d, err := (&sae.Dictionary{Coder: c, Read: hook.LN2Normalized(l), Write: hook.MLPOut(l), Layers: 1}).For(m)
		if err != nil {
			b.Fatal(err)
		}
		set = append(set, d)
	}
	return set
}

// BenchmarkTrace times an attribution graph of 12 tokens with random transcoders, with
// its bound in operations: for every target, the products of a way back through the
// frozen attention of the blocks below. GOLENS_TRACE_FEATURES asks for fewer than 7,500.
func BenchmarkTrace(b *testing.B) {
	for _, q := range []qwen{
		{"small", 4, 128, 4, 2, 32, 256, 500, 1024},
		{"qwen3-0.6b", 28, 1024, 16, 8, 128, 3072, 32000, 6144}, // with a smaller vocabulary
	} {
		b.Run(q.name, func(b *testing.B) {
			m, err := model.Open(q.write(b))
			if err != nil {
				b.Fatal(err)
			}
			set := q.transcoders(b, m)
			const tokens = 12
			rng := rand.New(rand.NewPCG(3, 3))
			prompt := m.Rows(texts(rng, 1, tokens, q.vocab))
			features := 7500
			if s := os.Getenv("GOLENS_TRACE_FEATURES"); s != "" {
				fmt.Sscan(s, &features)
			}
			var g *feature.Graph
			for b.Loop() {
				if g, err = feature.Trace(m, set, prompt, feature.Tracing{Features: features}); err != nil {
					b.Fatal(err)
				}
			}
			operations, edges, targets := 0.0, 0, 0
			for i, n := range g.Nodes {
				edges += len(g.Rows[i])
				if g.Rows[i] == nil {
					continue
				}
				targets++
				perPos := 2 * float64(q.d*q.dHead*(q.kv+q.heads))
				operations += float64(n.Layer) * float64(n.Pos+1) * (perPos + 2*float64(q.heads*q.dHead*(n.Pos+1)))
			}
			b.ReportMetric(float64(targets), "targets")
			b.ReportMetric(float64(g.Active), "active")
			b.ReportMetric(float64(edges)/float64(targets), "edges/target")
			b.ReportMetric(operations/1e9, "GFLOP")
			b.ReportMetric(g.Conservation, "conservation")
		})
	}
}
