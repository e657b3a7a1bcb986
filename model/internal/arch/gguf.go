package arch

import (
	"fmt"
	"strings"

	"github.com/golens/golens/model/config"
)

// LoadGGUF finds the weights of a GGUF file, whose names are the same for all
// architectures. A matrix lies as [out, in] in all of them, norms hold what they
// multiply by, and those of llama have the rows of queries and keys in the order
// of llama.cpp's rotation, which is undone.
func LoadGGUF(architecture string, c *config.Config, src Source) (Plan, error) {
	l := newLoader(src, "")
	d, q, kv := c.DModel, c.Heads*c.DHead, c.KVHeads*c.DHead
	norm := func(weight, name string, n int) {
		l.take(weight+".w", name+".weight", n)
		if c.Norm == config.NormLayer {
			l.take(weight+".b", name+".bias", n)
		}
	}
	l.embed(c, "token_embd", "output")
	if c.Position == config.PosLearned {
		l.take("pos_embed.W_pos", "position_embd.weight", c.Context, d)
	}
	norm("ln_final", "output_norm", d)
	l.unembed(c, "output", l.has("output.bias"))
	turned := straight
	if architecture == "llama" {
		turned = func(row int) int { // the halves of a head's rows lie row by row
			at, half := row%c.DHead, c.DHead/2
			return row - at + at%half*2 + at/half
		}
	}
	for i := range c.Layers {
		to := func(local string) string { return LayerName(i, local) }
		from := func(local string) string { return fmt.Sprintf("blk.%d.%s", i, local) }
		if fused := from("attn_qkv"); l.has(fused + ".weight") {
			l.rows(to("attn.W_Q"), to("attn.b_Q"), fused, d, q+2*kv, 0, q, straight)
			l.rows(to("attn.W_K"), to("attn.b_K"), fused, d, q+2*kv, q, kv, straight)
			l.rows(to("attn.W_V"), to("attn.b_V"), fused, d, q+2*kv, q+kv, kv, straight)
		} else {
			l.rows(to("attn.W_Q"), to("attn.b_Q"), from("attn_q"), d, q, 0, q, turned)
			l.rows(to("attn.W_K"), to("attn.b_K"), from("attn_k"), d, kv, 0, kv, turned)
			l.rows(to("attn.W_V"), to("attn.b_V"), from("attn_v"), d, kv, 0, kv, straight)
		}
		l.rows(to("attn.W_O"), to("attn.b_O"), from("attn_output"), q, d, 0, d, straight)
		if c.Experts > 0 {
			l.packedExperts(c, i, from)
		} else {
			if c.Gated {
				l.rows(to("mlp.W_gate"), to("mlp.b_gate"), from("ffn_gate"), d, c.DMLP, 0, c.DMLP, straight)
			}
			l.rows(to("mlp.W_in"), to("mlp.b_in"), from("ffn_up"), d, c.DMLP, 0, c.DMLP, straight)
			l.rows(to("mlp.W_out"), to("mlp.b_out"), from("ffn_down"), c.DMLP, d, 0, d, straight)
		}
		switch c.QKNorm {
		case config.QKNormHead:
			l.take(to("attn.q_norm"), from("attn_q_norm.weight"), c.DHead)
			l.take(to("attn.k_norm"), from("attn_k_norm.weight"), c.DHead)
		case config.QKNormAll:
			l.take(to("attn.q_norm"), from("attn_q_norm.weight"), q)
			l.take(to("attn.k_norm"), from("attn_k_norm.weight"), kv)
		}
		if c.NormAt != config.NormAfter {
			norm(to("ln1"), from("attn_norm"), d)
			if !c.SharedNorm {
				norm(to("ln2"), from("ffn_norm"), d)
			}
		}
		switch c.NormAt {
		case config.NormAfter:
			norm(to("ln1"), from("post_attention_norm"), d)
			norm(to("ln2"), from("post_ffw_norm"), d)
		case config.NormSandwich:
			norm(to("ln1_post"), from("post_attention_norm"), d)
			norm(to("ln2_post"), from("post_ffw_norm"), d)
		}
	}
	return l.done(c, func(name string) bool {
		return strings.HasPrefix(name, "rope_freqs.") || strings.HasSuffix(name, ".rope_freqs.weight") || strings.HasSuffix(name, ".attn_rot_embd")
	})
}
