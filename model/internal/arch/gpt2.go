package arch

import (
	"fmt"
	"math"

	"github.com/golens/golens/model/config"
)

func init() { families["gpt2"] = Family{gpt2Config, gpt2Load} }

func gpt2Config(f *fields) (config.Config, error) {
	f.alias("n_embd", "hidden_size", "n_positions", "max_position_embeddings", "n_head", "num_attention_heads", "n_layer", "num_hidden_layers")
	c := config.Config{
		Layers: f.int("n_layer", 12), DModel: f.int("n_embd", 768), Heads: f.int("n_head", 12), Vocab: f.int("vocab_size", 50257),
		Context: f.int("n_positions", 1024), Norm: config.NormLayer, Eps: f.float("layer_norm_epsilon", 1e-5),
		Act: f.act("activation_function", "gelu_new"), Position: config.PosLearned, Scale: 1,
	}
	f.common(&c, true)
	c.KVHeads = c.Heads
	c.DMLP = f.int("n_inner", 4*c.DModel)
	f.must("scale_attn_by_inverse_layer_idx", false)
	scaled := f.bool("scale_attn_weights", true)
	if err := f.heads(&c, 0); err != nil {
		return c, err
	}
	if scaled {
		c.Scale = 1 / math.Sqrt(float64(c.DHead))
	}
	return c, nil
}

func gpt2Load(c *config.Config, src Source) (Plan, error) {
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
		l.split(from("attn.c_attn.weight"), d, d, to("attn.W_Q"), to("attn.W_K"), to("attn.W_V"))
		l.split(from("attn.c_attn.bias"), 0, d, to("attn.b_Q"), to("attn.b_K"), to("attn.b_V"))
		l.take(to("attn.W_O"), from("attn.c_proj.weight"), d, d)
		l.take(to("attn.b_O"), from("attn.c_proj.bias"), d)
		l.affine(to("ln2"), from("ln_2"), d, true)
		l.take(to("mlp.W_in"), from("mlp.c_fc.weight"), d, c.DMLP)
		l.take(to("mlp.b_in"), from("mlp.c_fc.bias"), c.DMLP)
		l.take(to("mlp.W_out"), from("mlp.c_proj.weight"), c.DMLP, d)
		l.take(to("mlp.b_out"), from("mlp.c_proj.bias"), d)
	}
	return l.done(c, masks)
}

// activation translates Hugging Face's name of an activation function.
func activation(name string) (string, error) {
	known := map[string]string{
		"gelu_new": config.ActGELUTanh, "gelu_pytorch_tanh": config.ActGELUTanh, "gelu_fast": config.ActGELUTanh,
		"gelu": config.ActGELU, "relu": config.ActReLU, "silu": config.ActSiLU, "swish": config.ActSiLU,
	}
	act, ok := known[name]
	if !ok {
		return "", fmt.Errorf("activation function %q is not implemented", name)
	}
	return act, nil
}
