package arch

import (
	"cmp"
	"fmt"
	"math"

	"github.com/golens/golens/model/config"
)

func init() { families["llama"] = Family{llamaConfig, decoder{}.load} }

// llamaConfig reads Llama 1 to 3.
func llamaConfig(f *fields) (config.Config, error) {
	c := f.modern(modernDefaults{layers: 32, width: 4096, heads: 32, neurons: 11008, vocab: 32000, context: 2048, eps: 1e-6, theta: 10000})
	f.flag("attention_bias")
	f.flag("mlp_bias")
	return c, f.done()
}

// modernDefaults are what Hugging Face takes where config.json says nothing.
type modernDefaults struct {
	layers, width, heads, neurons, vocab, context int
	keys                                          int // key-value heads; 0 for as many as heads
	head                                          int // d_head; 0 for width/heads
	eps, theta                                    float64
	share                                         float64 // of each head that rotates; 0 for all of it
	tied                                          bool
	act                                           string // key of the activation function, if not SiLU
	norm                                          string // key of eps; empty for rms_norm_eps
}

// modern reads the keys that all families since Llama share: RMS norms, rotary
// positions, gated MLPs, grouped keys.
func (f *fields) modern(d modernDefaults) config.Config {
	key, act := "hidden_act", "silu"
	if d.act != "" {
		key, act = d.act, "gelu_pytorch_tanh"
	}
	c := config.Config{
		Layers: f.int("num_hidden_layers", d.layers), DModel: f.int("hidden_size", d.width), Heads: f.int("num_attention_heads", d.heads),
		DMLP: f.int("intermediate_size", d.neurons), Vocab: f.int("vocab_size", d.vocab), Context: f.int("max_position_embeddings", d.context),
		Norm: config.NormRMS, Eps: f.float(cmp.Or(d.norm, "rms_norm_eps"), d.eps), Act: f.act(key, act), Gated: true, Position: config.PosRotary,
	}
	f.common(&c, d.tied)
	if d.keys == 0 {
		d.keys = c.Heads
	}
	if f.null("num_key_value_heads") {
		d.keys = c.Heads // whatever the family's default is
	}
	c.KVHeads = f.int("num_key_value_heads", d.keys)
	base, share := f.float("rope_theta", d.theta), 1.0
	if d.share > 0 {
		share = f.float("partial_rotary_factor", d.share)
	}
	scaling := f.rope(&base, &share, c.Context)
	if scaling.Type == "factors" && scaling.Original > 0 && scaling.Original < c.Context { // longrope
		f.warn("longrope stretches rows of more than %d tokens otherwise, which is not implemented; the context ends there, not at %d", scaling.Original, c.Context)
		c.Context = scaling.Original
	}
	if (d.head == 0 || f.null("head_dim")) && c.Heads > 0 {
		d.head = c.DModel / c.Heads
	}
	c.DHead = f.int("head_dim", d.head)
	c.Scale = 1 / math.Sqrt(float64(c.DHead))
	c.Rotary = config.Rotary{Dim: int(float64(c.DHead) * share), Base: base, Scaling: scaling}
	return c
}

// flag reads a key that decides which tensors there are, which the loader sees
// by itself.
func (f *fields) flag(key string) bool { return f.bool(key, false) }

// locals reads which layers see a window of keys only. Where layer_types is
// missing, local tells.
func (f *fields) locals(c *config.Config, window int, local func(layer int) bool) {
	var types []string
	named := f.get("layer_types", &types)
	if window == 0 {
		return
	}
	any := false
	for l := range max(0, min(c.Layers, 1<<12)) {
		is := local(l)
		if named && l < len(types) {
			if is = types[l] == "sliding_attention"; !is && types[l] != "full_attention" && f.err == nil {
				f.err = fmt.Errorf("layer_types: %q is not implemented; full_attention and sliding_attention are", types[l])
			}
		}
		c.Local, any = append(c.Local, is), any || is
	}
	if c.Window = window; !any {
		c.Window, c.Local = 0, nil
	}
}

// decoder is where the families since Llama keep their tensors.
type decoder struct {
	plusOne bool // norms hold their weight less one, as Gemma's
}

func (o decoder) load(c *config.Config, src Source) (Plan, error) {
	l := newLoader(src, "model.")
	d, q, kv := c.DModel, c.Heads*c.DHead, c.KVHeads*c.DHead
	take := func(weight, name string, n int) {
		l.take(weight, name+".weight", n)
		if o.plusOne && l.err == nil {
			l.plan[weight] = plusOne(l.plan[weight])
		}
	}
	norm := func(weight, name string) {
		if c.Norm == config.NormRMS || l.wants(weight+".w", name+".weight") { // OLMo's have neither weight nor bias
			take(weight+".w", name, d)
		}
		if c.Norm == config.NormLayer && l.wants(weight+".b", name+".bias") {
			l.take(weight+".b", name+".bias", d)
		}
	}
	l.embed(c, "embed_tokens", "lm_head")
	norm("ln_final", "norm")
	l.unembed(c, "lm_head", false)
	l.scale("unembed.W_U", c.LogitScale)
	for i := range c.Layers {
		to := func(local string) string { return LayerName(i, local) }
		from := func(local string) string { return fmt.Sprintf("layers.%d.%s", i, local) }
		part := func(weight, bias, name string, in, all, first, n int) {
			l.rows(to(weight), to(bias), from(name), in, all, first, n, straight)
		}
		if l.has(from("self_attn.qkv_proj.weight")) { // Phi 3
			part("attn.W_Q", "attn.b_Q", "self_attn.qkv_proj", d, q+2*kv, 0, q)
			part("attn.W_K", "attn.b_K", "self_attn.qkv_proj", d, q+2*kv, q, kv)
			part("attn.W_V", "attn.b_V", "self_attn.qkv_proj", d, q+2*kv, q+kv, kv)
		} else {
			l.keyHeads(c, from("self_attn.k_proj.weight"))
			part("attn.W_Q", "attn.b_Q", "self_attn.q_proj", d, q, 0, q)
			part("attn.W_K", "attn.b_K", "self_attn.k_proj", d, kv, 0, kv)
			part("attn.W_V", "attn.b_V", "self_attn.v_proj", d, kv, 0, kv)
		}
		part("attn.W_O", "attn.b_O", "self_attn.o_proj", q, d, 0, d)
		switch {
		case c.Experts > 0:
			l.experts(c, i, from)
		case l.has(from("mlp.gate_up_proj.weight")):
			part("mlp.W_gate", "mlp.b_gate", "mlp.gate_up_proj", d, 2*c.DMLP, 0, c.DMLP)
			part("mlp.W_in", "mlp.b_in", "mlp.gate_up_proj", d, 2*c.DMLP, c.DMLP, c.DMLP)
			part("mlp.W_out", "mlp.b_out", "mlp.down_proj", c.DMLP, d, 0, d)
		case c.Gated:
			part("mlp.W_gate", "mlp.b_gate", "mlp.gate_proj", d, c.DMLP, 0, c.DMLP)
			part("mlp.W_in", "mlp.b_in", "mlp.up_proj", d, c.DMLP, 0, c.DMLP)
			part("mlp.W_out", "mlp.b_out", "mlp.down_proj", c.DMLP, d, 0, d)
		default: // StarCoder 2
			part("mlp.W_in", "mlp.b_in", "mlp.c_fc", d, c.DMLP, 0, c.DMLP)
			part("mlp.W_out", "mlp.b_out", "mlp.c_proj", c.DMLP, d, 0, d)
		}
		for _, written := range []string{"attn.W_O", "attn.b_O", "mlp.W_out", "mlp.b_out"} {
			l.scale(to(written), c.ResidScale)
		}
		switch c.QKNorm {
		case config.QKNormHead:
			take(to("attn.q_norm"), from("self_attn.q_norm"), c.DHead)
			take(to("attn.k_norm"), from("self_attn.k_norm"), c.DHead)
		case config.QKNormAll:
			take(to("attn.q_norm"), from("self_attn.q_norm"), q)
			take(to("attn.k_norm"), from("self_attn.k_norm"), kv)
		}
		switch {
		case c.NormAt == config.NormAfter:
			norm(to("ln1"), from("post_attention_layernorm"))
			norm(to("ln2"), from("post_feedforward_layernorm"))
		case c.NormAt == config.NormSandwich:
			norm(to("ln1"), from("input_layernorm"))
			norm(to("ln1_post"), from("post_attention_layernorm"))
			norm(to("ln2"), from("pre_feedforward_layernorm"))
			norm(to("ln2_post"), from("post_feedforward_layernorm"))
		case c.SharedNorm:
			norm(to("ln1"), from("input_layernorm"))
		default:
			norm(to("ln1"), from("input_layernorm"))
			norm(to("ln2"), from("post_attention_layernorm"))
		}
	}
	return l.done(c, masks)
}

// keyHeads says so where the weights have another number of key-value heads than
// the config.
func (l *loader) keyHeads(c *config.Config, name string) {
	if l.err != nil || !l.has(name) || l.layout != nil {
		return
	}
	v, err := l.src.Tensor(l.full(name))
	if err == nil && len(v.Shape) == 2 && v.Shape[1] == c.DModel && v.Shape[0] != c.KVHeads*c.DHead && v.Shape[0]%c.DHead == 0 {
		err = fmt.Errorf("tensor %s is of %d key-value heads; config.json says that there are %d (num_key_value_heads; null means as many as heads)",
			l.full(name), v.Shape[0]/c.DHead, c.KVHeads)
	}
	l.err = err
}

func plusOne(p *Pending) *Pending {
	return &Pending{p.Shape, func(dst []float32) error {
		if err := p.Fill(dst); err != nil {
			return err
		}
		for i := range dst {
			dst[i]++
		}
		return nil
	}}
}
