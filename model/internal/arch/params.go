package arch

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/golens/golens/model/config"
)

// A Param is one weight, row-major.
type Param struct {
	Shape []int
	Data  []float32
}

// Params are a model's weights by name.
type Params map[string]Param

// LayerName is the full name of a block's weight.
func LayerName(layer int, local string) string { return fmt.Sprintf("blocks.%d.%s", layer, local) }

// Layer are the weights of one block by their local names, such as attn.W_Q.
func (p Params) Layer(layer int) Params {
	prefix := LayerName(layer, "")
	local := Params{}
	for name, w := range p {
		if rest, ok := strings.CutPrefix(name, prefix); ok {
			local[rest] = w
		}
	}
	return local
}

// Names are the names of the weights, sorted.
func (p Params) Names() []string { return slices.Sorted(maps.Keys(p)) }

// Bytes is the size of the weights in memory.
func (p Params) Bytes() int64 {
	n := int64(0)
	for _, w := range p {
		n += 4 * int64(len(w.Data))
	}
	return n
}

// Check holds every weight against the shape that the config asks for, and
// requires the ones without which nothing runs.
func (p Params) Check(c config.Config) error {
	want := Shapes(c)
	for _, name := range p.Names() {
		shape, ok := want[name]
		if !ok {
			return fmt.Errorf("weight %s: a model with this config has none (%s)", name, c)
		}
		if !slices.Equal(shape, p[name].Shape) {
			return fmt.Errorf("weight %s has shape %v; the config asks for %v (%s)", name, p[name].Shape, shape, c)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(want)) {
		if _, ok := p[name]; !ok && !optional(name) {
			return fmt.Errorf("weight %s %v is missing (%s)", name, want[name], c)
		}
	}
	return nil
}

// optional weights are biases and what folding a norm leaves out.
func optional(name string) bool {
	local := name[strings.LastIndex(name, ".")+1:]
	return strings.HasPrefix(local, "b") || strings.Contains(name, "ln") || strings.Contains(local, "_norm")
}

// Shapes are the shapes of all weights that a config can have.
func Shapes(c config.Config) map[string][]int {
	s := map[string][]int{
		"embed.W_E":   {c.Vocab, c.DModel},
		"unembed.W_U": {c.Vocab, c.DModel},
		"unembed.b_U": {c.Vocab},
	}
	if c.Position == config.PosLearned {
		s["pos_embed.W_pos"] = []int{c.Context, c.DModel}
	}
	norm := func(name string) {
		if c.Norm != config.NormNone {
			s[name+".w"] = []int{c.DModel}
		}
		if c.Norm == config.NormLayer {
			s[name+".b"] = []int{c.DModel}
		}
	}
	if !c.NoFinal && !(c.Encoder && c.Headless) {
		norm("ln_final")
	}
	if c.EmbedNorm {
		norm("embed.ln")
	}
	if c.Encoder && !c.Headless {
		s["head.W"], s["head.b"] = []int{c.DModel, c.DModel}, []int{c.DModel}
	}
	q, kv := c.Heads*c.DHead, c.KVHeads*c.DHead
	for l := range c.Layers {
		set := func(local string, shape ...int) { s[LayerName(l, local)] = shape }
		norm(LayerName(l, "ln1"))
		set("attn.W_Q", c.DModel, q)
		set("attn.W_K", c.DModel, kv)
		set("attn.W_V", c.DModel, kv)
		set("attn.W_O", q, c.DModel)
		set("attn.b_Q", q)
		set("attn.b_K", kv)
		set("attn.b_V", kv)
		set("attn.b_O", c.DModel)
		switch c.QKNorm {
		case config.QKNormHead:
			set("attn.q_norm", c.DHead)
			set("attn.k_norm", c.DHead)
		case config.QKNormLN:
			for _, local := range []string{"attn.q_norm", "attn.k_norm", "attn.q_norm_b", "attn.k_norm_b"} {
				set(local, c.DHead)
			}
		case config.QKNormAll:
			set("attn.q_norm", q)
			set("attn.k_norm", kv)
		}
		if c.NormAt == config.NormSandwich {
			norm(LayerName(l, "ln1_post"))
		}
		if c.AttnOnly() {
			continue
		}
		if !c.SharedNorm {
			norm(LayerName(l, "ln2"))
		}
		if c.NormAt == config.NormSandwich {
			norm(LayerName(l, "ln2_post"))
		}
		if c.Gated {
			set("mlp.W_gate", c.DModel, c.DMLP)
			set("mlp.b_gate", c.DMLP)
		}
		if c.Experts > 0 {
			set("mlp.W_router", c.DModel, c.Experts)
		}
		if c.Mixed() {
			set("mlp.dense", 1) // 1 where there is one MLP, 0 where there are experts
		}
		set("mlp.W_in", c.DModel, c.DMLP)
		set("mlp.b_in", c.DMLP)
		set("mlp.W_out", c.DMLP, c.DModel)
		set("mlp.b_out", c.DModel)
	}
	return s
}

// LayerOf takes the name of a block's weight apart.
func LayerOf(name string) (layer int, local string, ok bool) {
	rest, ok := strings.CutPrefix(name, "blocks.")
	if !ok {
		return 0, "", false
	}
	number, local, ok := strings.Cut(rest, ".")
	layer, err := strconv.Atoi(number)
	return layer, local, ok && err == nil && layer >= 0
}
