package arch

import (
	"fmt"
	"slices"

	. "github.com/gomlx/gomlx/core/graph"

	"github.com/golens/golens/model/config"
	"github.com/golens/golens/model/hook"
	"github.com/golens/golens/model/weights"
)

func init() {
	families["mixtral"] = Family{mixtralConfig, decoder{}.load}
	families["qwen3_moe"] = Family{qwen3MoEConfig, decoder{}.load}
}

// mixtralConfig reads Mixtral: Mistral with eight experts, of which two are chosen.
func mixtralConfig(f *fields) (config.Config, error) {
	c := f.modern(modernDefaults{layers: 32, width: 4096, heads: 32, keys: 8, neurons: 14336, vocab: 32000, context: 4096 * 32, eps: 1e-5, theta: 1e6})
	f.locals(&c, f.int("sliding_window", 0), func(int) bool { return true })
	c.SumToOne = true
	f.experts(&c, f.int("num_local_experts", 8), f.int("num_experts_per_tok", 2), c.DMLP)
	return c, f.done()
}

// qwen3MoEConfig reads Qwen 3 with experts in every layer, or in some.
func qwen3MoEConfig(f *fields) (config.Config, error) {
	f.alias("num_experts", "num_local_experts")
	c := f.modern(modernDefaults{layers: 24, width: 2048, heads: 32, keys: 4, neurons: 6144, vocab: 151936, context: 32768, eps: 1e-6, theta: 10000})
	c.QKNorm = config.QKNormHead
	f.flag("attention_bias")
	window := f.int("sliding_window", 4096)
	if !f.bool("use_sliding_window", false) {
		window = 0
	}
	f.ignored("max_window_layers")
	f.locals(&c, window, func(int) bool { return true })
	c.SumToOne = f.bool("norm_topk_prob", false)
	every, dense := f.int("decoder_sparse_step", 1), []int(nil)
	f.get("mlp_only_layers", &dense)
	if every < 1 {
		f.fail("decoder_sparse_step is %d; it must be at least 1", every)
		every = 1
	}
	layers := make([]bool, max(0, min(c.Layers, 1<<12)))
	mixed := false
	for l := range layers {
		layers[l] = (l+1)%every != 0
		for _, d := range dense {
			layers[l] = layers[l] || d == l
		}
		mixed = mixed || layers[l]
	}
	if mixed {
		c.DenseLayers = layers
	}
	f.experts(&c, f.int("num_experts", 128), f.int("num_experts_per_tok", 8), f.int("moe_intermediate_size", 768))
	return c, f.done()
}

// experts puts so many experts into a config. Layers without them have their own
// number of neurons; all layers get as many as the larger of the two, of which those
// that a layer lacks are 0.
func (f *fields) experts(c *config.Config, experts, chosen, neurons int) {
	const most = 1 << 20 // what config.Check allows
	if experts < 1 || neurons < 1 || experts > most/neurons {
		f.fail("%d experts with %d neurons; there must be at least one of each, and at most %d together", experts, neurons, most)
		return
	}
	c.Experts, c.Chosen, c.DExpert = experts, chosen, neurons
	if wide := experts * neurons; c.DenseLayers == nil || wide > c.DMLP {
		c.DMLP = wide
	}
}

// gates are what each neuron is multiplied with [batch, pos, d_mlp]: the gate of
// its expert. All experts are computed at all positions; those that are not chosen
// have the gate 0.
func (b *builder) gates(in *Node) *Node {
	router := b.tap.At(hook.KindRouter, dense(in, b.w["mlp.W_router"]))
	p := b.tap.At(hook.KindExpertWeights, Softmax(router, -1))
	g := Mul(p, StopGradient(ConvertDType(TopKMask(p, b.Chosen, -1), p.DType())))
	if b.SumToOne {
		g = Div(g, ReduceAndKeep(g, ReduceSum, -1))
	}
	g = b.tap.At(hook.KindExpertGates, g)
	dims := g.Shape().Dimensions
	each := Reshape(BroadcastToDims(ExpandAxes(g, -1), append(append([]int(nil), dims...), b.DExpert)...), dims[0], dims[1], b.Experts*b.DExpert)
	if rest := b.DMLP - b.Experts*b.DExpert; rest > 0 { // neurons that only layers without experts have
		each = Concatenate([]*Node{each, BroadcastToDims(Scalar(g.Graph(), g.DType(), 1), dims[0], dims[1], rest)}, -1)
	}
	if d := b.w["mlp.dense"]; d != nil {
		d = Reshape(d, 1, 1, 1)
		each = Add(Mul(each, OneMinus(d)), d)
	}
	return each
}

// experts reads the router and the experts of a layer, or its one MLP. Neurons that
// it lacks are 0.
func (l *loader) experts(c *config.Config, layer int, from func(local string) string) {
	to := func(local string) string { return LayerName(layer, local) }
	d, has := c.DModel, c.HasExperts(layer)
	l.mixed(c, layer)
	block, names := "mlp", [3]string{"gate_proj", "up_proj", "down_proj"}
	if l.has(from("block_sparse_moe.gate.weight")) {
		block, names = "block_sparse_moe", [3]string{"w1", "w3", "w2"}
	}
	mlps := []string{from(block)}
	width := c.DExpert
	if has {
		l.linear(to("mlp.W_router"), "", from(block+".gate"), d, c.Experts, false)
		mlps = nil
		for e := range c.Experts {
			mlps = append(mlps, from(fmt.Sprintf("%s.experts.%d", block, e)))
		}
	} else {
		width = l.width(mlps[0]+"."+names[0]+".weight", d, c.DMLP)
	}
	gate, up := l.each(mlps, names[0], width, d), l.each(mlps, names[1], width, d)
	l.joinExperts(c, layer, width, gate, up, l.each(mlps, names[2], d, width))
}

// packedExperts is experts for the layout of GGUF files, where a tensor holds one
// matrix of all experts, or, in older files, of one.
func (l *loader) packedExperts(c *config.Config, layer int, from func(local string) string) {
	d, width, has := c.DModel, c.DExpert, c.HasExperts(layer)
	l.mixed(c, layer)
	if has {
		l.rows(LayerName(layer, "mlp.W_router"), "", from("ffn_gate_inp"), d, c.Experts, 0, c.Experts, straight)
	} else {
		width = l.width(from("ffn_gate.weight"), d, c.DMLP)
	}
	var all [3][]weights.View
	for i, name := range []string{"ffn_gate", "ffn_up", "ffn_down"} {
		rows, cols := width, d
		if name == "ffn_down" {
			rows, cols = d, width
		}
		switch {
		case !has:
			all[i] = []weights.View{l.tensor(from(name+".weight"), rows, cols)}
			continue
		case l.has(from(name + "_exps.weight")):
			all[i] = slices.Repeat([]weights.View{l.tensor(from(name+"_exps.weight"), c.Experts, rows, cols)}, c.Experts)
			continue
		}
		for e := range c.Experts {
			all[i] = append(all[i], l.tensor(from(fmt.Sprintf("%s.%d.weight", name, e)), rows, cols))
		}
	}
	l.joinExperts(c, layer, width, all[0], all[1], all[2])
}

// joinExperts makes a layer's three matrices of those of its experts, or of its one
// MLP, which have so many neurons each. A view may be of one or of all of them.
func (l *loader) joinExperts(c *config.Config, layer, width int, gate, up, down []weights.View) {
	d := c.DModel
	start := func(v weights.View, e int) int { // of an expert in a tensor
		if len(v.Shape) == 3 {
			return e * width * d
		}
		return 0
	}
	for weight, views := range map[string][]weights.View{"mlp.W_gate": gate, "mlp.W_in": up} {
		l.join(LayerName(layer, weight), []int{d, c.DMLP}, views, func(dst []float32, e int, v weights.View) error {
			some := make([]float32, d*width)
			if err := v.ReadTransposed(some, width, d, func(row int) int { return start(v, e) + row*d }); err != nil {
				return err
			}
			for r := range d {
				copy(dst[r*c.DMLP+e*width:], some[r*width:][:width])
			}
			return nil
		})
	}
	l.join(LayerName(layer, "mlp.W_out"), []int{c.DMLP, d}, down, func(dst []float32, e int, v weights.View) error {
		return v.ReadTransposed(dst[e*width*d:][:width*d], d, width, func(row int) int { return start(v, e) + row*width })
	})
}

// mixed notes whether a layer is one without experts, where there are both kinds.
func (l *loader) mixed(c *config.Config, layer int) {
	dense := float32(1)
	if c.HasExperts(layer) {
		dense = 0
	} else {
		l.plan[LayerName(layer, "mlp.W_router")] = zeros(c.DModel, c.Experts)
	}
	if c.Mixed() {
		l.plan[LayerName(layer, "mlp.dense")] = &Pending{[]int{1}, func(dst []float32) error { dst[0] = dense; return nil }}
	}
}

// width is how many rows a matrix [rows, in] has, at most so many.
func (l *loader) width(name string, in, most int) int {
	if l.err != nil {
		return 0
	}
	if l.layout != nil {
		return l.layout.number("intermediate_size", 0)
	}
	v, err := l.src.Tensor(l.full(name))
	switch {
	case err != nil:
		l.err = err
	case len(v.Shape) != 2 || v.Shape[1] != in:
		l.err = fmt.Errorf("tensor %s has shape %v; the config asks for [neurons, %d]", l.full(name), v.Shape, in)
	case v.Shape[0] > most:
		l.err = fmt.Errorf("tensor %s has %d rows; a layer has %d neurons", l.full(name), v.Shape[0], most)
	default:
		return v.Shape[0]
	}
	return 0
}

// each is one matrix of every MLP.
func (l *loader) each(mlps []string, name string, shape ...int) (views []weights.View) {
	for _, mlp := range mlps {
		views = append(views, l.tensor(mlp+"."+name+".weight", shape...))
	}
	return views
}

// join plans a weight that is made of several tensors.
func (l *loader) join(weight string, shape []int, views []weights.View, fill func(dst []float32, i int, v weights.View) error) {
	if l.err != nil {
		return
	}
	for _, v := range views {
		if l.layout != nil {
			l.layout.note(weight, v)
		}
	}
	l.plan[weight] = &Pending{shape, func(dst []float32) error {
		clear(dst)
		for i, v := range views {
			if err := fill(dst, i, v); err != nil {
				return err
			}
			v.Release()
		}
		return nil
	}}
}

func zeros(shape ...int) *Pending {
	return &Pending{shape, func(dst []float32) error { clear(dst); return nil }}
}
