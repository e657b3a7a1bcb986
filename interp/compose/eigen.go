package compose

import (
	"fmt"
	"math/cmplx"

	"gonum.org/v1/gonum/mat"

	"github.com/golens/golens/interp"
	"github.com/golens/golens/interp/graph"
	"github.com/golens/golens/model"
	"github.com/golens/golens/model/array"
)

// EigenvalueCopying is, for each head, the sum of the eigenvalues of its OV
// circuit W_E W_OV W_U over the sum of their sizes, from -1 to 1 [layer, head].
// 1 means that attending to a token raises that token's logit, in every
// direction of the vocabulary; -1 that it lowers it.
//
// Copying alone does not make an induction head: many heads of GPT-2 small have
// it. Where the embedding is not what heads read (GPT-2's first MLP rewrites
// it), the score misjudges heads. Heads that share values are judged each by
// its own output.
//
// No passes. The eigenvalues are those of the small W_O W_U W_E W_V
// [d_head, d_head], which are the same but for zeros. Source: Elhage et al.
// 2021, "summarizing OV/QK matrices: copying".
func EigenvalueCopying(m *model.Model) (*interp.Result, error) {
	return eigenvalues(m, "eigenvalue copying score", "Σλ/Σ|λ| of W_E W_OV W_U", 0, func(w weights) model.Chain {
		return model.Chain{w.o, model.WU(), model.WE(), w.v}
	})
}

// EigenvalueMatching is the same for the QK circuit of each head through the
// keys that an earlier head wrote, W_E W_QK (W_OV)ᵀ W_Eᵀ: near 1 a head attends
// to where the earlier one saw the query's own token, which is how induction
// matches its prefix [layer, head]; NaN up to the earlier head's layer. No
// passes. Source: Elhage et al. 2021, "how induction heads work".
func EigenvalueMatching(m *model.Model, earlier graph.Part) (*interp.Result, error) {
	title := fmt.Sprintf("eigenvalue matching score through the keys from head %s", earlier)
	if err := bilinear(m); err != nil {
		return nil, fmt.Errorf("%s: %w", title, err)
	}
	writes, err := weightsOf(m, earlier)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", title, err)
	}
	return eigenvalues(m, title, "Σλ/Σ|λ| of W_E W_QK (W_OV)ᵀ W_Eᵀ", earlier.Layer+1, func(w weights) model.Chain {
		return model.Chain{w.k.T(), writes.o.T(), writes.v.T(), model.WE().T(), model.WE(), w.q}
	})
}

// eigenvalues are those of a chain for each head from a layer on.
func eigenvalues(m *model.Model, title, method string, layer int, chain func(weights) model.Chain) (*interp.Result, error) {
	scores := interp.Heads(m, title, "")
	c := m.Config()
	first := layer * c.Heads
	var chains []model.Chain
	for i := range scores.Values() {
		scores.Values()[i] = nan
		if i < first {
			continue
		}
		w, err := weightsOf(m, graph.Head(i/c.Heads, i%c.Heads))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", title, err)
		}
		chains = append(chains, chain(w))
	}
	if len(chains) == 0 {
		return nil, fmt.Errorf("%s: no head comes after it", title)
	}
	products, err := m.Products(chains...)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", title, err)
	}
	for i, p := range products {
		share, err := traceShare(p)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", title, err)
		}
		scores.Values()[first+i] = float32(share)
	}
	return result(m, scores, method), nil
}

// traceShare is Σλ/Σ|λ| of a square matrix, 0 if there is nothing in it.
func traceShare(a *array.Array) (float64, error) {
	var eigen mat.Eigen
	if !eigen.Factorize(dense(a), mat.EigenNone) {
		return 0, fmt.Errorf("the eigenvalues of %v do not converge", a.Shape())
	}
	sum, size := 0.0, 0.0
	for _, v := range eigen.Values(nil) {
		sum, size = sum+real(v), size+cmplx.Abs(v)
	}
	if size == 0 {
		return 0, nil
	}
	return sum / size, nil
}
