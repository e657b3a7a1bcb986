package arch

import (
	"maps"
	"slices"

	"github.com/golens/golens/model/config"
)

// The functions here do algebra on weights that leaves the log-probabilities
// of a model as they are. Each gives a new plan and leaves the old one alone:
// values are changed as they are read, and unchanged weights are shared.

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
func FoldNorm(c config.Config, p Plan) (Plan, error) {
	if err := c.CanFoldNorm(); err != nil {
		return nil, err
	}
	p = maps.Clone(p)
	centred := c.Norm == config.NormLayer
	norms := []string{"ln_final"}
	for _, r := range readers(c) {
		w, gain := p[r.weight], p[r.norm+".w"]
		if shift := p[r.norm+".b"]; shift != nil {
			p[r.bias] = addThrough(p[r.bias], shift.read, w)
		}
		p[r.weight] = w.then(func(values []float32) error {
			g, err := gain.read()
			if err != nil {
				return err
			}
			out := w.Shape[1]
			for i, g := range g {
				for j := range out {
					values[i*out+j] *= g
				}
			}
			if centred {
				centreColumns(values, out)
			}
			return nil
		})
		norms = append(norms, r.norm)
	}
	u, gain := p["unembed.W_U"], p["ln_final.w"]
	if shift := p["ln_final.b"]; shift != nil {
		p["unembed.b_U"] = addThroughRows(p["unembed.b_U"], shift, u)
	}
	p["unembed.W_U"] = u.then(func(values []float32) error {
		g, err := gain.read()
		if err != nil {
			return err
		}
		for at := 0; at < len(values) && len(g) > 0; at += len(g) {
			for j, g := range g {
				values[at+j] *= g
			}
		}
		if centred {
			centreRows(values, u.Shape[1])
		}
		return nil
	})
	for _, norm := range norms {
		delete(p, norm+".w")
		delete(p, norm+".b")
	}
	return p, nil
}

// CenterWriting takes the mean over d_model out of everything that writes to
// the residual stream; every norm would do so anyway.
func CenterWriting(c config.Config, p Plan) (Plan, error) {
	if err := c.CanCenterWriting(); err != nil {
		return nil, err
	}
	p = maps.Clone(p)
	names := []string{"embed.W_E", "pos_embed.W_pos"}
	for l := range c.Layers {
		for _, local := range []string{"attn.W_O", "attn.b_O", "mlp.W_out", "mlp.b_out"} {
			names = append(names, LayerName(l, local))
		}
	}
	for _, name := range names {
		if w := p[name]; w != nil {
			p[name] = w.then(func(values []float32) error { centreRows(values, c.DModel); return nil })
		}
	}
	return p, nil
}

// CenterUnembed takes the mean over the vocabulary out of the logits.
func CenterUnembed(c config.Config, p Plan) (Plan, error) {
	if err := c.CanCenterUnembed(); err != nil {
		return nil, err
	}
	p = maps.Clone(p)
	p["unembed.W_U"] = p["unembed.W_U"].then(func(values []float32) error { centreColumns(values, c.DModel); return nil })
	if b := p["unembed.b_U"]; b != nil {
		p["unembed.b_U"] = b.then(func(values []float32) error { centreRows(values, c.Vocab); return nil })
	}
	return p, nil
}

// FoldValues moves every value bias through W_O into b_O: a row of attention
// sums to one, so the bias passes it unchanged. A model without value biases
// stays as it is.
func FoldValues(c config.Config, p Plan) Plan {
	p = maps.Clone(p)
	group := c.Heads / c.KVHeads
	for l := range c.Layers {
		bv := p[LayerName(l, "attn.b_V")]
		if bv == nil {
			continue
		}
		perQuery := func() ([]float32, error) {
			values, err := bv.read()
			if err != nil {
				return nil, err
			}
			each := make([]float32, c.Heads*c.DHead)
			for h := range c.Heads {
				copy(each[h*c.DHead:], values[h/group*c.DHead:][:c.DHead])
			}
			return each, nil
		}
		name := LayerName(l, "attn.b_O")
		p[name] = addThrough(p[name], perQuery, p[LayerName(l, "attn.W_O")])
		delete(p, LayerName(l, "attn.b_V"))
	}
	return p
}

// addThrough is bias + x W, for W [in, out]; bias may be absent.
func addThrough(bias *Pending, x func() ([]float32, error), w *Pending) *Pending {
	out := w.Shape[1]
	return added(bias, x, w, out, func(sum []float64, x, w []float32) {
		for i, v := range x {
			for j, u := range w[i*out:][:out] {
				sum[j] += float64(v) * float64(u)
			}
		}
	})
}

// addThroughRows is addThrough for W [out, in].
func addThroughRows(bias, x, w *Pending) *Pending {
	out, in := w.Shape[0], w.Shape[1]
	return added(bias, x.read, w, out, func(sum []float64, x, w []float32) {
		for i := range sum {
			for j, v := range w[i*in:][:in] {
				sum[i] += float64(v) * float64(x[j])
			}
		}
	})
}

// added is a bias, which may be absent, and what is added to it.
func added(bias *Pending, x func() ([]float32, error), w *Pending, out int, add func(sum []float64, x, w []float32)) *Pending {
	return &Pending{[]int{out}, func(dst []float32) error {
		b, err := bias.read()
		if err != nil {
			return err
		}
		shift, err := x()
		if err != nil {
			return err
		}
		matrix, err := w.read()
		if err != nil {
			return err
		}
		sum := make([]float64, out)
		for i, v := range b {
			sum[i] = float64(v)
		}
		add(sum, shift, matrix)
		for i, v := range sum {
			dst[i] = float32(v)
		}
		return nil
	}}
}

// centreRows takes its mean out of every row of n values.
func centreRows(values []float32, n int) {
	for row := range slices.Chunk(values, n) {
		mean := 0.0
		for _, v := range row {
			mean += float64(v) / float64(n)
		}
		for i, v := range row {
			row[i] = float32(float64(v) - mean)
		}
	}
}

// centreColumns takes its mean out of every column of a matrix with n of them.
func centreColumns(values []float32, n int) {
	mean, rows := make([]float64, n), len(values)/n
	for row := range slices.Chunk(values, n) {
		for j, v := range row {
			mean[j] += float64(v) / float64(rows)
		}
	}
	for row := range slices.Chunk(values, n) {
		for j, v := range row {
			row[j] = float32(float64(v) - mean[j])
		}
	}
}
