package arch

import (
	"encoding/json"
	"math"

	"github.com/golens/golens/model/config"
)

// ropeScaling is a config's rope_scaling, or the newer rope_parameters.
type ropeScaling struct {
	Type      string    `json:"rope_type"`
	OldType   string    `json:"type"`
	Theta     *float64  `json:"rope_theta"`
	Share     *float64  `json:"partial_rotary_factor"`
	Factor    float64   `json:"factor"`
	Low       float64   `json:"low_freq_factor"`
	High      float64   `json:"high_freq_factor"`
	BetaFast  float64   `json:"beta_fast"`
	BetaSlow  float64   `json:"beta_slow"`
	Attention float64   `json:"attention_factor"`
	MScale    float64   `json:"mscale"`
	MScaleAll float64   `json:"mscale_all_dim"`
	Truncate  *bool     `json:"truncate"`
	Original  int       `json:"original_max_position_embeddings"`
	Factors   []float64 `json:"factors"`
	Short     []float64 `json:"short_factor"`
}

// rope reads how rotary positions are stretched. What rope_parameters says of
// the base and of the share that rotates takes the place of older keys.
func (f *fields) rope(base, share *float64, context int) config.Scaling {
	var s config.Scaling
	for _, key := range []string{"rope_scaling", "rope_parameters"} {
		var raw map[string]json.RawMessage
		if !f.get(key, &raw) || len(raw) == 0 {
			continue
		}
		if of := f.layerRopes(key, raw); of != nil {
			raw = of["full_attention"]
		}
		s = f.scaling(key, raw, base, share, context)
	}
	return s
}

// localRope is the base of the rotation in local layers, where rope_parameters
// has one for each type of layer, else otherwise.
func (f *fields) localRope(otherwise float64, context int) (base float64, s config.Scaling) {
	const key = "rope_parameters"
	var raw map[string]json.RawMessage
	base, share := otherwise, 1.0
	if f.get(key, &raw) {
		if local := f.layerRopes(key, raw)["sliding_attention"]; local != nil {
			s = f.scaling(key, local, &base, &share, context)
		}
	}
	return base, s
}

// layerRopes are the parameters of each type of layer, as transformers 5 writes
// them; nil if all layers have the same.
func (f *fields) layerRopes(key string, raw map[string]json.RawMessage) map[string]map[string]json.RawMessage {
	of := map[string]map[string]json.RawMessage{}
	for kind, value := range raw {
		var one map[string]json.RawMessage
		if len(value) == 0 || value[0] != '{' || json.Unmarshal(value, &one) != nil {
			continue
		}
		if kind != "full_attention" && kind != "sliding_attention" {
			f.fail("%s: layers of type %q are not implemented; full_attention and sliding_attention are", key, kind)
		}
		of[kind] = one
	}
	if len(of) == 0 {
		return nil
	}
	if len(of) < len(raw) {
		f.fail("%s has both parameters for all layers and for types of layers", key)
	}
	return of
}

func (f *fields) scaling(key string, raw map[string]json.RawMessage, base, share *float64, context int) config.Scaling {
	known := map[string]bool{"rope_type": true, "type": true, "rope_theta": true, "partial_rotary_factor": true, "factor": true,
		"low_freq_factor": true, "high_freq_factor": true, "beta_fast": true, "beta_slow": true, "attention_factor": true,
		"factors": true, "mscale": true, "short_factor": true, "mscale_all_dim": true, "truncate": true,
		"original_max_position_embeddings": true}
	var r ropeScaling
	all, err := json.Marshal(raw)
	if err == nil {
		err = json.Unmarshal(all, &r)
	}
	if r.Type == "" {
		r.Type = r.OldType
	}
	known["long_factor"] = r.Type == "longrope" || r.Type == "su"
	for name, value := range raw {
		if !known[name] && string(value) != "null" {
			f.fail("%s: %s is %s, which is not implemented", key, name, short(value))
		}
	}
	if r.Theta != nil {
		*base = *r.Theta
	}
	if r.Share != nil {
		*share = *r.Share
	}
	s := config.Scaling{Type: r.Type, Factor: r.Factor, LowFactor: r.Low, HighFactor: r.High, BetaFast: r.BetaFast,
		BetaSlow: r.BetaSlow, Attention: r.Attention, Original: r.Original, Factors: r.Factors, Smooth: r.Truncate != nil && !*r.Truncate}
	if known["long_factor"] {
		s = f.longrope(s, r.Short, context)
	}
	if s.Attention == 0 && r.MScale != 0 && r.MScaleAll != 0 {
		s.Attention = yarnSize(s.Factor, r.MScale) / yarnSize(s.Factor, r.MScaleAll)
	}
	if err == nil {
		s, err = checkScaling(s, context)
	}
	if err != nil {
		f.fail("%s: %w", key, err)
	}
	return s
}

// longrope is the rotation within the original context; what comes after it is
// stretched by other factors.
//
// Source: Ding et al. 2024, "LongRoPE: Extending LLM Context Window Beyond 2
// Million Tokens"; what queries and keys are multiplied by is Phi 3's.
func (f *fields) longrope(s config.Scaling, short []float64, context int) config.Scaling {
	if len(short) == 0 {
		f.fail("rope_scaling longrope: short_factor is missing")
	}
	if original := f.int("original_max_position_embeddings", 0); original > 0 {
		s.Original, s.Factor = original, float64(context)/float64(original)
	}
	if s.Original == 0 {
		s.Original = context
	}
	if s.Attention == 0 && s.Factor > 1 {
		s.Attention = math.Sqrt(1 + math.Log(s.Factor)/math.Log(float64(s.Original)))
	}
	s.Type, s.Factors = "factors", short
	return s
}
