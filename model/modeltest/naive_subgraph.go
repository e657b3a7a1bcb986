package modeltest

import (
	"math"

	"github.com/golens/golens/model"
	"github.com/golens/golens/model/array"
	"github.com/golens/golens/model/edge"
	"github.com/golens/golens/model/hook"
)

// NaiveSubgraphs is the twin of [model.Model.Subgraphs]: every block of every
// variant is a run of its own, with what its heads and its MLP read computed here
// in float64. It gives the first metric [variant, batch].
func NaiveSubgraphs(m *model.Model, s model.Subgraphs) (*array.Array, error) {
	all, err := naiveSubgraphs(m, s, false)
	if err != nil {
		return nil, err
	}
	return all[0], nil
}

// NaiveTogether is [NaiveSubgraphs] by the convention of EAP-IG's program for a norm
// behind heads: what is cut of a layer's heads is cut in front of the norm, all together,
// so that the norm's scale is that of what is left. Without such a norm both are equal.
// It gives every metric.
func NaiveTogether(m *model.Model, s model.Subgraphs) ([]*array.Array, error) {
	return naiveSubgraphs(m, s, true)
}

func naiveSubgraphs(m *model.Model, s model.Subgraphs, together bool) (all []*array.Array, err error) {
	n := &naiveEdges{m: m, s: s, together: together && m.Config().NormAt != ""}
	g, err := m.Edges()
	if err != nil {
		return nil, err
	}
	n.g, n.weights = g, make([][]float64, m.Config().Layers)
	for _, row := range s.Base.Rows {
		n.pos = max(n.pos, len(row))
	}
	if err := n.reference(); err != nil {
		return nil, err
	}
	values := make([][]float32, len(s.Base.Metrics))
	for _, cut := range s.Cuts {
		r, err := n.run(cut)
		if err != nil {
			return nil, err
		}
		for i := range values {
			values[i] = append(values[i], r.PerRow(i).Values()...)
		}
	}
	for _, x := range values {
		all = append(all, array.Of(x, array.Dim(hook.Variant, len(s.Cuts)), array.Dim(hook.Batch, len(s.Base.Rows))))
	}
	return all, nil
}

type naiveEdges struct {
	m   *model.Model
	s   model.Subgraphs
	g   *edge.Graph
	pos int
	ref [][]float64 // of each sender [batch, pos, d_model]; nil if nothing is written

	together bool        // heads are what they are in front of the norm
	weights  [][]float64 // of these norms, by layer
}

// points are what is captured of a layer.
func (n *naiveEdges) points(l int) []hook.Point {
	points := []hook.Point{hook.HeadResult(l), hook.AttnOut(l)}
	if !n.m.Config().AttnOnly() {
		points = append(points, hook.MLPOut(l))
	}
	return points
}

// written are what the senders of a layer write in a run [sender][batch, pos,
// d_model].
func (n *naiveEdges) written(r *model.Result, l int) (all [][]float64) {
	c := n.m.Config()
	result, out := r.At(hook.HeadResult(l)).Values(), r.At(hook.AttnOut(l)).Values()
	weight, scale := n.norm(result, out)
	factor := func(t, i int) float64 { return weight[i] / scale[t] }
	switch {
	case n.together:
		n.weights[l] = weight
		fallthrough
	case scale == nil:
		factor = func(int, int) float64 { return 1 }
	}
	tokens := len(out) / c.DModel
	for h := range c.Heads {
		u := make([]float64, len(out))
		for t := range tokens {
			for i := range c.DModel {
				u[t*c.DModel+i] = zeroNaN(result[(t*c.Heads+h)*c.DModel+i]) * factor(t, i)
			}
		}
		all = append(all, u)
	}
	if !c.AttnOnly() {
		all = append(all, float64s(r.At(hook.MLPOut(l)).Values()))
	}
	return all
}

// norm is the weight of each coordinate and the scale of each token of a norm on the
// layer's output, if there is one, found from what goes in and comes out.
func (n *naiveEdges) norm(result, out []float32) (weight, scale []float64) {
	c := n.m.Config()
	if c.NormAt == "" {
		return nil, nil
	}
	d, tokens := c.DModel, len(out)/c.DModel
	sum := make([]float64, len(out))
	scale = make([]float64, tokens)
	for t := range tokens {
		for i := range d {
			for h := range c.Heads {
				sum[t*d+i] += zeroNaN(result[(t*c.Heads+h)*d+i])
			}
		}
		scale[t] = n.scale(sum[t*d:][:d])
	}
	weight = make([]float64, d)
	for i := range d {
		best := 0.0
		for t := range tokens {
			if x := math.Abs(sum[t*d+i]) / scale[t]; x > best {
				best, weight[i] = x, zeroNaN(out[t*d+i])/sum[t*d+i]*scale[t]
			}
		}
	}
	return weight, scale
}

// scale is what a norm divides by.
func (n *naiveEdges) scale(x []float64) (sum float64) {
	for _, v := range x {
		sum += v * v / float64(len(x))
	}
	return math.Sqrt(sum + n.m.Config().Eps)
}

// less takes from x what is cut of all heads of a layer, in front of their norm.
func (n *naiveEdges) less(x []float64, layer int, written [][]float64, cut func(sender, token int) float64) {
	c := n.m.Config()
	first := 1 + layer*n.g.Writes()
	for t := range len(x) / c.DModel {
		all, left := make([]float64, c.DModel), make([]float64, c.DModel)
		for s := first; s < first+c.Heads; s++ {
			share := cut(s, t)
			for i := range c.DModel {
				u, other := written[s][t*c.DModel+i], 0.
				if n.ref != nil {
					other = n.ref[s][t*c.DModel+i]
				}
				all[i] += u
				left[i] += u - share*(u-other)
			}
		}
		a, b := n.scale(all), n.scale(left)
		for i, w := range n.weights[layer] {
			x[t*c.DModel+i] -= w * (all[i]/a - left[i]/b)
		}
	}
}

func zeroNaN(v float32) float64 {
	if v != v {
		return 0
	}
	return float64(v)
}

func float64s(x []float32) []float64 {
	y := make([]float64, len(x))
	for i, v := range x {
		y[i] = zeroNaN(v)
	}
	return y
}

// first is what enters the first block as a sender.
func (n *naiveEdges) first(r *model.Result) []float64 {
	if n.s.Reference.WholeEmbedding || n.m.Config().EmbedNorm {
		return float64s(r.At(hook.ResidPre(0)).Values())
	}
	return float64s(r.At(hook.Embed()).Values())
}

func (n *naiveEdges) reference() error {
	if n.s.Reference.Source.Rows == nil {
		return nil
	}
	source := n.s.Reference.Source
	if !n.s.Reference.Mean && n.s.Reference.Donors != nil {
		rows := make([][]int32, len(n.s.Base.Rows))
		for i, d := range n.s.Reference.Donors {
			rows[i] = source.Rows[d]
		}
		source.Rows = rows
	}
	source.Captures = []hook.Point{hook.Embed(), hook.ResidPre(0)}
	layers := n.m.Config().Layers
	for l := range layers {
		source.Captures = append(source.Captures, n.points(l)...)
	}
	r, err := n.m.Run(source)
	if err != nil {
		return err
	}
	n.ref = [][]float64{n.first(r)}
	for l := range layers {
		n.ref = append(n.ref, n.written(r, l)...)
	}
	if n.s.Reference.Mean {
		for i, u := range n.ref {
			n.ref[i] = n.mean(u)
		}
	}
	return nil
}

// mean is the mean over the source's rows, for every row of the base.
func (n *naiveEdges) mean(u []float64) []float64 {
	rows, d := n.s.Reference.Source.Rows, n.m.Config().DModel
	long := len(u) / len(rows) / d
	out := make([]float64, len(n.s.Base.Rows)*n.pos*d)
	for p := range n.pos {
		have := 0.0
		sum := make([]float64, d)
		for r, row := range rows {
			if p < len(row) {
				have++
				for i := range d {
					sum[i] += u[(r*long+p)*d+i]
				}
			}
		}
		for r := range n.s.Base.Rows {
			for i := range d {
				out[(r*n.pos+p)*d+i] = sum[i] / have
			}
		}
	}
	return out
}

// stream is values as a residual stream.
func (n *naiveEdges) stream(x []float64) *array.Array {
	y := make([]float32, len(x))
	for i, v := range x {
		y[i] = float32(v)
	}
	return array.Of(y, array.Dim("batch", len(n.s.Base.Rows)), array.Dim("pos", n.pos), array.Dim("d_model", n.m.Config().DModel))
}

func (n *naiveEdges) run(cut edge.Cut) (*model.Result, error) {
	c := n.m.Config()
	start := model.Request{Rows: n.s.Base.Rows, Captures: []hook.Point{hook.Embed(), hook.ResidPre(0)}, Until: 1}
	r, err := n.m.Run(start)
	if err != nil {
		return nil, err
	}
	resid := float64s(r.At(hook.ResidPre(0)).Values())
	written := [][]float64{n.first(r)}
	receiver := 0
	reads := func(stream []float64) []float64 { // of the next receiver
		x := append([]float64(nil), stream...)
		for s, u := range written {
			if at := (s - 1) % n.g.Writes(); n.together && s > 0 && at < c.Heads {
				if at == 0 {
					n.less(x, (s-1)/n.g.Writes(), written, func(s, t int) float64 { return float64(n.g.At(cut, t/n.pos, t%n.pos, receiver, s)) })
				}
				continue
			}
			for t := range len(x) / c.DModel {
				share := float64(n.g.At(cut, t/n.pos, t%n.pos, receiver, s))
				for i := t * c.DModel; i < (t+1)*c.DModel; i++ {
					if n.ref != nil {
						x[i] -= share * (u[i] - n.ref[s][i])
					} else {
						x[i] -= share * u[i]
					}
				}
			}
		}
		receiver++
		return x
	}
	for l := range c.Layers {
		block := model.Request{Rows: n.s.Base.Rows, Captures: n.points(l), Until: l + 1, From: l}
		if l > 0 {
			block.Resid = n.stream(resid)
		}
		for _, in := range []struct {
			point hook.Point
			heads int
		}{{hook.QInput(l), c.Heads}, {hook.KInput(l), c.KVHeads}, {hook.VInput(l), c.KVHeads}} {
			for h := range in.heads {
				x := n.stream(reads(resid))
				shape := x.Shape()
				one := array.Of(x.Values(), array.Dim("batch", shape[0]), array.Dim("pos", shape[1]), array.Dim("head", 1), array.Dim("d_model", shape[2]))
				block.Edits = append(block.Edits, in.point.Head(h).Replace(one))
			}
		}
		r, err := n.m.Run(block)
		if err != nil {
			return nil, err
		}
		after := append([]float64(nil), resid...)
		for i, v := range r.At(hook.AttnOut(l)).Values() {
			after[i] += zeroNaN(v)
		}
		if !c.AttnOnly() {
			in := resid
			if !c.Parallel {
				written = append(written, n.written(r, l)[:c.Heads]...)
				in = after
			}
			block.Edits = append(block.Edits, hook.MLPIn(l).Replace(n.stream(reads(in))))
			if r, err = n.m.Run(block); err != nil {
				return nil, err
			}
			for i, v := range r.At(hook.MLPOut(l)).Values() {
				after[i] += zeroNaN(v)
			}
			if !c.Parallel {
				written = written[:len(written)-c.Heads]
			}
		}
		written = append(written, n.written(r, l)...)
		resid = after
	}
	end := model.Request{Rows: n.s.Base.Rows, From: c.Layers, Resid: n.stream(reads(resid)), Metrics: n.s.Base.Metrics}
	return n.m.Run(end)
}
