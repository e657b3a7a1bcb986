package arch

import (
	"fmt"
	"math"

	"github.com/golens/golens/model/config"
)

func init() { families["gptj"] = Family{gptJConfig, gptJLoad} }

// gptJConfig reads GPT-J: parallel blocks with one norm, rotation of adjacent
// pairs.
func gptJConfig(f *fields) (config.Config, error) {
	f.alias("n_embd", "hidden_size", "n_positions", "max_position_embeddings", "n_head", "num_attention_heads", "n_layer", "num_hidden_layers")
	c := config.Config{
		Layers: f.int("n_layer", 28), DModel: f.int("n_embd", 4096), Heads: f.int("n_head", 16), Vocab: f.int("vocab_size", 50400),
		Context: f.int("n_positions", 2048), Norm: config.NormLayer, Eps: f.float("layer_norm_epsilon", 1e-5),
		Act: f.act("activation_function", "gelu_new"), Position: config.PosRotary, Parallel: true, SharedNorm: true,
	}
	f.common(&c, false)
	c.KVHeads = c.Heads
	c.DMLP = f.int("n_inner", 4*c.DModel)
	c.Rotary = config.Rotary{Dim: f.int("rotary_dim", 64), Base: 10000, Adjacent: true}
	f.must("rotary", true)
	f.must("scale_attn_weights", true)
	if err := f.heads(&c, 0); err != nil {
		return c, err
	}
	c.Scale = 1 / math.Sqrt(float64(c.DHead))
	return c, nil
}

func gptJLoad(c *config.Config, src Source) (Plan, error) {
	l := newLoader(src, "transformer.")
	d := c.DModel
	l.embed(c, "wte", "lm_head")
	l.affine("ln_final", "ln_f", d, true)
	l.unembed(c, "lm_head", true)
	for i := range c.Layers {
		to := func(local string) string { return LayerName(i, local) }
		from := func(local string) string { return fmt.Sprintf("h.%d.%s", i, local) }
		l.affine(to("ln1"), from("ln_1"), d, true)
		l.linear(to("attn.W_Q"), "", from("attn.q_proj"), d, d, false)
		l.linear(to("attn.W_K"), "", from("attn.k_proj"), d, d, false)
		l.linear(to("attn.W_V"), "", from("attn.v_proj"), d, d, false)
		l.linear(to("attn.W_O"), "", from("attn.out_proj"), d, d, false)
		l.linear(to("mlp.W_in"), to("mlp.b_in"), from("mlp.fc_in"), d, c.DMLP, true)
		l.linear(to("mlp.W_out"), to("mlp.b_out"), from("mlp.fc_out"), c.DMLP, d, true)
	}
	return l.done(c, masks)
}
