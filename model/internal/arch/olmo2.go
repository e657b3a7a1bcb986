package arch

import (
	"github.com/golens/golens/model/config"
)

func init() { families["olmo2"] = Family{olmo2Config, decoder{}.load} }

// olmo2Config reads OLMo 2: norms behind the sublayers, and one on all heads'
// queries and keys together.
func olmo2Config(f *fields) (config.Config, error) {
	c := f.modern(modernDefaults{layers: 32, width: 4096, heads: 32, neurons: 11008, vocab: 50304, context: 2048, eps: 1e-5, theta: 10000})
	c.NormAt, c.QKNorm = config.NormAfter, config.QKNormAll
	f.flag("attention_bias")
	return c, f.done()
}
