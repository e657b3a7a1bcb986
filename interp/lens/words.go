package lens

import (
	"fmt"
	"slices"
	"strings"

	"gonum.org/v1/gonum/mat"

	"github.com/golens/golens/interp"
	"github.com/golens/golens/interp/steer"
	"github.com/golens/golens/model"
	"github.com/golens/golens/model/array"
	"github.com/golens/golens/model/hook"
)

// Words are directions of the residual stream as the tokens whose logits they raise and
// lower the most.
type Words struct {
	*interp.Result           // how large each direction is [direction]
	Raised, Lowered [][]Word // of each direction, the most first
}

// A Word is a token and what a direction of length 1 adds to its logit.
type Word struct {
	Text  string
	Logit float64
}

// String is a line for each direction.
func (w *Words) String() string {
	var b strings.Builder
	_, names := w.Axis(0)
	for i := range w.Raised {
		name := fmt.Sprint(i)
		if names != nil {
			name = names[i]
		}
		list := func(words []Word) string {
			var all []string
			for _, word := range words {
				all = append(all, fmt.Sprintf("%q", word.Text))
			}
			return strings.Join(all, " ")
		}
		fmt.Fprintf(&b, "%s (%.3g): %s | lowered: %s\n", name, w.At(i), list(w.Raised[i]), list(w.Lowered[i]))
	}
	fmt.Fprintf(&b, "%s (%s)\n", w.Method, w.Source)
	return b.String()
}

// HeadWords are the k largest singular vectors of a head's W_OV on the side that it
// writes, as tokens: what it can say. The signs of singular vectors mean nothing. Source:
// Millidge and Black 2022, "The Singular Value Decompositions of Transformer Weight
// Matrices are Highly Interpretable".
func HeadWords(m *model.Model, layer, head, k, tokens int) (*Words, error) {
	what := fmt.Sprintf("words of head %d.%d", layer, head)
	c := m.Config()
	if layer < 0 || layer >= c.Layers || head < 0 || head >= c.Heads {
		return nil, fmt.Errorf("%s: the model has %d layers of %d heads", what, c.Layers, c.Heads)
	}
	w, err := m.Products(model.Chain{model.WV(layer).Head(c.KVHead(head))}, model.Chain{model.WO(layer).Head(head).AfterNorm()})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	// W_V = Q R, and R W_O has the singular values and right vectors of W_V W_O.
	var qr mat.QR
	qr.Factorize(matrix(w[0]))
	var r, small mat.Dense
	qr.RTo(&r)
	_, n := r.Dims()
	small.Mul(r.Slice(0, n, 0, n), matrix(w[1]))
	return svdWords(m, &small, k, tokens, "singular vectors of W_OV of head "+fmt.Sprintf("%d.%d", layer, head))
}

// MLPWords are the k largest singular vectors of a block's W_out on the side that it
// writes, as tokens. Source: as [HeadWords].
func MLPWords(m *model.Model, layer, k, tokens int) (*Words, error) {
	what := fmt.Sprintf("words of MLP %d", layer)
	if c := m.Config(); layer < 0 || layer >= c.Layers || c.AttnOnly() {
		return nil, fmt.Errorf("%s: the model has %d layers, with MLPs: %t", what, c.Layers, !c.AttnOnly())
	}
	w, err := m.Products(model.Chain{model.WOut(layer)})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	return svdWords(m, matrix(w[0]), k, tokens, fmt.Sprintf("singular vectors of W_out of layer %d", layer))
}

func svdWords(m *model.Model, a *mat.Dense, k, tokens int, method string) (*Words, error) {
	var svd mat.SVD
	if !svd.Factorize(a, mat.SVDThin) {
		return nil, fmt.Errorf("%s: no singular values", method)
	}
	values := svd.Values(nil)
	if k < 1 || k > len(values) {
		return nil, fmt.Errorf("%s: %d of %d", method, k, len(values))
	}
	var v mat.Dense
	svd.VTo(&v)
	d, _ := v.Dims()
	vectors := make([][]float32, k)
	for j := range vectors {
		for i := range d {
			vectors[j] = append(vectors[j], float32(v.At(i, j)))
		}
	}
	return wordsOf(m, vectors, values[:k], nil, tokens, method, "Millidge and Black 2022")
}

// DirectionWords are directions of the residual stream as tokens: differences of means,
// probes, features, rows of W_out.
func DirectionWords(m *model.Model, tokens int, directions ...*steer.Direction) (*Words, error) {
	var vectors [][]float32
	var sizes []float64
	var names []string
	for i, d := range directions {
		if n := len(d.Vector.Values()); n != m.Config().DModel {
			return nil, fmt.Errorf("words: direction %d has %d coordinates; the residual stream has %d", i, n, m.Config().DModel)
		}
		vectors, sizes, names = append(vectors, d.Unit().Vector.Values()), append(sizes, d.Norm()), append(names, d.Point.String())
	}
	return wordsOf(m, vectors, sizes, names, tokens, "directions through the unembedding", "nostalgebraist 2020")
}

// wordsOf reads unit vectors by the final norm's weight and the unembedding.
func wordsOf(m *model.Model, vectors [][]float32, sizes []float64, names []string, tokens int, method, source string) (*Words, error) {
	fail := func(err error) (*Words, error) { return nil, fmt.Errorf("%s: %w", method, err) }
	c := m.Config()
	if tokens < 1 || tokens > c.Vocab || len(vectors) == 0 {
		return fail(fmt.Errorf("%d tokens of each of %d directions", tokens, len(vectors)))
	}
	// One row for each, and one that holds nothing, for what biases say.
	n := len(vectors)
	resid := array.New(array.Dim(hook.Batch, n+1), array.Dim(hook.Pos, 1), array.Dim("d_model", c.DModel))
	rows := make([][]int32, n+1)
	for i := range rows {
		rows[i] = []int32{0}
		if i < n {
			copy(resid.Values()[i*c.DModel:], vectors[i])
		}
	}
	request := model.Request{Rows: rows}.Start(c.Layers, resid).Capture(hook.Logits())
	if finalNorm(c) {
		request = request.Edit(hook.LNFinalScale().Replace(hook.Vec(1)))
	}
	run, err := m.Run(request)
	if err != nil {
		return fail(err)
	}
	logits := run.At(hook.Logits()).Values()
	axis := array.Dim("direction", n)
	if names != nil {
		axis = array.Labels("direction", names)
	}
	out := &Words{Result: &interp.Result{Array: array.New(axis).Named(method, ""), Method: method, Source: source, Provenance: run.Provenance}}
	d := reading{Config: c}
	for i := range n {
		out.Set(sizes[i], i)
		added := make([]float64, c.Vocab)
		order := make([]int32, c.Vocab)
		for t := range added {
			order[t] = int32(t)
			added[t] = d.uncapped(float64(logits[i*c.Vocab+t])) - d.uncapped(float64(logits[n*c.Vocab+t]))
		}
		slices.SortStableFunc(order, func(a, b int32) int {
			switch {
			case added[a] > added[b]:
				return -1
			case added[a] < added[b]:
				return 1
			}
			return 0
		})
		raised, lowered := order[:tokens], slices.Clone(order[c.Vocab-tokens:])
		slices.Reverse(lowered)
		for _, side := range []struct {
			ids []int32
			to  *[][]Word
		}{{raised, &out.Raised}, {lowered, &out.Lowered}} {
			p := m.Rows([][]int32{side.ids})
			labels := make([]string, len(side.ids))
			if p.Err() == nil {
				labels = p.Labels[0]
			} else {
				for k, id := range side.ids { // no tokenizer
					labels[k] = fmt.Sprint(id)
				}
			}
			var words []Word
			for k, id := range side.ids {
				words = append(words, Word{labels[k], added[id]})
			}
			*side.to = append(*side.to, words)
		}
	}
	return out, nil
}

func matrix(a *array.Array) *mat.Dense {
	shape := a.Shape()
	m := mat.NewDense(shape[0], shape[1], nil)
	for i, v := range a.Values() {
		m.RawMatrix().Data[i] = float64(v)
	}
	return m
}
