package arch

import "github.com/golens/golens/model/config"

func init() { families["stablelm"] = Family{stableLMConfig, decoder{}.load} }

// stableLMConfig reads StableLM: Llama with LayerNorms and partial rotation, in
// parallel blocks or not.
func stableLMConfig(f *fields) (config.Config, error) {
	c := f.modern(modernDefaults{layers: 32, width: 2560, heads: 32, keys: 32, neurons: 6912, vocab: 50304, context: 4096, theta: 10000,
		norm: "layer_norm_eps", eps: 1e-5, share: 0.25})
	c.Norm = config.NormLayer
	f.flag("use_qkv_bias")
	f.must("qk_layernorm", false)
	c.Parallel = f.bool("use_parallel_residual", false)
	c.SharedNorm = c.Parallel
	return c, f.done()
}
