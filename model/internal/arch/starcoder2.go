package arch

import "github.com/golens/golens/model/config"

func init() { families["starcoder2"] = Family{starcoder2Config, decoder{}.load} }

// starcoder2Config reads StarCoder 2: Llama with LayerNorms, biases and an MLP
// without a gate.
func starcoder2Config(f *fields) (config.Config, error) {
	c := f.modern(modernDefaults{layers: 30, width: 3072, heads: 24, keys: 2, neurons: 12288, vocab: 49152, context: 4096, theta: 10000,
		tied: true, norm: "norm_epsilon", eps: 1e-5, act: "hidden_act"})
	c.Norm, c.Gated = config.NormLayer, false
	f.flag("use_bias")
	// Published beside the keys that count, with values that say nothing else.
	f.ignored("activation_function", "layer_norm_epsilon", "mlp_type", "norm_type", "scale_attn_weights")
	f.locals(&c, f.int("sliding_window", 0), func(int) bool { return true })
	return c, f.done()
}
