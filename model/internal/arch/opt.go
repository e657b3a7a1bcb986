package arch

import (
	"fmt"
	"math"

	"github.com/golens/golens/model/config"
)

func init() { families["opt"] = Family{optConfig, optLoad} }

// optOffset is how many rows of OPT's position table come before position 0.
const optOffset = 2

func optConfig(f *fields) (config.Config, error) {
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

func optLoad(c *config.Config, src Source) (Plan, error) {
	l := newLoader(src, "model.")
	d := c.DModel
	l.projected(c)
	table := l.tensor("decoder.embed_positions.weight", c.Context+optOffset, d)
	l.put("pos_embed.W_pos", []int{c.Context, d}, table, func(dst []float32) error { return table.Read(dst, optOffset*d) })
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
	return l.done(c, masks)
}

// projected reads the embedding and the unembedding. Those of OPT-350m are narrower
// than the residual stream and stand behind a projection; the products with it
// take their place, so that hook_embed is what is added to the stream.
func (l *loader) projected(c *config.Config) {
	into, width := l.projection("decoder.project_in.weight", c.DModel, 0)
	out, _ := l.projection("decoder.project_out.weight", c.DModel, 1)
	name := "decoder.embed_tokens.weight"
	if c.Tied && !l.has(name) && l.has("lm_head.weight") {
		name = "lm_head.weight"
	}
	l.tokens = l.full(name)
	l.words(c, "embed.W_E", name, width)
	switch {
	case c.Tied:
		l.tie(c, "lm_head.weight")
	case !l.has("lm_head.weight"):
		c.Headless = true
		l.plan["unembed.W_U"] = l.plan["embed.W_E"]
	default:
		l.words(c, "unembed.W_U", "lm_head.weight", width)
	}
	if l.err != nil {
		return
	}
	if into != nil {
		l.plan["embed.W_E"] = product(l.plan["embed.W_E"], into)
	}
	if out != nil {
		l.plan["unembed.W_U"] = product(l.plan["unembed.W_U"], out)
	}
}

// projection is a matrix as [width, d], and its width; the file holds d on the
// given axis. Without the tensor it is nil, and the width is d.
func (l *loader) projection(name string, d, axis int) (*Pending, int) {
	if l.err != nil || !l.has(name) {
		return nil, d
	}
	v, err := l.src.Tensor(l.full(name))
	if err == nil && (len(v.Shape) != 2 || v.Shape[axis] != d) {
		err = fmt.Errorf("tensor %s has shape %v; axis %d must be the width of the stream, %d", l.full(name), v.Shape, axis, d)
	}
	if err != nil {
		l.err = err
		return nil, d
	}
	l.used[l.full(name)] = true
	width := v.Shape[1-axis]
	return &Pending{[]int{width, d}, func(dst []float32) error {
		if axis == 1 {
			return v.Read(dst, 0)
		}
		return v.ReadTransposed(dst, d, width, func(row int) int { return row * width })
	}}, width
}

// product is a [rows, n] times b [n, cols].
func product(a, b *Pending) *Pending {
	rows, n, cols := a.Shape[0], a.Shape[1], b.Shape[1]
	return &Pending{[]int{rows, cols}, func(dst []float32) error {
		left, right := make([]float32, a.Size()), make([]float32, b.Size())
		if err := a.Fill(left); err != nil {
			return err
		}
		if err := b.Fill(right); err != nil {
			return err
		}
		sum := make([]float64, cols)
		for r := range rows {
			clear(sum)
			for i, v := range left[r*n : (r+1)*n] {
				for j, w := range right[i*cols : (i+1)*cols] {
					sum[j] += float64(v) * float64(w)
				}
			}
			for j, v := range sum {
				dst[r*cols+j] = float32(v)
			}
		}
		return nil
	}}
}
