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
	n := &naiveEdges{m: m, s: s}
	g, err := m.Edges()
	if err != nil {
		return nil, err
	}
	n.g = g
	for _, row := range s.Base.Rows {
		n.pos = max(n.pos, len(row))
	}
	if err := n.reference(); err != nil {
		return nil, err
	}
	var values []float32
	for _, cut := range s.Cuts {
		metric, err := n.run(cut)
		if err != nil {
			return nil, err
		}
		values = append(values, metric...)
	}
	return array.Of(values, array.Dim(hook.Variant, len(s.Cuts)), array.Dim(hook.Batch, len(s.Base.Rows))), nil
}

type naiveEdges struct {
	m   *model.Model
	s   model.Subgraphs
	g   *edge.Graph
	pos int
	ref [][]float64 // of each sender [batch, pos, d_model]; nil if nothing is written
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
	factor := n.factor(result, out)
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

// factor is what a norm on the layer's output multiplies a head's result by. It is
// found from what goes in and comes out: a scale for each token and a weight for
// each coordinate.
func (n *naiveEdges) factor(result, out []float32) func(token, i int) float64 {
	c := n.m.Config()
	if c.NormAt == "" {
		return func(int, int) float64 { return 1 }
	}
	d, tokens := c.DModel, len(out)/c.DModel
	sum := make([]float64, len(out))
	scale := make([]float64, tokens)
	for t := range tokens {
		for i := range d {
			for h := range c.Heads {
				sum[t*d+i] += zeroNaN(result[(t*c.Heads+h)*d+i])
			}
			scale[t] += sum[t*d+i] * sum[t*d+i] / float64(d)
		}
		scale[t] = math.Sqrt(scale[t] + c.Eps)
	}
	weight := make([]float64, d)
	for i := range d {
		best := 0.0
		for t := range tokens {
			if x := math.Abs(sum[t*d+i]) / scale[t]; x > best {
				best, weight[i] = x, zeroNaN(out[t*d+i])/sum[t*d+i]*scale[t]
			}
		}
	}
	return func(t, i int) float64 { return weight[i] / scale[t] }
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

func (n *naiveEdges) run(cut edge.Cut) ([]float32, error) {
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
	if r, err = n.m.Run(end); err != nil {
		return nil, err
	}
	return r.PerRow(0).Values(), nil
}
