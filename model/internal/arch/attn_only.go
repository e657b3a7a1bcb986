package arch

import (
	"math"
	"slices"

	"github.com/golens/golens/model/config"
)

func init() { families["attn_only"] = Family{attnOnlyConfig, attnOnlyLoad} }

// attnOnlyConfig reads golens' own format for small models, attention-only unless
// n_inner says how many neurons their MLPs have: GPT-2's key names where GPT-2 has
// them. A d_head of its own lets heads be wider or narrower than d_model/n_head;
// n_kv_head heads of keys and values may be shared; norm and norm_at are those of
// package config.
func attnOnlyConfig(f *fields) (config.Config, error) {
	c := config.Config{
		Layers: f.int("n_layer", 0), DModel: f.int("n_embd", 0), Heads: f.int("n_head", 0), DHead: f.int("d_head", 0),
		Vocab: f.int("vocab_size", 0), Context: f.int("n_positions", 0), Norm: f.text("norm", ""), NormAt: f.text("norm_at", ""),
		Eps: f.float("layer_norm_epsilon", 0), LogitCap: f.float("final_logit_softcapping", 0),
		Position: config.PosLearned, BOS: f.token("bos_token_id"), EOS: f.token("eos_token_id"),
	}
	if c.KVHeads = f.int("n_kv_head", c.Heads); c.KVHeads == 0 {
		c.KVHeads = c.Heads
	}
	if norms := []string{config.NormLayer, config.NormRMS, config.NormNone}; !slices.Contains(norms, c.Norm) {
		f.fail("norm is %q; it must be one of %q", c.Norm, norms)
	}
	if places := []string{config.NormBefore, config.NormAfter, config.NormSandwich, config.NormOnSum}; !slices.Contains(places, c.NormAt) {
		f.fail("norm_at is %q; it must be one of %q", c.NormAt, places)
	}
	if c.DMLP = f.int("n_inner", 0); c.DMLP > 0 {
		c.Act = f.act("activation_function", "relu")
	}
	c.Scale = f.float("attn_scale", 1/math.Sqrt(float64(c.DHead)))
	return c, f.done()
}

// attnOnlyLoad reads tensors that already have our names and layouts.
func attnOnlyLoad(c *config.Config, src Source) (Plan, error) {
	l := newLoader(src, "")
	for name, shape := range Shapes(*c) {
		if l.wants(name, name) {
			l.take(name, name, shape...)
		}
	}
	return l.done(c, func(string) bool { return false })
}
