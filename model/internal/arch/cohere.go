package arch

import "github.com/golens/golens/model/config"

func init() { families["cohere"] = Family{cohereConfig, decoder{}.load} }

// cohereConfig reads Command R: parallel blocks with one LayerNorm, rotation of
// adjacent pairs.
func cohereConfig(f *fields) (config.Config, error) {
	c := f.modern(modernDefaults{layers: 40, width: 8192, heads: 64, neurons: 22528, vocab: 256000, context: 8192, theta: 10000, tied: true,
		norm: "layer_norm_eps", eps: 1e-5})
	c.Norm, c.Parallel, c.SharedNorm = config.NormLayer, true, true
	c.Rotary.Adjacent = true
	c.LogitScale = f.float("logit_scale", 0.0625)
	f.must("use_qk_norm", false)
	f.flag("attention_bias")
	return c, f.done()
}
