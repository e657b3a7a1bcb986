package surgery

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/golens/golens/model/config"
	"github.com/golens/golens/model/internal/arch"
)

// A Part says what of a model stays; nil lists keep everything. See model.Part.
type Part struct {
	Layers   []int
	Residual []int
	Heads    [][]int   // of each new layer
	HeadDims [][][]int // of each new layer and kept head
	Neurons  [][]int   // of each new layer
	Scale    bool
	HeadMean func(layer, head int) []float32 // what a head that goes leaves behind, nil for nothing
	MLPMean  func(layer int) []float32       // what neurons that go leave behind
}

// Axes of weights.
const (
	other = iota
	residual
	queries
	keys
	neurons
	headDims
)

// axes are what the axes of a weight run over.
func axes(c config.Config, name string) []int {
	local := name
	if _, l, ok := arch.LayerOf(name); ok {
		local = l
	}
	switch {
	case local == "embed.W_E" || local == "unembed.W_U" || local == "pos_embed.W_pos":
		return []int{other, residual}
	case local == "unembed.b_U" || local == "mlp.dense":
		return []int{other}
	case local == "mlp.W_router":
		return []int{residual, other}
	case local == "head.W":
		return []int{residual, residual}
	case strings.Contains(local, "_norm"): // of queries and keys
		switch {
		case c.QKNorm != config.QKNormAll:
			return []int{headDims}
		case strings.Contains(local, "q_norm"):
			return []int{queries}
		}
		return []int{keys}
	}
	switch local {
	case "attn.W_Q":
		return []int{residual, queries}
	case "attn.W_K", "attn.W_V":
		return []int{residual, keys}
	case "attn.W_O":
		return []int{queries, residual}
	case "attn.b_Q":
		return []int{queries}
	case "attn.b_K", "attn.b_V":
		return []int{keys}
	case "mlp.W_in", "mlp.W_gate":
		return []int{residual, neurons}
	case "mlp.b_in", "mlp.b_gate":
		return []int{neurons}
	case "mlp.W_out":
		return []int{neurons, residual}
	}
	return []int{residual} // norms, head.b, b_O, b_out
}

// none marks a place that nothing of the parent fills.
const none = -1

// Take is the part of a model, with the config that it has. padHeads fills up the
// heads with ones that do nothing until they make up d_model, for families that
// cannot say how wide a head is.
func (p Part) Take(c config.Config, params arch.Params, padHeads bool) (config.Config, arch.Params, error) {
	if p.MLPMean != nil && (c.NormAt == config.NormAfter || c.NormAt == config.NormSandwich) {
		return c, nil, fmt.Errorf("model type %s normalizes what an MLP gives, so that no bias can stand for its mean", c.Family)
	}
	child := c
	layers, err := choose("layer", p.Layers, c.Layers, false)
	if err != nil {
		return c, nil, err
	}
	stream, err := choose("coordinate of the residual stream", p.Residual, c.DModel, true)
	if err != nil {
		return c, nil, err
	}
	child.Layers, child.DModel = len(layers), len(stream)
	if c.DenseLayers != nil {
		child.DenseLayers = nil
		for _, l := range layers {
			child.DenseLayers = append(child.DenseLayers, c.DenseLayers[l])
		}
	}
	if c.Local != nil {
		child.Local = nil
		for _, l := range layers {
			child.Local = append(child.Local, c.Local[l])
		}
	}
	h, err := p.heads(c, &child, padHeads)
	if err != nil {
		return c, nil, err
	}
	units, err := p.neurons(c, &child)
	if err != nil {
		return c, nil, err
	}
	out := arch.Params{}
	put := func(to, from string, index map[int][]int) {
		w, ok := params[from]
		if !ok {
			return
		}
		over := axes(c, from)
		for axis, kind := range over {
			if kind != other && (index[kind] != nil) {
				w = along(w, axis, index[kind])
			}
		}
		if p.Scale && len(over) == 2 {
			in := 0 // the axis that is summed over
			if from == "unembed.W_U" {
				in = 1
			}
			if over[in] != other {
				w = times(w, math.Sqrt(float64(params[from].Shape[in])/float64(w.Shape[in])))
			}
		}
		out[to] = w
	}
	for _, name := range params.Names() {
		if _, _, block := arch.LayerOf(name); !block {
			put(name, name, map[int][]int{residual: stream})
		}
	}
	for to, from := range layers {
		index := map[int][]int{residual: stream, queries: h.queries[to], keys: h.keys[to], neurons: units[to], headDims: h.dims[to]}
		for local := range params.Layer(from) {
			put(arch.LayerName(to, local), arch.LayerName(from, local), index)
		}
		if by := c.Scale / child.Scale; by != 1 && c.QKNorm == "" {
			for _, local := range []string{"attn.W_Q", "attn.b_Q"} {
				if w, ok := out[arch.LayerName(to, local)]; ok {
					out[arch.LayerName(to, local)] = times(w, by)
				}
			}
		}
		if p.HeadMean != nil {
			for head := range c.Heads {
				if !slices.Contains(h.kept[to], head) {
					leave(out, arch.LayerName(to, "attn.b_O"), p.HeadMean(from, head), stream)
				}
			}
		}
		if len(units[to]) > 0 && units[to][0] == none { // the MLP and its bias go
			bias := arch.LayerName(to, "mlp.b_out")
			delete(out, bias)
			if p.MLPMean != nil {
				leave(out, bias, p.MLPMean(from), stream)
			}
		}
	}
	if c.Tied {
		out["unembed.W_U"] = out["embed.W_E"]
		if p.Scale && len(stream) != c.DModel {
			child.Tied = false
			put("unembed.W_U", "unembed.W_U", map[int][]int{residual: stream})
		}
	}
	return child, out, out.Check(child)
}

// choose checks a list of what stays; nil is all.
func choose(what string, list []int, n int, once bool) ([]int, error) {
	if list == nil {
		list = make([]int, n)
		for i := range list {
			list[i] = i
		}
	}
	if len(list) == 0 {
		return nil, fmt.Errorf("no %s stays; at least one must", what)
	}
	seen := map[int]bool{}
	for _, i := range list {
		if i < 0 || i >= n {
			return nil, fmt.Errorf("%s %d: there are 0 to %d", what, i, n-1)
		}
		if once && seen[i] {
			return nil, fmt.Errorf("%s %d is kept twice", what, i)
		}
		seen[i] = true
	}
	return list, nil
}

// chosen are the heads of the new layers.
type chosen struct {
	kept                [][]int
	queries, keys, dims [][]int // indices into the parent's axes, none for zeros
}

// heads lays the kept heads out: those that share keys stay together, and layers
// with fewer heads than others are filled up with ones that do nothing.
func (p Part) heads(c config.Config, child *config.Config, pad bool) (chosen, error) {
	var h chosen
	if p.Heads != nil && len(p.Heads) != child.Layers {
		return h, fmt.Errorf("heads are given for %d layers; %d stay", len(p.Heads), child.Layers)
	}
	if p.HeadDims != nil && (len(p.HeadDims) != child.Layers || c.Position == config.PosRotary || c.Heads != c.KVHeads || c.QKNorm != "") {
		return h, fmt.Errorf("coordinates of heads are given for %d of %d layers; they must be for all, in a model without rotary positions, shared keys or norms of queries", len(p.HeadDims), child.Layers)
	}
	share := c.Heads / c.KVHeads
	var groups [][][]int // of each layer: the heads of each group that has any
	most, wide := 1, 1
	for l := range child.Layers {
		var list []int
		if p.Heads != nil {
			list = p.Heads[l]
		}
		kept := []int{}
		if p.Heads == nil || list == nil {
			kept, _ = choose("head", nil, c.Heads, true)
		} else if len(list) > 0 {
			var err error
			if kept, err = choose("head", list, c.Heads, true); err != nil {
				return h, fmt.Errorf("layer %d: %w", l, err)
			}
		}
		h.kept = append(h.kept, kept)
		var of [][]int
		at := map[int]int{}
		for _, head := range kept {
			g := head / share
			if _, ok := at[g]; !ok {
				at[g] = len(of)
				of = append(of, nil)
			}
			of[at[g]] = append(of[at[g]], head)
		}
		for _, g := range of {
			wide = max(wide, len(g))
		}
		groups, most = append(groups, of), max(most, len(of))
	}
	if p.HeadDims != nil {
		child.DHead = 0
		for l, of := range p.HeadDims {
			if len(of) != len(h.kept[l]) {
				return h, fmt.Errorf("layer %d: coordinates are given for %d heads; %d stay", l, len(of), len(h.kept[l]))
			}
			for _, dims := range of {
				if _, err := choose("coordinate of a head", dims, c.DHead, true); err != nil {
					return h, fmt.Errorf("layer %d: %w", l, err)
				}
				child.DHead = max(child.DHead, len(dims))
			}
		}
		if math.Abs(c.Scale*math.Sqrt(float64(c.DHead))-1) < 1e-6 && !(c.Family == "attn_only") {
			child.Scale = 1 / math.Sqrt(float64(child.DHead))
		}
	}
	if pad && child.DModel%child.DHead == 0 && most*wide < child.DModel/child.DHead {
		if share > 1 {
			return h, fmt.Errorf("heads that share keys cannot be filled up; keep as many in every group")
		}
		most = child.DModel / child.DHead
	}
	child.Heads, child.KVHeads = most*wide, most
	for l, of := range groups {
		var q, k []int
		for g := range most {
			var group []int
			if g < len(of) {
				group = of[g]
			}
			for i := range child.DHead {
				at := none
				if len(group) > 0 {
					at = place(group[0]/share, p.dim(l, h.kept[l], group[0], i), c.DHead)
				}
				k = append(k, at)
			}
			for n := range wide {
				for i := range child.DHead {
					at := none
					if n < len(group) {
						at = place(group[n], p.dim(l, h.kept[l], group[n], i), c.DHead)
					}
					q = append(q, at)
				}
			}
		}
		h.queries, h.keys, h.dims = append(h.queries, q), append(h.keys, k), append(h.dims, nil)
	}
	return h, nil
}

func place(head, dim, width int) int {
	if dim == none {
		return none
	}
	return head*width + dim
}

// dim is the i-th kept coordinate of a head.
func (p Part) dim(l int, kept []int, head, i int) int {
	if p.HeadDims == nil {
		return i
	}
	if dims := p.HeadDims[l][slices.Index(kept, head)]; i < len(dims) {
		return dims[i]
	}
	return none
}

// neurons are the kept neurons of the new layers, filled up with none.
func (p Part) neurons(c config.Config, child *config.Config) ([][]int, error) {
	all := make([][]int, child.Layers)
	if c.AttnOnly() || p.Neurons == nil {
		return all, nil
	}
	if c.Experts > 0 {
		return nil, fmt.Errorf("neurons of experts cannot be chosen one by one")
	}
	if len(p.Neurons) != child.Layers {
		return nil, fmt.Errorf("neurons are given for %d layers; %d stay", len(p.Neurons), child.Layers)
	}
	child.DMLP = 1
	for l, list := range p.Neurons {
		var err error
		if list == nil || len(list) > 0 {
			list, err = choose("neuron", list, c.DMLP, true)
		}
		if err != nil {
			return nil, fmt.Errorf("layer %d: %w", l, err)
		}
		all[l] = slices.Clone(list)
		child.DMLP = max(child.DMLP, len(list))
	}
	for l := range all {
		for len(all[l]) < child.DMLP {
			all[l] = append(all[l], none)
		}
	}
	return all, nil
}

// along takes the given indices of an axis; none is zeros.
func along(w arch.Param, axis int, index []int) arch.Param {
	outer, inner, n := 1, 1, w.Shape[axis]
	for _, d := range w.Shape[:axis] {
		outer *= d
	}
	for _, d := range w.Shape[axis+1:] {
		inner *= d
	}
	out := arch.Param{Shape: slices.Clone(w.Shape), Data: make([]float32, outer*len(index)*inner)}
	out.Shape[axis] = len(index)
	for o := range outer {
		for to, from := range index {
			if from != none {
				copy(out.Data[(o*len(index)+to)*inner:][:inner], w.Data[(o*n+from)*inner:][:inner])
			}
		}
	}
	return out
}

func times(w arch.Param, by float64) arch.Param {
	out := arch.Param{Shape: w.Shape, Data: make([]float32, len(w.Data))}
	for i, v := range w.Data {
		out.Data[i] = float32(float64(v) * by)
	}
	return out
}

// leave adds what is left behind to a bias, which may be absent.
func leave(params arch.Params, name string, mean []float32, stream []int) {
	sum := make([]float32, len(stream))
	copy(sum, params[name].Data)
	for i, at := range stream {
		sum[i] += mean[at]
	}
	params[name] = arch.Param{Shape: []int{len(stream)}, Data: sum}
}
