package arch

import "github.com/golens/golens/model/config"

func init() { families["phi3"] = Family{phi3Config, decoder{}.load} }

// phi3Config reads Phi 3 and Phi 4: Llama with fused matrices. With longrope,
// which stretches rows beyond the original context otherwise than shorter ones,
// the context is the original one.
func phi3Config(f *fields) (config.Config, error) {
	c := f.modern(modernDefaults{layers: 32, width: 3072, heads: 32, neurons: 8192, vocab: 32064, context: 4096, eps: 1e-5, theta: 10000, share: 1})
	f.ignored("original_max_position_embeddings") // without longrope it says nothing
	window := 0
	f.get("sliding_window", &window)
	f.locals(&c, window, func(int) bool { return true })
	return c, f.done()
}
