package arch

import (
	"fmt"
	"math"

	"github.com/golens/golens/model/config"
)

func init() {
	families["bert"] = Family{bertConfig, bertNames.load}
	families["roberta"] = Family{robertaConfig, robertaNames.load}
	families["distilbert"] = Family{distilBERTConfig, distilBERTNames.load}
}

// bertConfig reads BERT with its head for masked words. Every token is of the
// first segment.
func bertConfig(f *fields) (config.Config, error) {
	c := f.encoder(30522, 512, 1e-12)
	return c, f.heads(&c, 0)
}

// robertaConfig reads RoBERTa: BERT whose positions begin behind the padding's.
func robertaConfig(f *fields) (config.Config, error) {
	c := f.encoder(50265, 512, 1e-12)
	f.must("hidden_act", "gelu") // which its head has in any case
	c.Context -= f.int("pad_token_id", 1) + 1
	return c, f.heads(&c, 0)
}

// encoder reads what BERT and RoBERTa share.
func (f *fields) encoder(vocab, context int, eps float64) config.Config {
	c := config.Config{
		Layers: f.int("num_hidden_layers", 12), DModel: f.int("hidden_size", 768), Heads: f.int("num_attention_heads", 12),
		DMLP: f.int("intermediate_size", 3072), Vocab: f.int("vocab_size", vocab), Context: f.int("max_position_embeddings", context),
		Norm: config.NormLayer, NormAt: config.NormOnSum, Eps: f.float("layer_norm_eps", eps), Act: f.act("hidden_act", "gelu"),
		Position: config.PosLearned, EmbedNorm: true, Encoder: true,
	}
	f.common(&c, true)
	c.KVHeads = c.Heads
	f.must("position_embedding_type", "absolute")
	f.int("type_vocab_size", 2)
	if c.Heads > 0 {
		c.Scale = 1 / math.Sqrt(float64(c.DModel/c.Heads))
	}
	return c
}

// distilBERTConfig reads DistilBERT: BERT without segments.
func distilBERTConfig(f *fields) (config.Config, error) {
	f.alias("dim", "hidden_size", "n_heads", "num_attention_heads", "n_layers", "num_hidden_layers")
	c := config.Config{
		Layers: f.int("n_layers", 6), DModel: f.int("dim", 768), Heads: f.int("n_heads", 12), DMLP: f.int("hidden_dim", 3072),
		Vocab: f.int("vocab_size", 30522), Context: f.int("max_position_embeddings", 512), Norm: config.NormLayer, NormAt: config.NormOnSum,
		Eps: 1e-12, Act: f.act("activation", "gelu"), Position: config.PosLearned, EmbedNorm: true, Encoder: true,
	}
	f.common(&c, true)
	f.ignored("sinusoidal_pos_embds") // the table is in the file
	c.KVHeads = c.Heads
	if c.Heads > 0 {
		c.Scale = 1 / math.Sqrt(float64(c.DModel/c.Heads))
	}
	return c, f.heads(&c, 0)
}

// encoderNames are where an encoder keeps its tensors.
type encoderNames struct {
	prefix, layer            string // layer has a place for its number
	q, k, v, o, ln1          string
	in, out, ln2             string
	dense, norm, words, bias string // of the head
}

var (
	bertNames = encoderNames{"bert.", "encoder.layer.%d.",
		"attention.self.query", "attention.self.key", "attention.self.value", "attention.output.dense", "attention.output.LayerNorm",
		"intermediate.dense", "output.dense", "output.LayerNorm",
		"cls.predictions.transform.dense", "cls.predictions.transform.LayerNorm", "cls.predictions.decoder", "cls.predictions.bias"}
	robertaNames = encoderNames{"roberta.", bertNames.layer,
		bertNames.q, bertNames.k, bertNames.v, bertNames.o, bertNames.ln1, bertNames.in, bertNames.out, bertNames.ln2,
		"lm_head.dense", "lm_head.layer_norm", "lm_head.decoder", "lm_head.bias"}
	distilBERTNames = encoderNames{"distilbert.", "transformer.layer.%d.",
		"attention.q_lin", "attention.k_lin", "attention.v_lin", "attention.out_lin", "sa_layer_norm", "ffn.lin1", "ffn.lin2", "output_layer_norm",
		"vocab_transform", "vocab_layer_norm", "vocab_projector", "vocab_projector.bias"}
)

func (n encoderNames) load(c *config.Config, src Source) (Plan, error) {
	l := newLoader(src, n.prefix)
	d := c.DModel
	l.embed(c, "embeddings.word_embeddings", n.words)
	l.positions(c, "embeddings.position_embeddings.weight")
	if name := "embeddings.token_type_embeddings.weight"; l.has(name) {
		l.segment(c, name)
	}
	l.affine("embed.ln", "embeddings.LayerNorm", d, true)
	l.maskedHead(c, n.dense, n.norm, n.words, n.bias)
	for i := range c.Layers {
		to := func(local string) string { return LayerName(i, local) }
		from := func(local string) string { return fmt.Sprintf(n.layer, i) + local }
		l.linear(to("attn.W_Q"), to("attn.b_Q"), from(n.q), d, d, true)
		l.linear(to("attn.W_K"), to("attn.b_K"), from(n.k), d, d, true)
		l.linear(to("attn.W_V"), to("attn.b_V"), from(n.v), d, d, true)
		l.linear(to("attn.W_O"), to("attn.b_O"), from(n.o), d, d, true)
		l.affine(to("ln1"), from(n.ln1), d, true)
		l.linear(to("mlp.W_in"), to("mlp.b_in"), from(n.in), d, c.DMLP, true)
		l.linear(to("mlp.W_out"), to("mlp.b_out"), from(n.out), c.DMLP, d, true)
		l.affine(to("ln2"), from(n.ln2), d, true)
	}
	return l.done(c, masks)
}

// positions reads a table of positions. What it has more than the context stands
// in front: rows that are padding's.
func (l *loader) positions(c *config.Config, name string) {
	if l.err != nil {
		return
	}
	table, err := l.find(name, c.Context+l.layout.before(), c.DModel)
	if err == nil && (len(table.Shape) != 2 || table.Shape[0] < c.Context || table.Shape[1] != c.DModel) {
		err = fmt.Errorf("tensor %s has shape %v; the config asks for %d rows of %d", l.full(name), table.Shape, c.Context, c.DModel)
	}
	if err != nil {
		l.err = err
		return
	}
	l.used[l.full(name)] = true
	first := (table.Shape[0] - c.Context) * c.DModel
	l.put("pos_embed.W_pos", []int{c.Context, c.DModel}, table, func(dst []float32) error { return table.Read(dst, first) })
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
	table, err := l.find(name, l.layout.segments(), c.DModel)
	if err == nil && (len(table.Shape) != 2 || table.Shape[0] < 1 || table.Shape[1] != c.DModel) {
		err = fmt.Errorf("tensor %s has shape %v; the config asks for rows of %d", l.full(name), table.Shape, c.DModel)
	}
	if err != nil {
		l.err = err
		return
	}
	l.used[l.full(name)] = true
	if l.layout != nil {
		l.layout.note("pos_embed.W_pos", table)
	}
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
