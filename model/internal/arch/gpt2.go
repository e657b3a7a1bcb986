package arch

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"

	"github.com/golens/golens/model/config"
)

func init() { families["gpt2"] = Family{gpt2Config, gpt2Load} }

func gpt2Config(raw json.RawMessage) (config.Config, error) {
	f := struct {
		Vocab     int     `json:"vocab_size"`
		Context   int     `json:"n_positions"`
		DModel    int     `json:"n_embd"`
		Layers    int     `json:"n_layer"`
		Heads     int     `json:"n_head"`
		Inner     *int    `json:"n_inner"`
		Act       string  `json:"activation_function"`
		Eps       float64 `json:"layer_norm_epsilon"`
		Tied      *bool   `json:"tie_word_embeddings"`
		Scale     *bool   `json:"scale_attn_weights"`
		ByLayer   bool    `json:"scale_attn_by_inverse_layer_idx"`
		CrossAttn bool    `json:"add_cross_attention"`
		BOS       *int    `json:"bos_token_id"`
		EOS       *int    `json:"eos_token_id"`
	}{Act: "gelu_new", Eps: 1e-5} // the defaults of Hugging Face's GPT2Config
	if err := json.Unmarshal(raw, &f); err != nil {
		return config.Config{}, err
	}
	if f.ByLayer || f.CrossAttn {
		return config.Config{}, fmt.Errorf("scale_attn_by_inverse_layer_idx and add_cross_attention are not implemented")
	}
	if f.Heads <= 0 || f.DModel%f.Heads != 0 {
		return config.Config{}, fmt.Errorf("n_embd %d is not a multiple of n_head %d", f.DModel, f.Heads)
	}
	act, err := activation(f.Act)
	c := config.Config{
		Layers: f.Layers, DModel: f.DModel, Heads: f.Heads, KVHeads: f.Heads, DHead: f.DModel / f.Heads,
		DMLP: 4 * f.DModel, Vocab: f.Vocab, Context: f.Context, Norm: config.NormLayer, Eps: f.Eps, Act: act,
		Position: config.PosLearned, Tied: f.Tied == nil || *f.Tied, BOS: f.BOS, EOS: f.EOS,
	}
	if f.Inner != nil {
		c.DMLP = *f.Inner
	}
	c.Scale = 1 / math.Sqrt(float64(c.DHead))
	if f.Scale != nil && !*f.Scale {
		c.Scale = 1
	}
	return c, err
}

func gpt2Load(c config.Config, src Source) (Params, error) {
	l := newLoader(src, "transformer.")
	d := c.DModel
	l.take("embed.W_E", "wte.weight", c.Vocab, d)
	l.take("pos_embed.W_pos", "wpe.weight", c.Context, d)
	l.take("ln_final.w", "ln_f.weight", d)
	l.take("ln_final.b", "ln_f.bias", d)
	if c.Tied {
		l.params["unembed.W_U"] = l.params["embed.W_E"]
	} else {
		l.take("unembed.W_U", "lm_head.weight", c.Vocab, d)
	}
	for i := range c.Layers {
		to := func(local string) string { return LayerName(i, local) }
		from := func(local string) string { return fmt.Sprintf("h.%d.%s", i, local) }
		l.take(to("ln1.w"), from("ln_1.weight"), d)
		l.take(to("ln1.b"), from("ln_1.bias"), d)
		l.split(from("attn.c_attn.weight"), d, d, to("attn.W_Q"), to("attn.W_K"), to("attn.W_V"))
		l.split(from("attn.c_attn.bias"), 0, d, to("attn.b_Q"), to("attn.b_K"), to("attn.b_V"))
		l.take(to("attn.W_O"), from("attn.c_proj.weight"), d, d)
		l.take(to("attn.b_O"), from("attn.c_proj.bias"), d)
		l.take(to("ln2.w"), from("ln_2.weight"), d)
		l.take(to("ln2.b"), from("ln_2.bias"), d)
		l.take(to("mlp.W_in"), from("mlp.c_fc.weight"), d, c.DMLP)
		l.take(to("mlp.b_in"), from("mlp.c_fc.bias"), c.DMLP)
		l.take(to("mlp.W_out"), from("mlp.c_proj.weight"), c.DMLP, d)
		l.take(to("mlp.b_out"), from("mlp.c_proj.bias"), d)
	}
	return l.done(func(name string) bool {
		// Older files carry the causal mask, and a tied head beside its twin.
		return strings.HasSuffix(name, ".attn.bias") || strings.HasSuffix(name, ".attn.masked_bias") ||
			c.Tied && name == "lm_head.weight"
	})
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
