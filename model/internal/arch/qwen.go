package arch

import (
	"github.com/golens/golens/model/config"
)

func init() {
	families["qwen2"] = Family{qwen2Config, decoder{}.load}
	families["qwen3"] = Family{qwen3Config, decoder{}.load}
}

// qwen2Config reads Qwen 2 and 2.5: Llama with biases on queries, keys and
// values.
func qwen2Config(f *fields) (config.Config, error) {
	c := f.modern(modernDefaults{layers: 32, width: 4096, heads: 32, keys: 32, neurons: 22016, vocab: 151936, context: 32768, eps: 1e-6, theta: 10000})
	f.qwenWindow(&c)
	return c, f.done()
}

// qwen3Config reads Qwen 3: norms on queries and keys, head by head.
func qwen3Config(f *fields) (config.Config, error) {
	c := f.modern(modernDefaults{layers: 32, width: 4096, heads: 32, keys: 32, head: 128, neurons: 22016, vocab: 151936, context: 32768, eps: 1e-6, theta: 10000})
	c.QKNorm = config.QKNormHead
	f.flag("attention_bias")
	f.qwenWindow(&c)
	return c, f.done()
}

// qwenWindow reads the window, which the upper layers have if it is in use.
func (f *fields) qwenWindow(c *config.Config) {
	from := f.int("max_window_layers", 28)
	window := f.int("sliding_window", 4096)
	if !f.bool("use_sliding_window", false) {
		window = 0
	}
	f.locals(c, window, func(layer int) bool { return layer >= from })
}
