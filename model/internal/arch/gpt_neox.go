package arch

import (
	"fmt"
	"math"

	"github.com/golens/golens/model/config"
)

func init() { families["gpt_neox"] = Family{gptNeoXConfig, gptNeoXLoad} }

// gptNeoXConfig reads GPT-NeoX and Pythia.
func gptNeoXConfig(f *fields) (config.Config, error) {
	c := config.Config{
		Layers: f.int("num_hidden_layers", 44), DModel: f.int("hidden_size", 6144), Heads: f.int("num_attention_heads", 64),
		DMLP: f.int("intermediate_size", 24576), Vocab: f.int("vocab_size", 50432), Context: f.int("max_position_embeddings", 2048),
		Norm: config.NormLayer, Eps: f.float("layer_norm_eps", 1e-5), Act: f.act("hidden_act", "gelu"), Position: config.PosRotary,
		Parallel: f.bool("use_parallel_residual", true),
	}
	f.common(&c, false)
	c.KVHeads = c.Heads
	f.bool("attention_bias", true) // the loader sees by itself
	share := f.float("rotary_pct", f.float("partial_rotary_factor", 0.25))
	base := f.float("rotary_emb_base", f.float("rope_theta", 10000))
	scaling := f.rope(&base, &share, c.Context)
	if err := f.heads(&c, 0); err != nil {
		return c, err
	}
	c.Scale = 1 / math.Sqrt(float64(c.DHead))
	c.Rotary = config.Rotary{Dim: int(float64(c.DHead) * share), Base: base, Scaling: scaling}
	return c, nil
}

func gptNeoXLoad(c *config.Config, src Source) (Plan, error) {
	l := newLoader(src, "gpt_neox.")
	d := c.DModel
	l.embed(c, "embed_in", "embed_out")
	l.affine("ln_final", "final_layer_norm", d, true)
	l.unembed(c, "embed_out", false)
	for i := range c.Layers {
		to := func(local string) string { return LayerName(i, local) }
		from := func(local string) string { return fmt.Sprintf("layers.%d.%s", i, local) }
		l.affine(to("ln1"), from("input_layernorm"), d, true)
		l.groups(from("attention.query_key_value"), c, to)
		biased := l.wants(to("attn.b_O"), from("attention.query_key_value.bias"))
		l.linear(to("attn.W_O"), to("attn.b_O"), from("attention.dense"), d, d, biased)
		l.affine(to("ln2"), from("post_attention_layernorm"), d, true)
		l.linear(to("mlp.W_in"), to("mlp.b_in"), from("mlp.dense_h_to_4h"), d, c.DMLP, true)
		l.linear(to("mlp.W_out"), to("mlp.b_out"), from("mlp.dense_4h_to_h"), c.DMLP, d, true)
	}
	return l.done(c, masks)
}
