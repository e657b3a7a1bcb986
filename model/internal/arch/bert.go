package arch

import (
	"fmt"
	"math"

	"github.com/golens/golens/model/config"
)

func init() { families["bert"] = Family{bertConfig, bertLoad} }

// bertConfig reads BERT with its head for masked words. Every token is of the
// first segment.
func bertConfig(f *fields) (config.Config, error) {
	c := config.Config{
		Layers: f.int("num_hidden_layers", 12), DModel: f.int("hidden_size", 768), Heads: f.int("num_attention_heads", 12),
		DMLP: f.int("intermediate_size", 3072), Vocab: f.int("vocab_size", 30522), Context: f.int("max_position_embeddings", 512),
		Norm: config.NormLayer, NormAt: config.NormOnSum, Eps: f.float("layer_norm_eps", 1e-12), Act: f.act("hidden_act", "gelu"),
		Position: config.PosLearned, EmbedNorm: true, Encoder: true,
	}
	f.common(&c, true)
	c.KVHeads = c.Heads
	f.must("position_embedding_type", "absolute")
	f.int("type_vocab_size", 2)
	if err := f.heads(&c, 0); err != nil {
		return c, err
	}
	c.Scale = 1 / math.Sqrt(float64(c.DHead))
	return c, nil
}

func bertLoad(c *config.Config, src Source) (Plan, error) {
	l := newLoader(src, "bert.")
	d := c.DModel
	l.embed(c, "embeddings.word_embeddings", "cls.predictions.decoder")
	l.take("pos_embed.W_pos", "embeddings.position_embeddings.weight", c.Context, d)
	l.segment(c, "embeddings.token_type_embeddings.weight")
	l.affine("embed.ln", "embeddings.LayerNorm", d, true)
	l.maskedHead(c, "cls.predictions.transform.dense", "cls.predictions.transform.LayerNorm", "cls.predictions.decoder", "cls.predictions.bias")
	for i := range c.Layers {
		to := func(local string) string { return LayerName(i, local) }
		from := func(local string) string { return fmt.Sprintf("encoder.layer.%d.%s", i, local) }
		l.linear(to("attn.W_Q"), to("attn.b_Q"), from("attention.self.query"), d, d, true)
		l.linear(to("attn.W_K"), to("attn.b_K"), from("attention.self.key"), d, d, true)
		l.linear(to("attn.W_V"), to("attn.b_V"), from("attention.self.value"), d, d, true)
		l.linear(to("attn.W_O"), to("attn.b_O"), from("attention.output.dense"), d, d, true)
		l.affine(to("ln1"), from("attention.output.LayerNorm"), d, true)
		l.linear(to("mlp.W_in"), to("mlp.b_in"), from("intermediate.dense"), d, c.DMLP, true)
		l.linear(to("mlp.W_out"), to("mlp.b_out"), from("output.dense"), c.DMLP, d, true)
		l.affine(to("ln2"), from("output.LayerNorm"), d, true)
	}
	return l.done(c, masks)
}

// maskedHead reads the head for masked words, if there is one: a layer more, its
// norm, and the unembedding with its bias.
func (l *loader) maskedHead(c *config.Config, dense, norm, decoder, bias string) {
	if !l.has(dense + ".weight") {
		c.Headless = true
		l.plan["unembed.W_U"] = l.plan["embed.W_E"] // so that every model has one; nothing reads it
		return
	}
	l.linear("head.W", "head.b", dense, c.DModel, c.DModel, true)
	l.affine("ln_final", norm, c.DModel, true)
	l.unembed(c, decoder, false)
	if !l.has(bias) {
		bias = decoder + ".bias"
	}
	l.take("unembed.b_U", bias, c.Vocab)
	l.used[l.full(decoder+".bias")] = true // the same once more
}

// segment adds the embedding of the first segment, which every token has, to
// the positions'.
func (l *loader) segment(c *config.Config, name string) {
	if l.err != nil {
		return
	}
	table, err := l.src.Tensor(l.full(name))
	if err == nil && (len(table.Shape) != 2 || table.Shape[0] < 1 || table.Shape[1] != c.DModel) {
		err = fmt.Errorf("tensor %s has shape %v; the config asks for rows of %d", l.full(name), table.Shape, c.DModel)
	}
	if err != nil {
		l.err = err
		return
	}
	l.used[l.full(name)] = true
	w := l.plan["pos_embed.W_pos"]
	l.put("pos_embed.W_pos", w.Shape, table, func(dst []float32) error {
		if err := w.Fill(dst); err != nil {
			return err
		}
		row := make([]float32, c.DModel)
		if err := table.Read(row, 0); err != nil {
			return err
		}
		for i := range dst {
			dst[i] += row[i%len(row)]
		}
		return nil
	})
}
