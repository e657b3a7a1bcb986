package arch

import (
	"encoding/json"
	"fmt"
	"math"

	"github.com/golens/golens/model/config"
)

func init() { families["opt"] = Family{optConfig, optLoad} }

// optOffset is how many rows of OPT's position table come before position 0.
const optOffset = 2

func optConfig(raw json.RawMessage) (config.Config, error) {
	f := newFields(raw)
	c := config.Config{
		Layers: f.int("num_hidden_layers", 12), DModel: f.int("hidden_size", 768), Heads: f.int("num_attention_heads", 12),
		DMLP: f.int("ffn_dim", 3072), Vocab: f.int("vocab_size", 50272), Context: f.int("max_position_embeddings", 2048),
		Norm: config.NormLayer, Eps: 1e-5, Act: f.act("activation_function", "relu"), Position: config.PosLearned,
	}
	f.common(&c, true)
	c.KVHeads = c.Heads
	f.must("do_layer_norm_before", true)
	f.must("_remove_final_layer_norm", false)
	f.must("enable_bias", true)
	f.must("layer_norm_elementwise_affine", true)
	f.must("word_embed_proj_dim", c.DModel)
	if err := f.heads(&c, 0); err != nil {
		return c, err
	}
	c.Scale = 1 / math.Sqrt(float64(c.DHead))
	return c, nil
}

func optLoad(c config.Config, src Source) (Plan, error) {
	l := newLoader(src, "model.")
	d := c.DModel
	l.take("embed.W_E", "decoder.embed_tokens.weight", c.Vocab, d)
	table := l.tensor("decoder.embed_positions.weight", c.Context+optOffset, d)
	l.put("pos_embed.W_pos", []int{c.Context, d}, table, func(dst []float32) error { return table.Read(dst, optOffset*d) })
	l.affine("ln_final", "decoder.final_layer_norm", d, true)
	l.unembed(c, "lm_head", false)
	for i := range c.Layers {
		to := func(local string) string { return LayerName(i, local) }
		from := func(local string) string { return fmt.Sprintf("decoder.layers.%d.%s", i, local) }
		l.affine(to("ln1"), from("self_attn_layer_norm"), d, true)
		l.linear(to("attn.W_Q"), to("attn.b_Q"), from("self_attn.q_proj"), d, d, true)
		l.linear(to("attn.W_K"), to("attn.b_K"), from("self_attn.k_proj"), d, d, true)
		l.linear(to("attn.W_V"), to("attn.b_V"), from("self_attn.v_proj"), d, d, true)
		l.linear(to("attn.W_O"), to("attn.b_O"), from("self_attn.out_proj"), d, d, true)
		l.affine(to("ln2"), from("final_layer_norm"), d, true)
		l.linear(to("mlp.W_in"), to("mlp.b_in"), from("fc1"), d, c.DMLP, true)
		l.linear(to("mlp.W_out"), to("mlp.b_out"), from("fc2"), c.DMLP, d, true)
	}
	return l.done(masks)
}
