package arch

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"

	"github.com/golens/golens/model/config"
)

func init() { families["attn_only"] = Family{attnOnlyConfig, attnOnlyLoad} }

// attnOnlyConfig reads golens' own format for small attention-only models:
// GPT-2's key names where GPT-2 has them. A d_head of its own lets heads be wider
// or narrower than d_model/n_head; n_kv_head heads of keys and values may be
// shared; norm and norm_at are those of package config.
func attnOnlyConfig(raw json.RawMessage) (config.Config, error) {
	var f struct {
		Vocab   int      `json:"vocab_size"`
		Context int      `json:"n_positions"`
		DModel  int      `json:"n_embd"`
		Layers  int      `json:"n_layer"`
		Heads   int      `json:"n_head"`
		KVHeads int      `json:"n_kv_head"` // default n_head
		DHead   int      `json:"d_head"`
		Norm    string   `json:"norm"`
		NormAt  string   `json:"norm_at"`
		Eps     float64  `json:"layer_norm_epsilon"`
		Cap     float64  `json:"final_logit_softcapping"`
		Scale   *float64 `json:"attn_scale"` // default 1/sqrt(d_head)
		BOS     *int     `json:"bos_token_id"`
		EOS     *int     `json:"eos_token_id"`
	}
	if err := json.Unmarshal(raw, &f); err != nil {
		return config.Config{}, err
	}
	if norms := []string{config.NormLayer, config.NormRMS, config.NormNone}; !slices.Contains(norms, f.Norm) {
		return config.Config{}, fmt.Errorf("norm is %q; it must be one of %q", f.Norm, norms)
	}
	if places := []string{config.NormBefore, config.NormAfter, config.NormSandwich, config.NormOnSum}; !slices.Contains(places, f.NormAt) {
		return config.Config{}, fmt.Errorf("norm_at is %q; it must be one of %q", f.NormAt, places)
	}
	c := config.Config{
		Layers: f.Layers, DModel: f.DModel, Heads: f.Heads, KVHeads: f.KVHeads, DHead: f.DHead, Vocab: f.Vocab,
		Context: f.Context, Norm: f.Norm, NormAt: f.NormAt, Eps: f.Eps, LogitCap: f.Cap, Position: config.PosLearned, BOS: f.BOS, EOS: f.EOS,
	}
	if f.KVHeads == 0 {
		c.KVHeads = c.Heads
	}
	c.Scale = 1 / math.Sqrt(float64(c.DHead))
	if f.Scale != nil {
		c.Scale = *f.Scale
	}
	return c, nil
}

// attnOnlyLoad reads tensors that already have our names and layouts.
func attnOnlyLoad(c config.Config, src Source) (Plan, error) {
	l := newLoader(src, "")
	for name, shape := range Shapes(c) {
		if l.has(name) {
			l.take(name, name, shape...)
		}
	}
	return l.done(func(string) bool { return false })
}
