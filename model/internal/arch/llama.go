package arch

import (
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
	tied                                          bool
	act                                           string // key of the activation function, if not hidden_act
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
		Norm: config.NormRMS, Eps: f.float("rms_norm_eps", d.eps), Act: f.act(key, act), Gated: true, Position: config.PosRotary,
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
	scaling := f.rope(&base, &share, c.Context)
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
	norm := func(weight, name string, n int) {
		l.take(weight, name+".weight", n)
		if o.plusOne && l.err == nil {
			l.plan[weight] = plusOne(l.plan[weight])
		}
	}
	l.embed(c, "embed_tokens", "lm_head")
	norm("ln_final.w", "norm", d)
	l.unembed(c, "lm_head", false)
	for i := range c.Layers {
		to := func(local string) string { return LayerName(i, local) }
		from := func(local string) string { return fmt.Sprintf("layers.%d.%s", i, local) }
		linear := func(weight, bias, name string, in, out int) {
			l.linear(to(weight), to(bias), from(name), in, out, l.has(from(name)+".bias"))
		}
		linear("attn.W_Q", "attn.b_Q", "self_attn.q_proj", d, q)
		linear("attn.W_K", "attn.b_K", "self_attn.k_proj", d, kv)
		linear("attn.W_V", "attn.b_V", "self_attn.v_proj", d, kv)
		linear("attn.W_O", "attn.b_O", "self_attn.o_proj", q, d)
		linear("mlp.W_gate", "mlp.b_gate", "mlp.gate_proj", d, c.DMLP)
		linear("mlp.W_in", "mlp.b_in", "mlp.up_proj", d, c.DMLP)
		linear("mlp.W_out", "mlp.b_out", "mlp.down_proj", c.DMLP, d)
		switch c.QKNorm {
		case config.QKNormHead:
			norm(to("attn.q_norm"), from("self_attn.q_norm"), c.DHead)
			norm(to("attn.k_norm"), from("self_attn.k_norm"), c.DHead)
		case config.QKNormAll:
			norm(to("attn.q_norm"), from("self_attn.q_norm"), q)
			norm(to("attn.k_norm"), from("self_attn.k_norm"), kv)
		}
		switch c.NormAt {
		case config.NormAfter:
			norm(to("ln1.w"), from("post_attention_layernorm"), d)
			norm(to("ln2.w"), from("post_feedforward_layernorm"), d)
		case config.NormSandwich:
			norm(to("ln1.w"), from("input_layernorm"), d)
			norm(to("ln1_post.w"), from("post_attention_layernorm"), d)
			norm(to("ln2.w"), from("pre_feedforward_layernorm"), d)
			norm(to("ln2_post.w"), from("post_feedforward_layernorm"), d)
		default:
			norm(to("ln1.w"), from("input_layernorm"), d)
			norm(to("ln2.w"), from("post_attention_layernorm"), d)
		}
	}
	return l.done(c, masks)
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
