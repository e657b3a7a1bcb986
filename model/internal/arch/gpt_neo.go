package arch

import (
	"encoding/json"
	"fmt"

	"github.com/golens/golens/model/config"
)

func init() { families["gpt_neo"] = Family{gptNeoConfig, gptNeoLoad} }

// gptNeoConfig reads GPT-Neo: GPT-2 with local layers and unscaled scores.
func gptNeoConfig(f *fields) (config.Config, error) {
	f.alias("num_heads", "num_attention_heads", "num_layers", "num_hidden_layers")
	c := config.Config{
		Layers: f.int("num_layers", 24), DModel: f.int("hidden_size", 2048), Heads: f.int("num_heads", 16),
		Vocab: f.int("vocab_size", 50257), Context: f.int("max_position_embeddings", 2048), Norm: config.NormLayer,
		Eps: f.float("layer_norm_epsilon", 1e-5), Act: f.act("activation_function", "gelu_new"), Position: config.PosLearned, Scale: 1,
		Window: f.int("window_size", 256),
	}
	f.common(&c, true)
	c.KVHeads = c.Heads
	c.DMLP = f.int("intermediate_size", 4*c.DModel)
	var kinds []string // of each layer
	var groups [][]json.RawMessage
	if !f.get("attention_layers", &kinds) {
		groups = [][]json.RawMessage{{json.RawMessage(`["global", "local"]`), json.RawMessage("12")}}
		f.get("attention_types", &groups)
		kinds = expand(f, groups)
	}
	f.ignored("attention_types") // says the same
	for _, kind := range kinds {
		if kind != "global" && kind != "local" {
			f.fail("attention_layers: %q is neither global nor local", kind)
		}
		c.Local = append(c.Local, kind == "local")
	}
	if c.Local == nil {
		c.Window = 0
	}
	return c, f.heads(&c, 0)
}

// expand repeats groups such as [["global", "local"], 12].
func expand(f *fields, groups [][]json.RawMessage) (kinds []string) {
	for _, g := range groups {
		var of []string
		var times int
		if len(g) != 2 || json.Unmarshal(g[0], &of) != nil || json.Unmarshal(g[1], &times) != nil || times < 0 || times > 1<<12 {
			f.err = fmt.Errorf("attention_types: want groups such as [[\"global\", \"local\"], 12]")
			return nil
		}
		if len(kinds)+len(of)*times > 1<<12 {
			f.err = fmt.Errorf("attention_types: they name more than %d layers", 1<<12)
			return nil
		}
		for range times {
			kinds = append(kinds, of...)
		}
	}
	return kinds
}

// heads finds the width of a head, from the config or from the width of the
// stream, and ends the reading.
func (f *fields) heads(c *config.Config, dHead int) error {
	if err := f.done(); err != nil {
		return err
	}
	if c.DHead = dHead; dHead > 0 {
		return nil
	}
	if c.Heads <= 0 || c.DModel%c.Heads != 0 {
		return fmt.Errorf("a width of %d is not a multiple of %d heads", c.DModel, c.Heads)
	}
	c.DHead = c.DModel / c.Heads
	return nil
}

func gptNeoLoad(c *config.Config, src Source) (Plan, error) {
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
		l.linear(to("attn.W_Q"), "", from("attn.attention.q_proj"), d, d, false)
		l.linear(to("attn.W_K"), "", from("attn.attention.k_proj"), d, d, false)
		l.linear(to("attn.W_V"), "", from("attn.attention.v_proj"), d, d, false)
		l.linear(to("attn.W_O"), to("attn.b_O"), from("attn.attention.out_proj"), d, d, true)
		l.affine(to("ln2"), from("ln_2"), d, true)
		l.linear(to("mlp.W_in"), to("mlp.b_in"), from("mlp.c_fc"), d, c.DMLP, true)
		l.linear(to("mlp.W_out"), to("mlp.b_out"), from("mlp.c_proj"), c.DMLP, d, true)
	}
	return l.done(c, masks)
}
