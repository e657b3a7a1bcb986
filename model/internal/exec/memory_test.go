package exec_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"strings"
	"testing"

	"github.com/gomlx/gomlx/core/graph"

	"github.com/golens/golens/model"
	"github.com/golens/golens/model/hook"
	"github.com/golens/golens/model/internal/backend"
	"github.com/golens/golens/model/internal/exec"
	"github.com/golens/golens/model/modeltest"
	"github.com/golens/golens/model/weights"
)

// llama writes a model in the shape of SmolLM2, of few layers and words.
func llama(t *testing.T, layers, vocab int) string {
	t.Helper()
	const d, heads, shared, dHead, mlp = 576, 9, 3, 64, 1536
	dir := t.TempDir()
	config := fmt.Sprintf(`{"model_type":"llama","hidden_size":%d,"intermediate_size":%d,"num_hidden_layers":%d,"num_attention_heads":%d,"num_key_value_heads":%d,`+
		`"vocab_size":%d,"max_position_embeddings":1024,"rms_norm_eps":1e-05,"hidden_act":"silu","tie_word_embeddings":true,"rope_theta":100000,"torch_dtype":"float32"}`,
		d, mlp, layers, heads, shared, vocab)
	rng := rand.New(rand.NewPCG(1, 2))
	var all []weights.Tensor
	add := func(name string, shape ...int) {
		n := 1
		for _, s := range shape {
			n *= s
		}
		values := make([]float32, n)
		for i := range values {
			values[i] = rng.Float32()/8 - 1./16
		}
		all = append(all, weights.Tensor{Name: name, Shape: shape, Values: values})
	}
	add("model.embed_tokens.weight", vocab, d)
	add("model.norm.weight", d)
	for l := range layers {
		for name, shape := range map[string][]int{"input_layernorm": {d}, "post_attention_layernorm": {d}, "self_attn.q_proj": {heads * dHead, d}, "self_attn.k_proj": {shared * dHead, d},
			"self_attn.v_proj": {shared * dHead, d}, "self_attn.o_proj": {d, heads * dHead}, "mlp.gate_proj": {mlp, d}, "mlp.up_proj": {mlp, d}, "mlp.down_proj": {d, mlp}} {
			add(fmt.Sprintf("model.layers.%d.%s.weight", l, name), shape...)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "config.json"), []byte(config), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := weights.Write(filepath.Join(dir, "model.safetensors"), "F32", all); err != nil {
		t.Fatal(err)
	}
	return dir
}

// heldAtMost is the most that is alive after some of the calls of f, beyond what was before, in
// bytes. f runs once for each call that is looked at, after which the collector runs once:
// what is freed for values of the same size still lies in its pools then, and nothing else
// that was freed does.
func heldAtMost(looks int, f func()) (most int) {
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	defer exec.AtCall(nil)
	calls := 0
	exec.AtCall(func(string, *graph.Exec) { calls++ })
	f() // compiles
	for look := range looks {
		exec.AtCall(nil)
		runtime.GC() // a pool is emptied by the second collection
		runtime.GC()
		before, i := alive(), 0
		exec.AtCall(func(string, *graph.Exec) {
			if i++; i == calls-look*calls/looks {
				runtime.GC()
				most = max(most, alive()-before)
			}
		})
		f()
	}
	return most
}

// alive is what the last collection found, in bytes.
func alive() int {
	sample := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(sample)
	return int(sample[0].Value.Uint64())
}

// What is said to be held at the peak is held: within a tenth but for the parts of products
// in work and a buffer more or less, which the order of a graph's parts decides.
func TestMemoryIsPredicted(t *testing.T) {
	if !backend.SIMD {
		t.Skip("the host is built with GOEXPERIMENT=simd, whose products hold less than the portable ones: up to 1.65 times what is said")
	}
	// On Go, whose values lie in the collector's heap; of two workers the peaks may fall together or not.
	if !modeltest.Alone(t, "GOLENS_BACKEND=go", "GOMAXPROCS=1") {
		return
	}
	for name, dir := range map[string]string{
		"llama": llama(t, 2, 4096),
		"gpt2":  modeltest.Random(t, modeltest.Shape{Layers: 2, Heads: 6, DModel: 384, DMLP: 1536, Vocab: 4096, Context: 256}, 1),
	} {
		m, err := model.Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		check := func(what string, predicted int64, err error, f func() error) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
			var r float64
			for range 4 { // which parts of a graph run side by side is left to the scheduler
				held := heldAtMost(4, func() {
					if err := f(); err != nil {
						t.Fatal(err)
					}
				})
				r = float64(held) / float64(predicted)
				t.Logf("%s, %-20s %6.2f MB held, %6.2f predicted: %.2f", name, what, float64(held)/1e6, float64(predicted)/1e6, r)
				if r >= 0.7 && r <= 1.2 { // 0.92 to 1.09 were seen, but 0.79 of generations, of a few MB
					return
				}
			}
			t.Errorf("%s, %s: what is held is %.2f times what was predicted", name, what, r)
		}
		rows := func(n, pos int) model.Prompts {
			rng := rand.New(rand.NewPCG(3, 4))
			all := make([][]int32, n)
			for i := range all {
				for range pos {
					all[i] = append(all[i], rng.Int32N(4096))
				}
			}
			return m.Rows(all)
		}
		runs := func(what string, r model.Request) {
			c, err := m.ExplainRun(r)
			check(what, c.Memory, err, func() error { _, err := m.Run(r); return err })
		}
		base := rows(1, 128)
		var all []hook.Point
		for l := range 2 {
			all = append(all, hook.ResidPre(l), hook.Q(l), hook.K(l), hook.V(l), hook.Pattern(l), hook.Z(l), hook.AttnOut(l), hook.MLPPost(l), hook.MLPOut(l), hook.ResidPost(l))
		}
		runs("stream", base.Capture(hook.ResidPost(1)))
		runs("loss", base.Metric(model.NLL()))
		runs("one word's logit", base.Metric(model.LogProbOf(5)))
		runs("logits", base.Capture(hook.Logits()))
		runs("cached", base.Capture(all...))
		runs("gradients", base.Metric(model.LogProbOf(5)).Grad(hook.Z(0)))
		sweep := model.Sweep{Base: rows(4, 16).Metric(model.LogProbOf(5))}
		for l := range 2 {
			for h := range m.Config().Heads {
				sweep.Variants = append(sweep.Variants, model.Variant{Edits: []hook.Edit{hook.Z(l).Head(h).Zero()}})
			}
		}
		p, err := m.Explain(sweep)
		check("sweep of heads", p.Memory, err, func() error { _, err := m.Sweep(sweep); return err })
		g := rows(2, 64).Complete(8)
		c, err := m.ExplainGeneration(g)
		check("generation", c.Memory, err, func() error { _, err := m.Complete(g); return err })
		m.Close()
	}
}

// What is said of a block on XLA is what its graph takes by XLA's own count: scores and
// patterns are there twice, and what the activation function gives once, read or not.
func TestMemoryOfXLAIsPredicted(t *testing.T) {
	shape := modeltest.Shape{Layers: 2, Heads: 6, DModel: 384, DMLP: 1536, Vocab: 100, Context: 1024}
	const weights = 4 * (12*384*384 + 13*384) // of a block
	m, err := model.Open(modeltest.Random(t, shape, 1))
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	if !strings.HasPrefix(m.Info().Backend, "xla:cpu") {
		t.Skip("reads what XLA says of its graphs: set GOLENS_BACKEND=xla:cpu")
	}
	defer exec.AtCall(nil)
	for _, c := range []struct {
		rows, length int
		read         hook.Point
	}{{8, 128, hook.ResidPost(0)}, {8, 128, hook.Pattern(0)}, {8, 128, hook.MLPPost(0)}, {1, 1024, hook.ResidPost(0)}, {1, 1024, hook.Pattern(0)}} {
		rows := make([][]int32, c.rows)
		for i := range rows {
			rows[i] = make([]int32, c.length)
		}
		r := m.Rows(rows).Capture(c.read.At(-1))
		said, err := m.ExplainRun(r)
		if err != nil {
			t.Fatal(err)
		}
		most := 0
		exec.AtCall(func(name string, p *graph.Exec) {
			if s := exec.SizeOf(p); strings.HasPrefix(name, "block") {
				most = max(most, s.In-weights+s.Out+s.Temp)
			}
		})
		if _, err := m.Run(r); err != nil {
			t.Fatal(err)
		}
		ratio := float64(most) / float64(said.Memory-said.Kept)
		t.Logf("%d x %d, %s: %.2f MB, said were %.2f: %.2f", c.rows, c.length, c.read, float64(most)/1e6, float64(said.Memory-said.Kept)/1e6, ratio)
		if ratio < 0.7 || ratio > 1.1 {
			t.Errorf("%d x %d, %s: the graph takes %.2f times what was said", c.rows, c.length, c.read, ratio)
		}
	}
}
