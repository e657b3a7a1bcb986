package arch

import (
	"slices"

	"github.com/golens/golens/model/config"
)

// The functions here do algebra on weights that leaves the log-probabilities
// of a model as they are. Each gives new Params and leaves the old ones alone;
// unchanged weights are shared.

// reader is a matrix that reads the residual stream through a norm.
type reader struct{ norm, weight, bias string }

func readers(c config.Config) []reader {
	var all []reader
	for l := range c.Layers {
		name := func(local string) string { return LayerName(l, local) }
		for _, x := range []string{"Q", "K", "V"} {
			all = append(all, reader{name("ln1"), name("attn.W_" + x), name("attn.b_" + x)})
		}
		if c.AttnOnly() {
			continue
		}
		norm := "ln2"
		if c.SharedNorm {
			norm = "ln1"
		}
		all = append(all, reader{name(norm), name("mlp.W_in"), name("mlp.b_in")})
		if c.Experts > 0 {
			all = append(all, reader{norm: name(norm), weight: name("mlp.W_router")})
		}
		if c.Gated {
			all = append(all, reader{name(norm), name("mlp.W_gate"), name("mlp.b_gate")})
		}
	}
	return all
}

// FoldNorm moves the weight and bias of every norm that matrices read into
// those. Behind a LayerNorm it also takes the mean over d_model out of them,
// which the norm's centring makes invisible. Norms on a sublayer's output, and
// those of queries and keys, stay.
func FoldNorm(c config.Config, p Params) (Params, error) {
	if err := c.CanFoldNorm(); err != nil {
		return nil, err
	}
	p = p.clone()
	centre := func(w Param) Param { return w }
	if c.Norm == config.NormLayer {
		centre = centreColumns
	}
	for _, r := range readers(c) {
		w, b := fold(p[r.weight], p[r.norm+".w"], p[r.norm+".b"], p[r.bias])
		p[r.weight] = centre(w)
		p.put(r.bias, b)
	}
	u, b := foldTransposed(p["unembed.W_U"], p["ln_final.w"], p["ln_final.b"], p["unembed.b_U"])
	if c.Norm == config.NormLayer {
		u = centreRows(u)
	}
	p["unembed.W_U"] = u
	p.put("unembed.b_U", b)
	for _, name := range p.Names() {
		if name == "ln_final.w" || name == "ln_final.b" || slices.ContainsFunc(readers(c), func(r reader) bool {
			return name == r.norm+".w" || name == r.norm+".b"
		}) {
			delete(p, name)
		}
	}
	return p, nil
}

// CenterWriting takes the mean over d_model out of everything that writes to
// the residual stream; every norm would do so anyway.
func CenterWriting(c config.Config, p Params) (Params, error) {
	if err := c.CanCenterWriting(); err != nil {
		return nil, err
	}
	p = p.clone()
	names := []string{"embed.W_E", "pos_embed.W_pos"}
	for l := range c.Layers {
		for _, local := range []string{"attn.W_O", "attn.b_O", "mlp.W_out", "mlp.b_out"} {
			names = append(names, LayerName(l, local))
		}
	}
	for _, name := range names {
		if w, ok := p[name]; ok {
			p[name] = centreRows(w)
		}
	}
	return p, nil
}

// CenterUnembed takes the mean over the vocabulary out of the logits.
func CenterUnembed(c config.Config, p Params) (Params, error) {
	if err := c.CanCenterUnembed(); err != nil {
		return nil, err
	}
	p = p.clone()
	p["unembed.W_U"] = centreColumns(p["unembed.W_U"])
	if b, ok := p["unembed.b_U"]; ok {
		p["unembed.b_U"] = centreRows(b)
	}
	return p, nil
}

// FoldValues moves every value bias through W_O into b_O: a row of attention
// sums to one, so the bias passes it unchanged. A model without value biases
// stays as it is.
func FoldValues(c config.Config, p Params) Params {
	p = p.clone()
	group := c.Heads / c.KVHeads
	for l := range c.Layers {
		bv, ok := p[LayerName(l, "attn.b_V")]
		if !ok {
			continue
		}
		perQuery := make([]float32, c.Heads*c.DHead)
		for h := range c.Heads {
			copy(perQuery[h*c.DHead:], bv.Data[h/group*c.DHead:][:c.DHead])
		}
		name := LayerName(l, "attn.b_O")
		p[name] = addThrough(p[name], perQuery, p[LayerName(l, "attn.W_O")])
		delete(p, LayerName(l, "attn.b_V"))
	}
	return p
}

// put sets a weight, unless it is empty.
func (p Params) put(name string, w Param) {
	if w.Data != nil {
		p[name] = w
	}
}

func (p Params) clone() Params {
	q := make(Params, len(p))
	for name, w := range p {
		q[name] = w
	}
	return q
}

// fold is (x*gain + shift) W + bias rewritten as x W' + bias', for W [in, out].
func fold(w, gain, shift, bias Param) (Param, Param) {
	if shift.Data != nil {
		bias = addThrough(bias, shift.Data, w)
	}
	if gain.Data != nil {
		scaled := Param{w.Shape, make([]float32, len(w.Data))}
		out := w.Shape[1]
		for i, g := range gain.Data {
			to := scaled.Data[i*out:][:out]
			for j, v := range w.Data[i*out:][:out] {
				to[j] = v * g
			}
		}
		w = scaled
	}
	return w, bias
}

// foldTransposed is fold for W [out, in].
func foldTransposed(w, gain, shift, bias Param) (Param, Param) {
	out, in := w.Shape[0], w.Shape[1]
	if shift.Data != nil {
		sum := make([]float32, out)
		for i := range sum {
			dot := 0.0
			for j, v := range w.Data[i*in:][:in] {
				dot += float64(v) * float64(shift.Data[j])
			}
			if bias.Data != nil {
				dot += float64(bias.Data[i])
			}
			sum[i] = float32(dot)
		}
		bias = Param{[]int{out}, sum}
	}
	if gain.Data != nil {
		scaled := Param{w.Shape, make([]float32, len(w.Data))}
		for i := range out {
			to := scaled.Data[i*in:][:in]
			for j, v := range w.Data[i*in:][:in] {
				to[j] = v * gain.Data[j]
			}
		}
		w = scaled
	}
	return w, bias
}

// addThrough is bias + x W, for W [in, out]; bias may be absent.
func addThrough(bias Param, x []float32, w Param) Param {
	out := w.Shape[1]
	sum := make([]float64, out)
	for i, v := range bias.Data {
		sum[i] = float64(v)
	}
	for i, v := range x {
		for j, u := range w.Data[i*out : (i+1)*out] {
			sum[j] += float64(v) * float64(u)
		}
	}
	return Param{[]int{out}, narrow(sum)}
}

// centreRows takes its mean out of every row (the last axis).
func centreRows(w Param) Param {
	n := w.Shape[len(w.Shape)-1]
	out := Param{w.Shape, make([]float32, len(w.Data))}
	for at := 0; at < len(w.Data); at += n {
		mean := 0.0
		for _, v := range w.Data[at : at+n] {
			mean += float64(v) / float64(n)
		}
		for i, v := range w.Data[at : at+n] {
			out.Data[at+i] = float32(float64(v) - mean)
		}
	}
	return out
}

// centreColumns takes its mean out of every column of a matrix.
func centreColumns(w Param) Param {
	rows, n := w.Shape[0], w.Shape[1]
	mean := make([]float64, n)
	for i := range rows {
		for j, v := range w.Data[i*n:][:n] {
			mean[j] += float64(v) / float64(rows)
		}
	}
	out := Param{w.Shape, make([]float32, len(w.Data))}
	for i := range rows {
		to := out.Data[i*n:][:n]
		for j, v := range w.Data[i*n:][:n] {
			to[j] = float32(float64(v) - mean[j])
		}
	}
	return out
}

func narrow(x []float64) []float32 {
	out := make([]float32, len(x))
	for i, v := range x {
		out[i] = float32(v)
	}
	return out
}
