package arch

import (
	"fmt"
	"math"

	"github.com/golens/golens/model/config"
)

func init() { families["falcon"] = Family{falconConfig, falconLoad} }

// falconConfig reads Falcon: rotary positions, parallel blocks with one norm or
// two, and one key-value head, some or as many as heads.
func falconConfig(f *fields) (config.Config, error) {
	f.alias("num_hidden_layers", "n_layer", "num_attention_heads", "n_head", "num_kv_heads", "n_head_kv")
	c := config.Config{
		Layers: f.int("num_hidden_layers", 32), DModel: f.int("hidden_size", 4544), Heads: f.int("num_attention_heads", 71),
		Vocab: f.int("vocab_size", 65024), Context: f.int("max_position_embeddings", 2048), Norm: config.NormLayer,
		Eps: f.float("layer_norm_epsilon", 1e-5), Act: f.act("activation", "gelu"), Position: config.PosRotary,
	}
	f.common(&c, true)
	c.DMLP = f.int("ffn_hidden_size", 4*c.DModel)
	f.must("alibi", false)
	f.flag("bias")
	grouped := f.bool("new_decoder_architecture", false)
	c.KVHeads = f.int("num_kv_heads", c.Heads)
	if one := f.bool("multi_query", true); !grouped && one {
		c.KVHeads = 1
	} else if !grouped {
		c.KVHeads = c.Heads
	}
	c.Parallel = f.bool("parallel_attn", true) || grouped
	norms := f.int("num_ln_in_parallel_attn", 2)
	c.SharedNorm = c.Parallel && (!grouped || norms == 1)
	base, share := f.float("rope_theta", 10000), 1.0
	scaling := f.rope(&base, &share, c.Context)
	if err := f.heads(&c, 0); err != nil {
		return c, err
	}
	c.Scale = 1 / math.Sqrt(float64(c.DHead))
	c.Rotary = config.Rotary{Dim: c.DHead, Base: base, Scaling: scaling}
	return c, nil
}

func falconLoad(c *config.Config, src Source) (Plan, error) {
	l := newLoader(src, "transformer.")
	d := c.DModel
	l.embed(c, "word_embeddings", "lm_head")
	l.affine("ln_final", "ln_f", d, true)
	l.unembed(c, "lm_head", false)
	for i := range c.Layers {
		to := func(local string) string { return LayerName(i, local) }
		from := func(local string) string { return fmt.Sprintf("h.%d.%s", i, local) }
		switch {
		case c.SharedNorm:
			l.affine(to("ln1"), from("input_layernorm"), d, true)
		case c.Parallel:
			l.affine(to("ln1"), from("ln_attn"), d, true)
			l.affine(to("ln2"), from("ln_mlp"), d, true)
		default:
			l.affine(to("ln1"), from("input_layernorm"), d, true)
			l.affine(to("ln2"), from("post_attention_layernorm"), d, true)
		}
		l.groups(from("self_attention.query_key_value"), c, to)
		l.rows(to("attn.W_O"), to("attn.b_O"), from("self_attention.dense"), d, d, 0, d, straight)
		l.rows(to("mlp.W_in"), to("mlp.b_in"), from("mlp.dense_h_to_4h"), d, c.DMLP, 0, c.DMLP, straight)
		l.rows(to("mlp.W_out"), to("mlp.b_out"), from("mlp.dense_4h_to_h"), c.DMLP, d, 0, d, straight)
	}
	return l.done(c, masks)
}
