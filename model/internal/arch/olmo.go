package arch

import "github.com/golens/golens/model/config"

func init() { families["olmo"] = Family{olmoConfig, decoder{}.load} }

// olmoConfig reads the first OLMo: Llama with LayerNorms that have no weights.
func olmoConfig(f *fields) (config.Config, error) {
	c := f.modern(modernDefaults{layers: 32, width: 4096, heads: 32, neurons: 11008, vocab: 50304, context: 2048, theta: 10000})
	c.Norm, c.Eps = config.NormLayer, 1e-5
	c.Clip = f.float("clip_qkv", 0)
	f.flag("attention_bias")
	return c, f.done()
}
