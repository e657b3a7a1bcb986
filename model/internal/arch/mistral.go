package arch

import (
	"github.com/golens/golens/model/config"
)

func init() { families["mistral"] = Family{mistralConfig, decoder{}.load} }

// mistralConfig reads Mistral: Llama with a window in every layer.
func mistralConfig(f *fields) (config.Config, error) {
	c := f.modern(modernDefaults{layers: 32, width: 4096, heads: 32, keys: 8, neurons: 14336, vocab: 32000, context: 4096 * 32, eps: 1e-6, theta: 10000})
	window := 4096 // of Hugging Face's default; null means none
	if f.null("sliding_window") {
		window = 0
	}
	f.locals(&c, f.int("sliding_window", window), func(int) bool { return true })
	return c, f.done()
}
