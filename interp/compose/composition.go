package compose

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/mat"

	"github.com/golens/golens/interp"
	"github.com/golens/golens/interp/graph"
	"github.com/golens/golens/model"
	"github.com/golens/golens/model/array"
)

// A Side is the input of a later head that an earlier one may write.
type Side int

// The sides of a head.
const (
	Q Side = iota // queries
	K             // keys
	V             // values
)

// String is the side's letter.
func (s Side) String() string { return [...]string{"Q", "K", "V"}[s] }

// Composition is how much of what each head writes a later head reads by its
// queries, keys or values: ‖W_OV X‖ / (‖W_OV‖ ‖X‖) in the Frobenius norm, with
// X = W_QK, W_QKᵀ or W_OV of the later head [from, to], where from and to count
// the heads layer by layer. NaN where the one does not come before the other.
// [Baseline] is what two random heads have. Heads that share keys and values
// are told apart by their queries and outputs.
//
// It compares directions in weights; heads that compose may never be active
// together, and norms between them are left out.
//
// No passes: per pair of layers one product [head*d_head, head*d_head]; QR of
// each factor keeps the norms exact. Source: Elhage et al. 2021, "composition";
// no baseline is subtracted, as in TransformerLens.
func Composition(m *model.Model, side Side) (*interp.Result, error) {
	if side < Q || side > V {
		return nil, fmt.Errorf("composition: side %d is none of Q, K, V", int(side))
	}
	c := m.Config()
	title := fmt.Sprintf("%s-composition", side)
	fail := func(err error) (*interp.Result, error) { return nil, fmt.Errorf("%s: %w", title, err) }
	if err := bilinear(m); err != nil && side != V {
		return fail(err)
	}
	f, err := factorise(m)
	if err != nil {
		return fail(err)
	}
	labels := make([]string, c.Layers*c.Heads)
	for i := range labels {
		labels[i] = fmt.Sprintf("%d.%d", i/c.Heads, i%c.Heads)
	}
	scores := array.New(array.Labels("from", labels), array.Labels("to", labels)).Named(title, "")
	for i := range scores.Values() {
		scores.Values()[i] = nan
	}
	for later := 1; later < c.Layers; later++ {
		for earlier := range later {
			middle, err := m.Product(model.WO(earlier).AfterNorm(), reader(side, later))
			if err != nil {
				return fail(err)
			}
			between := dense(middle)
			for h := range c.Heads {
				for g := range c.Heads {
					from, to := earlier*c.Heads+h, later*c.Heads+g
					read := g // the head of queries, or of keys and values
					if side != Q {
						read = c.KVHead(g)
					}
					part := between.Slice(h*c.DHead, (h+1)*c.DHead, read*c.DHead, (read+1)*c.DHead)
					scores.Set(f.score(side, from, to, part), from, to)
				}
			}
		}
	}
	return result(m, scores, fmt.Sprintf("%s, Frobenius, no baseline subtracted", title)), scores.Err()
}

// Baseline is the composition of two heads with independent random weights,
// 1/sqrt(d_model): 0.036 for GPT-2 small. Scores near it mean nothing.
func Baseline(m *model.Model) float64 { return 1 / math.Sqrt(float64(m.Config().DModel)) }

// reader is what the later head reads the residual stream with.
func reader(side Side, layer int) model.Factor {
	return [...]model.Factor{model.WQ(layer), model.WK(layer), model.WV(layer)}[side]
}

// factors are, per query head, small matrices with the norms of the large ones:
// ‖A B Cᵀ‖ = ‖R_A B R_Cᵀ‖ where R is the triangle of the QR decomposition.
type factors struct {
	q, k, v, o []mat.Matrix // [d_head, d_head]; o is of W_Oᵀ
}

func factorise(m *model.Model) (factors, error) {
	c := m.Config()
	var f factors
	for l := range c.Layers {
		// The Gram matrices of the heads come from the host; their Cholesky
		// factors are the triangles of QR.
		var chains []model.Chain
		for h := range c.Heads {
			w, err := weightsOf(m, graph.Head(l, h))
			if err != nil {
				return f, err
			}
			chains = append(chains, model.Chain{w.q.T(), w.q}, model.Chain{w.k.T(), w.k}, model.Chain{w.v.T(), w.v}, model.Chain{w.o, w.o.T()})
		}
		grams, err := m.Products(chains...)
		if err != nil {
			return f, err
		}
		for h := range c.Heads {
			for i, to := range []*[]mat.Matrix{&f.q, &f.k, &f.v, &f.o} {
				*to = append(*to, root(dense(grams[4*h+i])))
			}
		}
	}
	return f, nil
}

// root is a matrix R with RᵀR = gram, also if gram is singular.
func root(gram *mat.Dense) mat.Matrix {
	n, _ := gram.Dims()
	sym := mat.NewSymDense(n, nil)
	for i := range n {
		for j := i; j < n; j++ {
			sym.SetSym(i, j, (gram.At(i, j)+gram.At(j, i))/2)
		}
	}
	var eigen mat.EigenSym
	if !eigen.Factorize(sym, true) {
		return mat.NewDense(n, n, nil) // cannot be for a finite symmetric matrix
	}
	var vectors mat.Dense
	eigen.VectorsTo(&vectors)
	r := mat.NewDense(n, n, nil)
	for i, lambda := range eigen.Values(nil) {
		for j := range n {
			r.Set(i, j, math.Sqrt(max(0, lambda))*vectors.At(j, i))
		}
	}
	return r
}

// score is ‖W_OV X‖ / (‖W_OV‖ ‖X‖); between is W_O of the one times the reading
// matrix of the other.
func (f factors) score(side Side, from, to int, between mat.Matrix) float64 {
	var read, other mat.Matrix // X = W_read W_otherᵀ
	switch side {
	case Q:
		read, other = f.q[to], f.k[to]
	case K:
		read, other = f.k[to], f.q[to]
	case V:
		read, other = f.v[to], f.o[to]
	}
	both := norm(f.v[from], between, other)
	return both / (norm(f.v[from], nil, f.o[from]) * norm(read, nil, other))
}

// norm is ‖A B Cᵀ‖ in the Frobenius norm; a nil B is left out.
func norm(a, b, c mat.Matrix) float64 {
	var p mat.Dense
	if b != nil {
		p.Mul(a, b)
		a = &p
	}
	var q mat.Dense
	q.Mul(a, c.T())
	return mat.Norm(&q, 2)
}

// dense copies a matrix to float64.
func dense(a *array.Array) *mat.Dense {
	shape := a.Shape()
	values := make([]float64, len(a.Values()))
	for i, v := range a.Values() {
		values[i] = float64(v)
	}
	return mat.NewDense(shape[0], shape[1], values)
}

var nan = float32(math.NaN())
