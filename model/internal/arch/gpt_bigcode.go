package arch

import (
	"fmt"
	"math"

	"github.com/golens/golens/model/config"
)

func init() { families["gpt_bigcode"] = Family{gptBigCodeConfig, gptBigCodeLoad} }

// gptBigCodeConfig reads GPT-BigCode (SantaCoder, StarCoder): GPT-2 whose heads
// share one key-value head.
func gptBigCodeConfig(f *fields) (config.Config, error) {
	f.alias("n_embd", "hidden_size", "n_positions", "max_position_embeddings", "n_head", "num_attention_heads", "n_layer", "num_hidden_layers")
	c := config.Config{
		Layers: f.int("n_layer", 12), DModel: f.int("n_embd", 768), Heads: f.int("n_head", 12), Vocab: f.int("vocab_size", 50257),
		Context: f.int("n_positions", 1024), Norm: config.NormLayer, Eps: f.float("layer_norm_epsilon", 1e-5),
		Act: f.act("activation_function", "gelu_pytorch_tanh"), Position: config.PosLearned, Scale: 1,
	}
	f.common(&c, true)
	if c.KVHeads = 1; !f.bool("multi_query", true) {
		c.KVHeads = c.Heads
	}
	f.ignored("num_key_value_heads") // says the same
	c.DMLP = f.int("n_inner", 4*c.DModel)
	scaled := f.bool("scale_attn_weights", true)
	if err := f.heads(&c, 0); err != nil {
		return c, err
	}
	if scaled {
		c.Scale = 1 / math.Sqrt(float64(c.DHead))
	}
	return c, nil
}

func gptBigCodeLoad(c *config.Config, src Source) (Plan, error) {
	l := newLoader(src, "transformer.")
	d := c.DModel
	l.embed(c, "wte", "lm_head")
	l.take("pos_embed.W_pos", "wpe.weight", c.Context, d)
	l.affine("ln_final", "ln_f", d, true)
	l.unembed(c, "lm_head", false)
	for i := range c.Layers {
		to := func(local string) string { return LayerName(i, local) }
		from := func(local string) string { return fmt.Sprintf("h.%d.%s", i, local) }
		l.affine(to("ln1"), from("ln_1"), d, true)
		l.groups(from("attn.c_attn"), c, to)
		l.linear(to("attn.W_O"), to("attn.b_O"), from("attn.c_proj"), d, d, true)
		l.affine(to("ln2"), from("ln_2"), d, true)
		l.linear(to("mlp.W_in"), to("mlp.b_in"), from("mlp.c_fc"), d, c.DMLP, true)
		l.linear(to("mlp.W_out"), to("mlp.b_out"), from("mlp.c_proj"), c.DMLP, d, true)
	}
	return l.done(c, masks)
}
