package arch

import "github.com/golens/golens/model/config"

func init() { families["smollm3"] = Family{smolLM3Config, decoder{}.load} }

// smolLM3Config reads SmolLM3: Llama in which every fourth layer has no positions.
func smolLM3Config(f *fields) (config.Config, error) {
	c := f.modern(modernDefaults{layers: 36, width: 2048, heads: 16, keys: 4, neurons: 11008, vocab: 128256, context: 32768, eps: 1e-6, theta: 2e6, tied: true})
	f.flag("attention_bias")
	f.flag("mlp_bias")
	f.must("use_sliding_window", false)
	f.ignored("sliding_window", "layer_types", "max_window_layers") // without windows they say nothing
	every := f.int("no_rope_layer_interval", 4)
	rotates := make([]int, max(0, min(c.Layers, 1<<12)))
	for l := range rotates {
		if every < 1 || (l+1)%every != 0 {
			rotates[l] = 1
		}
	}
	if f.get("no_rope_layers", &rotates); len(rotates) != c.Layers {
		f.fail("no_rope_layers has %d entries for %d layers", len(rotates), c.Layers)
	}
	// Layers without positions are local ones whose window is the whole context.
	for _, r := range rotates {
		c.Local = append(c.Local, r == 0)
	}
	c.Window, c.LocalRotary = c.Context, config.Rotary{Dim: c.Rotary.Dim, Base: c.Rotary.Base, Scaling: config.Scaling{Type: "none"}}
	return c, f.done()
}
