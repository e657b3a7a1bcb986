package exec

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"

	"github.com/golens/golens/model/array"
	"github.com/golens/golens/model/config"
	"github.com/golens/golens/model/internal/arch"
)

// A Factor is a weight in a product: TransformerLens' orientation, one head of
// it or all, some tokens of it or all or their mean, transposed or not.
type Factor struct {
	Name      string
	Heads     []int   // nil for all
	Tokens    []int32 // nil for all
	Mean      bool    // over all tokens
	Neurons   []int   // nil for all
	Normed    bool    // W_O or W_out times the weight of the norm behind
	Folded    bool    // times the weight of the norm before, and centred if that centres
	Transpose bool
	Values    [][]float32 // rows that are given
}

// operand is a matrix on the backend. flip says that its memory holds the
// transpose.
type operand struct {
	t          *tensors.Tensor
	rows, cols int
	flip       bool
	axes       [2]string
	own        bool // made here, to be freed
}

// Products multiplies chains of weights, each in the order with the fewest
// multiplications. A pair of neighbours that many chains share (W_U W_E, say)
// is multiplied once if that is cheaper. Products of more bytes than the budget
// are refused before anything is multiplied.
func (e *Engine) Products(ctx context.Context, chains [][]Factor, budget int64) ([]*array.Array, error) {
	all := map[string]operand{} // by the factor's text: equal factors are one operand
	defer func() {
		for _, o := range all {
			if o.own {
				free(o.t)
			}
		}
	}()
	work := make([][]operand, len(chains))
	for i, chain := range chains {
		for j, f := range chain {
			key := fmt.Sprint(f)
			o, ok := all[key]
			if !ok {
				var err error
				if o, err = e.operand(f); err != nil {
					return nil, err
				}
				all[key] = o
			}
			if j > 0 && work[i][j-1].cols != o.rows {
				return nil, fmt.Errorf("product %v: %s [%d, %d] does not multiply %s [%d, %d]", chain,
					chain[j-1].Name, work[i][j-1].rows, work[i][j-1].cols, f.Name, o.rows, o.cols)
			}
			work[i] = append(work[i], o)
		}
	}
	size := 0.0
	for _, chain := range work {
		size += 4 * float64(chain[0].rows) * float64(chain[len(chain)-1].cols)
	}
	if size > float64(budget) {
		return nil, fmt.Errorf("products of %.2f GB are over the budget of %.2f GB; select heads or tokens, or ask for fewer at once", size/1e9, float64(budget)/1e9)
	}
	shared, err := e.share(work)
	defer func() {
		for _, o := range shared {
			free(o.t)
		}
	}()
	if err != nil {
		return nil, err
	}
	out := make([]*array.Array, len(chains))
	for i := range work {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if out[i], err = e.chain(work[i]); err != nil {
			return nil, fmt.Errorf("product %v: %w", chains[i], err)
		}
	}
	return out, nil
}

// operand finds a weight and cuts a head out of it.
func (e *Engine) operand(f Factor) (operand, error) {
	if strings.HasSuffix(f.Name, ".w") {
		return e.normWeight(f)
	}
	if f.Values != nil {
		return e.given(f)
	}
	t, release, err := e.use(f.Name)
	if err != nil {
		return operand{}, err
	}
	defer release()
	if t == nil || t.Rank() != 2 {
		return operand{}, fmt.Errorf("product: the model has no weight matrix %s", f.Name)
	}
	d := t.Shape().Dimensions
	o := operand{t: t, rows: d[0], cols: d[1], axes: axesOf(f.Name)}
	if f.Name == "unembed.W_U" { // held as [vocab, d_model]
		o.rows, o.cols, o.flip = d[1], d[0], true
	}
	switch {
	case f.Heads != nil:
		o, err = e.headsOf(o, f)
	case f.Neurons != nil:
		o, err = e.neuronsOf(o, f)
	case f.Mean || f.Tokens != nil:
		o, err = e.rowsOf(o, f)
	}
	if err == nil && f.Normed {
		o, err = e.afterNorm(o, f)
	}
	if err == nil && f.Folded {
		o, err = e.fold(o, f)
	}
	if err == nil && !o.own && e.weights[f.Name] == nil { // its block may leave memory
		var values []float32
		if values, err = tensors.CopyFlatData[float32](o.t); err == nil {
			o.own = true
			o.t, err = e.tensor(values, d...)
		}
	}
	if err != nil {
		return operand{}, err
	}
	if f.Transpose {
		o.rows, o.cols, o.flip = o.cols, o.rows, !o.flip
		o.axes[0], o.axes[1] = o.axes[1], o.axes[0]
	}
	return o, nil
}

// axesOf are the axis names of a weight.
func axesOf(name string) [2]string {
	switch local := name[strings.LastIndex(name, ".")+1:]; local {
	case "W_E":
		return [2]string{"vocab", "d_model"}
	case "W_U":
		return [2]string{"d_model", "vocab"}
	case "W_pos":
		return [2]string{"pos", "d_model"}
	case "W_in", "W_gate":
		return [2]string{"d_model", "d_mlp"}
	case "W_out":
		return [2]string{"d_mlp", "d_model"}
	case "W_O":
		return [2]string{"d_head", "d_model"}
	default:
		return [2]string{"d_model", "d_head"}
	}
}

// headsOf cuts heads out of an attention weight, side by side.
func (e *Engine) headsOf(o operand, f Factor) (operand, error) {
	d := e.Config.DHead
	out := strings.HasSuffix(f.Name, ".attn.W_O")
	heads := o.cols / d
	if out {
		heads = o.rows / d
	}
	for _, h := range f.Heads {
		if !strings.Contains(f.Name, ".attn.W_") || h < 0 || h >= heads {
			return o, fmt.Errorf("product: %s has no head %d", f.Name, h)
		}
	}
	var part []float32
	err := tensors.ConstFlatData(o.t, func(w []float32) {
		if out {
			for _, h := range f.Heads {
				part = append(part, w[h*d*o.cols:][:d*o.cols]...)
			}
			return
		}
		for r := range o.rows {
			for _, h := range f.Heads {
				part = append(part, w[r*o.cols+h*d:][:d]...)
			}
		}
	})
	if err != nil {
		return o, err
	}
	if out {
		o.rows = d * len(f.Heads)
	} else {
		o.cols = d * len(f.Heads)
	}
	o.own = true
	o.t, err = e.tensor(part, o.rows, o.cols)
	return o, err
}

// normWeight is the weight of a norm as a row [1, d_model]: ones if it was folded.
func (e *Engine) normWeight(f Factor) (operand, error) {
	if arch.Shapes(e.Config)[f.Name] == nil {
		return operand{}, fmt.Errorf("product: the model has no norm %s", strings.TrimSuffix(f.Name, ".w"))
	}
	n := e.Config.DModel
	w, err := e.vector(f.Name, n)
	if err != nil {
		return operand{}, err
	}
	o := operand{rows: 1, cols: n, axes: [2]string{"norm", "d_model"}, own: true}
	if f.Transpose {
		o.rows, o.cols, o.axes = n, 1, [2]string{"d_model", "norm"}
	}
	o.t, err = e.tensor(w, o.rows, o.cols)
	return o, err
}

// vector is the weight of a norm: ones if the model holds none.
func (e *Engine) vector(name string, n int) ([]float32, error) {
	if t := e.weights[name]; t != nil {
		return tensors.CopyFlatData[float32](t)
	}
	return slices.Repeat([]float32{1}, n), nil
}

// afterNorm multiplies the columns of W_O, or of a head's part of it, with the
// weight of the norm behind the attention, if there is one.
func (e *Engine) afterNorm(o operand, f Factor) (operand, error) {
	block, ok := strings.CutSuffix(f.Name, "attn.W_O")
	norm := "ln1"
	if !ok {
		block, ok = strings.CutSuffix(f.Name, "mlp.W_out")
		norm = "ln2"
	}
	if !ok {
		return o, fmt.Errorf("product: no norm stands behind %s; one may stand behind W_O and W_out", f.Name)
	}
	name := ""
	switch e.Config.NormAt {
	case config.NormAfter:
		name = block + norm + ".w"
	case config.NormSandwich:
		name = block + norm + "_post.w"
	default:
		return o, nil
	}
	weight, err := e.vector(name, o.cols)
	if err != nil {
		return o, err
	}
	values, err := tensors.CopyFlatData[float32](o.t)
	if err != nil {
		return o, err
	}
	for i := range values {
		values[i] *= weight[i%o.cols]
	}
	if o.own {
		free(o.t)
	}
	o.own = true
	o.t, err = e.tensor(values, o.rows, o.cols)
	return o, err
}

// given is a matrix that is given.
func (e *Engine) given(f Factor) (o operand, err error) {
	o = operand{rows: len(f.Values), cols: len(f.Values[0]), axes: [2]string{"given", "d_model"}, own: true, flip: f.Transpose}
	o.t, err = e.tensor(slices.Concat(f.Values...), o.rows, o.cols)
	if f.Transpose {
		o.rows, o.cols, o.axes = o.cols, o.rows, [2]string{"d_model", "given"}
	}
	return o, err
}

// neuronsOf cuts neurons out of a matrix of an MLP.
func (e *Engine) neuronsOf(o operand, f Factor) (operand, error) {
	out := strings.HasSuffix(f.Name, ".mlp.W_out")
	for _, n := range f.Neurons {
		if !strings.Contains(f.Name, ".mlp.W_") || n < 0 || n >= e.Config.DMLP {
			return o, fmt.Errorf("product: %s has no neuron %d", f.Name, n)
		}
	}
	var part []float32
	err := tensors.ConstFlatData(o.t, func(w []float32) {
		if out {
			for _, n := range f.Neurons {
				part = append(part, w[n*o.cols:][:o.cols]...)
			}
			return
		}
		for r := range o.rows {
			for _, n := range f.Neurons {
				part = append(part, w[r*o.cols+n])
			}
		}
	})
	if err != nil {
		return o, err
	}
	if out {
		o.rows = len(f.Neurons)
	} else {
		o.cols = len(f.Neurons)
	}
	o.own = true
	o.t, err = e.tensor(part, o.rows, o.cols)
	return o, err
}

// fold multiplies the rows of a matrix that reads the residual stream with the weight
// of the norm before it, and takes the mean of each column away if the norm takes that
// of the stream away.
func (e *Engine) fold(o operand, f Factor) (operand, error) {
	block, local, _ := strings.Cut(f.Name, "attn.")
	name := block + "ln1.w"
	switch {
	case local == "W_Q" || local == "W_K" || local == "W_V":
	case f.Name == "unembed.W_U":
		name = "ln_final.w"
	case strings.HasSuffix(f.Name, "mlp.W_in") || strings.HasSuffix(f.Name, "mlp.W_gate"):
		block, _, _ = strings.Cut(f.Name, "mlp.")
		if name = block + "ln2.w"; e.Config.SharedNorm {
			name = block + "ln1.w"
		}
	default:
		return o, fmt.Errorf("product: no norm stands before %s", f.Name)
	}
	if at := e.Config.NormAt; e.Config.Norm == config.NormNone || name != "ln_final.w" && (at == config.NormAfter || at == config.NormOnSum) {
		return o, nil // it reads the stream as it is
	}
	weight, err := e.vector(name, o.rows)
	if err != nil {
		return o, err
	}
	w, err := tensors.CopyFlatData[float32](o.t)
	if err != nil {
		return o, err
	}
	byRow, byCol := o.cols, 1
	if o.flip {
		byRow, byCol = 1, o.rows
	}
	for c := range o.cols {
		sum := 0.0
		for r := range o.rows {
			w[r*byRow+c*byCol] *= weight[r]
			sum += float64(w[r*byRow+c*byCol])
		}
		if e.Config.Norm == config.NormLayer {
			for r := range o.rows {
				w[r*byRow+c*byCol] -= float32(sum / float64(o.rows))
			}
		}
	}
	dims := slices.Clone(o.t.Shape().Dimensions)
	if o.own {
		free(o.t)
	}
	o.own = true
	o.t, err = e.tensor(w, dims...)
	return o, err
}

// rowsOf cuts rows out of a matrix that is held with one row per token or
// position, or averages them.
func (e *Engine) rowsOf(o operand, f Factor) (operand, error) {
	if f.Name != "embed.W_E" && f.Name != "unembed.W_U" && f.Name != "pos_embed.W_pos" {
		return o, fmt.Errorf("product: %s has no tokens to select; W_E, W_U and W_pos have", f.Name)
	}
	d := o.t.Shape().Dimensions
	for _, id := range f.Tokens {
		if id < 0 || int(id) >= d[0] {
			return o, fmt.Errorf("product: %s has no token %d; there are %d", f.Name, id, d[0])
		}
	}
	var part []float32
	err := tensors.ConstFlatData(o.t, func(w []float32) {
		if f.Mean {
			part = columnMeans(w, d[1])
			return
		}
		for _, id := range f.Tokens {
			part = append(part, w[int(id)*d[1]:][:d[1]]...)
		}
	})
	if err != nil {
		return o, err
	}
	n := len(part) / d[1]
	if o.flip {
		o.cols = n
	} else {
		o.rows = n
	}
	o.own = true
	o.t, err = e.tensor(part, n, d[1])
	return o, err
}

// columnMeans is the mean row of a matrix, summed in float64.
func columnMeans(w []float32, cols int) []float32 {
	sums := make([]float64, cols)
	for at := 0; at < len(w); at += cols {
		for j, v := range w[at : at+cols] {
			sums[j] += float64(v)
		}
	}
	mean := make([]float32, cols)
	for j, s := range sums {
		mean[j] = float32(s / float64(len(w)/cols))
	}
	return mean
}

// share multiplies the neighbouring whole weights whose product, taken once,
// makes all chains together cheapest, and puts it in their place.
func (e *Engine) share(work [][]operand) ([]operand, error) {
	type pair struct{ a, b operand }
	cost := 0.0
	pairs := map[pair]float64{}
	for _, chain := range work {
		cost += cheapest(chain).cost
		for j := 1; j < len(chain); j++ {
			if a, b := chain[j-1], chain[j]; !a.own && !b.own {
				pairs[pair{a, b}] = 0
			}
		}
	}
	var best pair
	least := cost
	for p := range pairs {
		total := float64(p.a.rows) * float64(p.a.cols) * float64(p.b.cols)
		for _, chain := range work {
			total += cheapest(replace(chain, p.a, p.b, operand{rows: p.a.rows, cols: p.b.cols})).cost
		}
		if total < least {
			best, least = p, total
		}
	}
	if least == cost {
		return nil, nil
	}
	product, err := e.multiply(best.a, best.b)
	if err != nil {
		return nil, err
	}
	for i := range work {
		work[i] = replace(work[i], best.a, best.b, product)
	}
	return []operand{product}, nil
}

// replace puts c in the place of a neighbouring a and b.
func replace(chain []operand, a, b, c operand) []operand {
	for j := 1; j < len(chain); j++ {
		if chain[j-1] == a && chain[j] == b {
			return slices.Concat(chain[:j-1], []operand{c}, chain[j+1:])
		}
	}
	return chain
}

// order is a way to multiply a chain: where to cut it last, and the ways for
// both sides.
type order struct {
	cost        float64
	cut         int
	left, right *order
}

// cheapest is the order with the fewest multiplications.
func cheapest(chain []operand) *order {
	if len(chain) == 1 {
		return &order{}
	}
	best := &order{cost: math.Inf(1)}
	for cut := 1; cut < len(chain); cut++ {
		l, r := cheapest(chain[:cut]), cheapest(chain[cut:])
		cost := l.cost + r.cost + float64(chain[0].rows)*float64(chain[cut].rows)*float64(chain[len(chain)-1].cols)
		if cost < best.cost {
			best = &order{cost, cut, l, r}
		}
	}
	return best
}

func (e *Engine) chain(chain []operand) (*array.Array, error) {
	o, err := e.follow(chain, cheapest(chain))
	if err != nil {
		return nil, err
	}
	if len(chain) > 1 {
		defer free(o.t)
	}
	values, err := tensors.CopyFlatData[float32](o.t)
	if err != nil {
		return nil, err
	}
	axes := [2]string{chain[0].axes[0], chain[len(chain)-1].axes[1]}
	if o.flip {
		return array.Of(values, array.Dim("cols", o.cols), array.Dim("rows", o.rows)).
			Transpose("rows", "cols").Rename(axes[0], axes[1]), nil
	}
	return array.Of(values, array.Dim(axes[0], o.rows), array.Dim(axes[1], o.cols)), nil
}

func (e *Engine) follow(chain []operand, way *order) (operand, error) {
	if len(chain) == 1 {
		return chain[0], nil
	}
	a, err := e.follow(chain[:way.cut], way.left)
	if err != nil {
		return a, err
	}
	b, err := e.follow(chain[way.cut:], way.right)
	if err != nil {
		return b, err
	}
	c, err := e.multiply(a, b)
	if way.cut > 1 {
		free(a.t)
	}
	if len(chain)-way.cut > 1 {
		free(b.t)
	}
	return c, err
}

// multiply is a b.
func (e *Engine) multiply(a, b operand) (operand, error) {
	ca, cb := 1, 0
	if a.flip {
		ca = 0
	}
	if b.flip {
		cb = 1
	}
	name := fmt.Sprintf("product %d %d", ca, cb)
	p, err := e.program(name, func(in []*Node) []*Node {
		return []*Node{DotGeneral(in[0], []int{ca}, nil, in[1], []int{cb}, nil)}
	})
	if err != nil {
		return operand{}, err
	}
	out, err := call(name, p, []any{a.t, b.t})
	if err != nil {
		return operand{}, err
	}
	return operand{t: out[0], rows: a.rows, cols: b.cols, axes: [2]string{a.axes[0], b.axes[1]}}, nil
}
