package arch

import "github.com/golens/golens/model/config"

func init() { families["granite"] = Family{graniteConfig, decoder{}.load} }

// graniteConfig reads Granite: Llama with four factors.
func graniteConfig(f *fields) (config.Config, error) {
	c := f.modern(modernDefaults{layers: 32, width: 4096, heads: 32, neurons: 11008, vocab: 32000, context: 2048, eps: 1e-6, theta: 10000})
	f.flag("attention_bias")
	f.flag("mlp_bias")
	c.Scale = f.float("attention_multiplier", 1)
	c.EmbedScale = f.float("embedding_multiplier", 1)
	c.ResidScale = f.float("residual_multiplier", 1)
	divisor := f.float("logits_scaling", 1)
	if divisor == 0 {
		f.fail("logits_scaling is 0, by which nothing can be divided")
	}
	c.LogitScale = 1 / divisor
	return c, f.done()
}
