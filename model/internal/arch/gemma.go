package arch

import (
	"math"

	"github.com/golens/golens/model/config"
)

func init() {
	families["gemma"] = Family{gemmaConfig, decoder{plusOne: true}.load}
	families["gemma2"] = Family{gemma2Config, decoder{plusOne: true}.load}
	families["gemma3_text"] = Family{gemma3Config, decoder{plusOne: true}.load}
}

// gemmaConfig reads Gemma 1: Llama with a scaled embedding, which is tied, and
// norm weights that are added to one.
func gemmaConfig(f *fields) (config.Config, error) {
	c := f.modern(modernDefaults{layers: 28, width: 3072, heads: 16, keys: 16, head: 256, neurons: 24576, vocab: 256000, context: 8192,
		eps: 1e-6, theta: 10000, tied: true, act: "hidden_act"})
	// As transformers 5 does it: hidden_activation says nothing, and gelu, which
	// the first configs have, means its tanh approximation.
	if c.Act == config.ActGELU {
		f.warn("hidden_act is gelu, by which Gemma's configs mean %s: that is computed", config.ActGELUTanh)
		c.Act = config.ActGELUTanh
	}
	f.get("hidden_activation", new(string))
	f.flag("attention_bias")
	c.EmbedScale = embedScale(c)
	return c, f.done()
}

// embedScale is sqrt(d_model) as float32 holds it.
func embedScale(c config.Config) float64 { return float64(float32(math.Sqrt(float64(c.DModel)))) }

// gemma2Config reads Gemma 2: norms on both sides, soft caps, every other layer
// local.
func gemma2Config(f *fields) (config.Config, error) {
	c := f.modern(modernDefaults{layers: 26, width: 2304, heads: 8, keys: 4, head: 256, neurons: 9216, vocab: 256000, context: 8192,
		eps: 1e-6, theta: 10000, tied: true, act: "hidden_activation"})
	f.gemmaNorms(&c)
	c.AttnCap, c.LogitCap = f.cap("attn_logit_softcapping", 50), f.cap("final_logit_softcapping", 30)
	f.locals(&c, f.int("sliding_window", 4096), func(layer int) bool { return layer%2 == 0 })
	return c, f.done()
}

// gemma3Config reads the text model of Gemma 3: norms on queries and keys, five
// local layers to one global, each kind with a rotation of its own.
func gemma3Config(f *fields) (config.Config, error) {
	c := f.modern(modernDefaults{layers: 26, width: 2304, heads: 8, keys: 4, head: 256, neurons: 9216, vocab: 262208, context: 131072,
		eps: 1e-6, theta: 1e6, tied: true, act: "hidden_activation"})
	f.gemmaNorms(&c)
	c.QKNorm = config.QKNormHead
	c.LogitCap = f.cap("final_logit_softcapping", 0)
	if f.cap("attn_logit_softcapping", 0) != 0 {
		f.warn("attn_logit_softcapping is %s; scores of Gemma 3 are not capped, as in transformers 4.57", short(f.keys["attn_logit_softcapping"]))
	}
	f.must("use_bidirectional_attention", false)
	every := f.int("sliding_window_pattern", f.int("_sliding_window_pattern", 6))
	f.locals(&c, f.int("sliding_window", 4096), func(layer int) bool { return every < 1 || (layer+1)%every != 0 })
	base, scaling := f.localRope(f.float("rope_local_base_freq", 10000), c.Context)
	c.LocalRotary = config.Rotary{Dim: c.Rotary.Dim, Base: base, Scaling: scaling}
	return c, f.done()
}

// gemmaNorms is what Gemma 2 and 3 share.
func (f *fields) gemmaNorms(c *config.Config) {
	f.read["hidden_act"] = true // hidden_activation is used in its place
	f.flag("attention_bias")
	c.NormAt = config.NormSandwich
	c.EmbedScale = embedScale(*c)
	c.Scale = 1 / math.Sqrt(f.float("query_pre_attn_scalar", 256))
}

// cap is a soft cap; null means none.
func (f *fields) cap(key string, otherwise float64) float64 {
	if f.null(key) {
		otherwise = 0
	}
	return f.float(key, otherwise)
}
