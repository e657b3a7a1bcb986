package arch

import (
	"slices"

	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"

	"github.com/golens/golens/model/config"
	"github.com/golens/golens/model/hook"
)

// normInput is the norm in front of a sublayer, where there is one.
func (b *builder) normInput(x *Node, name string, scale, normalized hook.Kind) *Node {
	if b.NormAt == config.NormAfter || b.NormAt == config.NormOnSum {
		return x
	}
	return b.norm(x, name, scale, normalized)
}

// normOutput is the norm on what a sublayer gave, where there is one: the
// family's only one, or the second of two.
func (b *builder) normOutput(x *Node, only, second string, kinds [4]hook.Kind) *Node {
	switch b.NormAt {
	case config.NormAfter:
		return b.norm(x, only, kinds[0], kinds[1])
	case config.NormSandwich:
		return b.norm(x, second, kinds[2], kinds[3])
	}
	return x
}

// norm applies the named norm over the last axis. Its two hook points are the
// divisor [..., 1] and the result.
func (b *builder) norm(x *Node, name string, scale, normalized hook.Kind) *Node {
	if b.Norm == config.NormNone {
		return x
	}
	w, bias := b.w[name+".w"], b.w[name+".b"]
	if b.Norm == config.NormLayer && !b.tap.Reads(scale) && !b.tap.Reads(normalized) {
		y, _ := InternalFusedOpCaller(
			func() *Node { return BackendFusedLayerNorm(x, []int{-1}, b.Eps, w, bias) },
			func() *Node {
				centered, divisor := b.center(x)
				return affine(Div(centered, divisor), w, bias)
			},
			true)
		return y
	}
	centered, divisor := b.center(x)
	y := affine(Div(centered, b.tap.At(scale, divisor)), w, bias)
	return b.tap.At(normalized, y)
}

// center is x without its mean, if the norm takes that out, and its size
// [..., 1].
func (b *builder) center(x *Node) (centered, divisor *Node) {
	if b.Norm == config.NormLayer {
		x = Sub(x, ReduceAndKeep(x, ReduceMean, -1))
	}
	square := ReduceAndKeep(Mul(x, x), ReduceMean, -1)
	return x, Sqrt(AddScalar(square, b.Eps))
}

// normHeads normalizes queries or keys [batch, pos, head, d_head], in families
// that do: each head by itself, or all together.
func (b *builder) normHeads(x *Node, name string) *Node {
	switch b.QKNorm {
	case config.QKNormHead:
		return b.rms(x, b.w[name])
	case config.QKNormLN:
		x = Sub(x, ReduceAndKeep(x, ReduceMean, -1))
		return affine(b.rms(x, b.w[name]), nil, b.w[name+"_b"])
	case config.QKNormAll:
		d := x.Shape().Dimensions
		return Reshape(b.rms(Reshape(x, d[0], d[1], d[2]*d[3]), b.w[name]), d...)
	}
	return x
}

// rms divides by the root of the mean square of the last axis.
func (b *builder) rms(x, w *Node) *Node {
	square := ReduceAndKeep(Mul(x, x), ReduceMean, -1)
	return affine(Div(x, Sqrt(AddScalar(square, b.Eps))), w, nil)
}

// affine is x*w + bias over the last axis; either may be absent.
func affine(x, w, bias *Node) *Node {
	if w != nil {
		x = Mul(x, ExpandLeftToRank(w, x.Rank()))
	}
	if bias != nil {
		x = Add(x, ExpandLeftToRank(bias, x.Rank()))
	}
	return x
}

// BackToInputs is the gradient at what each head's query, key and value read [head,
// row, pos, d_model], queries first, from those at queries, keys and values as they are
// projected [batch, pos, head, d_head], which are given too: through the head's own
// weights and the norm of x [batch, pos, d_model] that all share. The batch is [run, row],
// and the sum over runs is given.
func BackToInputs(c config.Config, w Nodes, x *Node, projected, grads []*Node, runs int) *Node {
	b := &builder{c, w, NoTap{}}
	norm := b.Norm != config.NormNone && b.NormAt != config.NormAfter && b.NormAt != config.NormOnSum
	scale, shift := w["ln1.w"], w["ln1.b"]
	var weights, read, sums []*Node
	for i, of := range []string{"Q", "K", "V"} {
		m := Reshape(w["attn.W_"+of], b.DModel, -1, b.DHead)
		weights = append(weights, TransposeAllAxes(m, 1, 0, 2)) // as products of each head want them
		if !norm {
			continue
		}
		along := func(x *Node) *Node { return ExpandLeftToRank(DotGeneral(x, []int{0}, nil, m, []int{0}, nil), 4) }
		y := projected[i] // less what it is where the norm's result is 0
		if bias := w["attn.b_"+of]; bias != nil {
			y = Sub(y, ExpandLeftToRank(Reshape(bias, -1, b.DHead), 4))
		}
		if shift != nil {
			y = Sub(y, along(shift))
		}
		read = append(read, y)
		if scale == nil {
			scale = Ones(x.Graph(), shapes.Make(x.DType(), b.DModel))
		}
		sums = append(sums, along(scale))
	}
	g := Concatenate(grads, 2)
	through := func(g *Node) *Node {
		return DotGeneral(g, []int{3}, []int{2}, Concatenate(weights, 0), []int{2}, []int{0})
	}
	if !norm {
		return through(OverRuns(g, 0, runs))
	}
	// Of a gradient y at the norm's result n, behind its scale, what goes on is
	// (y - mean(y) - n mean(y n)) / size. Both means are products with the head's
	// gradient, which is small, and runs' own is n alone.
	centered, size := b.center(x)
	g = Div(g, ExpandAxes(size, -1))
	mean := func(g *Node, y []*Node) *Node { // [head, batch, pos, 1]
		sum := ReduceAndKeep(Mul(g, Concatenate(y, 2)), ReduceSum, -1)
		return TransposeAllAxes(DivScalar(sum, float64(b.DModel)), 2, 0, 1, 3)
	}
	n, along, all := ExpandAxes(Div(centered, size), 0), mean(g, read), OverRuns(g, 0, runs)
	y := Mul(through(all), ExpandLeftToRank(scale, 4))
	rows := x.Shape().Dimensions[0] / runs
	for i := range runs {
		of := AxisRange(i*rows, (i+1)*rows)
		y = Sub(y, Mul(Slice(n, AxisRange(), of), Slice(along, AxisRange(), of)))
	}
	if b.Norm == config.NormLayer {
		y = Sub(y, mean(all, sums))
	}
	return y
}

// OverRuns sums over runs, whose rows lie one after another on an axis.
func OverRuns(x *Node, axis, runs int) *Node {
	if runs == 1 {
		return x
	}
	d := slices.Clone(x.Shape().Dimensions)
	d[axis] /= runs
	return ReduceSum(Reshape(x, slices.Insert(d, axis, runs)...), axis)
}
