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
	if !f.bool("do_layer_norm_before", true) { // OPT-350m
		c.NormAt, c.NoFinal = config.NormOnSum, true
	}
	c.NoFinal = f.bool("_remove_final_layer_norm", false) || c.NoFinal
	f.must("enable_bias", true)
	f.must("layer_norm_elementwise_affine", true)
	f.int("word_embed_proj_dim", c.DModel) // the loader sees by itself
	if err := f.heads(&c, 0); err != nil {
		return c, err
	}
	c.Scale = 1 / math.Sqrt(float64(c.DHead))
	return c, nil
}

func optLoad(c config.Config, src Source) (Params, error) {
	l := newLoader(src, "model.")
	d := c.DModel
	l.words(c)
	if table := l.read("decoder.embed_positions.weight", c.Context+optOffset, d); l.err == nil {
		l.params["pos_embed.W_pos"] = Param{[]int{c.Context, d}, table[optOffset*d:]}
	}
	if !c.NoFinal {
		l.affine("ln_final", "decoder.final_layer_norm", d, true)
	}
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

// words reads the embedding and the unembedding. Those of OPT-350m are narrower
// than the residual stream and stand behind a projection; the products with it
// take their place, so that hook_embed is what is added to the stream.
func (l *loader) words(c config.Config) {
	into := l.project("decoder.project_in.weight", c.DModel, false)
	out := l.project("decoder.project_out.weight", c.DModel, true)
	width := c.DModel
	if into != nil {
		width = len(into) / c.DModel
	}
	l.take("embed.W_E", "decoder.embed_tokens.weight", c.Vocab, width)
	if c.Tied {
		l.params["unembed.W_U"] = l.params["embed.W_E"]
		l.used["lm_head.weight"] = true // some files hold it beside its twin
	} else {
		l.take("unembed.W_U", "lm_head.weight", c.Vocab, width)
	}
	if l.err == nil && into != nil {
		l.params["embed.W_E"] = product(l.params["embed.W_E"], into, c.DModel)
	}
	if l.err == nil && out != nil {
		l.params["unembed.W_U"] = product(l.params["unembed.W_U"], out, c.DModel)
	}
}

// project reads a projection as [width, d_model], or nothing if there is none.
// The file holds it that way round, or transposed.
func (l *loader) project(name string, d int, asIs bool) []float32 {
	if l.err != nil || !l.has(name) {
		return nil
	}
	shape, values, err := l.src.Float32(l.full(name))
	if err != nil {
		l.err = err
		return nil
	}
	l.used[l.full(name)] = true
	if len(shape) != 2 || asIs && shape[1] != d || !asIs && shape[0] != d {
		l.err = fmt.Errorf("tensor %s has shape %v; one side must be the width of the stream, %d", l.full(name), shape, d)
		return nil
	}
	if !asIs {
		values = transpose(values, shape[0], shape[1])
	}
	return values
}

// product is a [rows, n] times b [n, cols].
func product(a Param, b []float32, cols int) Param {
	rows, n := a.Shape[0], a.Shape[1]
	out := Param{[]int{rows, cols}, make([]float32, rows*cols)}
	sum := make([]float64, cols)
	for r := range rows {
		clear(sum)
		for i, v := range a.Data[r*n : (r+1)*n] {
			for j, w := range b[i*cols : (i+1)*cols] {
				sum[j] += float64(v) * float64(w)
			}
		}
		copy(out.Data[r*cols:], narrow(sum))
	}
	return out
}
