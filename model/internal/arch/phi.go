package arch

import (
	"fmt"
	"math"

	"github.com/golens/golens/model/config"
)

func init() { families["phi"] = Family{phiConfig, phiLoad} }

// phiConfig reads Phi-1 and Phi-2: parallel blocks with one norm, partial
// rotation.
func phiConfig(f *fields) (config.Config, error) {
	c := config.Config{
		Layers: f.int("num_hidden_layers", 24), DModel: f.int("hidden_size", 2048), Heads: f.int("num_attention_heads", 32),
		DMLP: f.int("intermediate_size", 8192), Vocab: f.int("vocab_size", 51200), Context: f.int("max_position_embeddings", 2048),
		Norm: config.NormLayer, Eps: f.float("layer_norm_eps", 1e-5), Act: f.act("hidden_act", "gelu_new"), Position: config.PosRotary,
		Parallel: true, SharedNorm: true,
	}
	f.common(&c, false)
	c.KVHeads = f.int("num_key_value_heads", c.Heads)
	if f.bool("qk_layernorm", false) {
		c.QKNorm = config.QKNormLN
	}
	base, share := f.float("rope_theta", 10000), f.float("partial_rotary_factor", 0.5)
	scaling := f.rope(&base, &share, c.Context)
	if err := f.heads(&c, 0); err != nil {
		return c, err
	}
	c.Scale = 1 / math.Sqrt(float64(c.DHead))
	c.Rotary = config.Rotary{Dim: int(float64(c.DHead) * share), Base: base, Scaling: scaling}
	return c, nil
}

func phiLoad(c *config.Config, src Source) (Plan, error) {
	l := newLoader(src, "model.")
	d, q, kv := c.DModel, c.Heads*c.DHead, c.KVHeads*c.DHead
	l.embed(c, "embed_tokens", "lm_head")
	l.affine("ln_final", "final_layernorm", d, true)
	l.unembed(c, "lm_head", true)
	for i := range c.Layers {
		to := func(local string) string { return LayerName(i, local) }
		from := func(local string) string { return fmt.Sprintf("layers.%d.%s", i, local) }
		l.affine(to("ln1"), from("input_layernorm"), d, true)
		l.linear(to("attn.W_Q"), to("attn.b_Q"), from("self_attn.q_proj"), d, q, true)
		l.linear(to("attn.W_K"), to("attn.b_K"), from("self_attn.k_proj"), d, kv, true)
		l.linear(to("attn.W_V"), to("attn.b_V"), from("self_attn.v_proj"), d, kv, true)
		l.linear(to("attn.W_O"), to("attn.b_O"), from("self_attn.dense"), q, d, true)
		if c.QKNorm == config.QKNormLN {
			for _, x := range []string{"q", "k"} {
				l.take(to("attn."+x+"_norm"), from("self_attn."+x+"_layernorm.weight"), c.DHead)
				l.take(to("attn."+x+"_norm_b"), from("self_attn."+x+"_layernorm.bias"), c.DHead)
			}
		}
		l.linear(to("mlp.W_in"), to("mlp.b_in"), from("mlp.fc1"), d, c.DMLP, true)
		l.linear(to("mlp.W_out"), to("mlp.b_out"), from("mlp.fc2"), c.DMLP, d, true)
	}
	return l.done(c, masks)
}
