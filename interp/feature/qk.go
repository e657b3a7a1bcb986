package feature

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/golens/golens/interp/sae"
	"github.com/golens/golens/model"
	"github.com/golens/golens/model/array"
	"github.com/golens/golens/model/config"
	"github.com/golens/golens/model/formula"
	"github.com/golens/golens/model/hook"
)

// A QKAttribution explains one attention score by pairs of what the query reads and
// what the key reads.
type QKAttribution struct {
	Layer, Head, Query, Key int

	QuerySources, KeySources []string // features, errors, heads, embeddings, biases
	// Pairs are what each pair adds to the score [query source, key source].
	Pairs *array.Array

	// Score is the model's, before a soft cap; Cap is that cap, 0 for none.
	Score, Cap float64
	// Error is the difference between the score and the sum of all pairs, over the sum
	// of their sizes.
	Error float64
	model.Provenance
}

// QK explains the score of a head, query and key on one prompt. With transcoders of
// all MLPs what an MLP writes is its active features, an error, a bias and a skip
// connection; with none it is one source. Every earlier head is a source, the
// embeddings are, and so is every bias, those of queries, keys and norms included.
//
// With the divisors of norms as they were, q and k are linear in what was written to
// the residual stream, and the score is a sum over pairs. That holds in every family:
// with biases, heads of keys that queries share, norms of queries and keys, soft caps
// (Pairs are of the score before the cap) and transcoders across layers.
//
// It explains the score, not the softmax: a pair adds equally to keys that differ
// little. What a rotary embedding prefers of distances is inside each pair. Source:
// Kamath et al. 2025, "Tracing Attention Computation Through Feature Interactions".
func QK(m *model.Model, set sae.Set, prompt model.Prompts, layer, head, query, key int) (*QKAttribution, error) {
	fail := func(err error) (*QKAttribution, error) {
		return nil, fmt.Errorf("QK attribution of head %d.%d: %w", layer, head, err)
	}
	c := m.Config()
	if prompt.Err() != nil {
		return fail(prompt.Err())
	}
	if len(prompt.IDs) != 1 {
		return fail(errors.New("give one prompt"))
	}
	n := len(prompt.IDs[0])
	if layer < 0 || layer >= c.Layers || head < 0 || head >= c.Heads || query < 0 || query >= n || key < 0 || key > query {
		return fail(fmt.Errorf("query %d and key %d of %d tokens, in a model of %d layers with %d heads", query, key, n, c.Layers, c.Heads))
	}
	x := &qk{m: m, c: c, layer: layer, head: head, tokens: prompt.IDs[0]}
	if set != nil {
		t, err := newTracer(context.Background(), m, set, prompt, Tracing{})
		if err != nil {
			return fail(err)
		}
		x.t = t
	}
	if err := x.base(query, key); err != nil {
		return fail(err)
	}
	q, err := x.side(hook.Q(layer), hook.RotQ(layer), head, query)
	if err != nil {
		return fail(err)
	}
	k, err := x.side(hook.K(layer), hook.RotK(layer), c.KVHead(head), key)
	if err != nil {
		return fail(err)
	}
	out := &QKAttribution{Layer: layer, Head: head, Query: query, Key: key, QuerySources: q.names, KeySources: k.names, Cap: c.AttnCap, Provenance: x.run.Provenance}
	out.Pairs = array.New(array.Labels("query source", q.names), array.Labels("key source", k.names)).Named(fmt.Sprintf("score of head %d.%d", layer, head), "")
	sum, size := 0.0, 0.0
	for i, a := range q.vectors {
		for j, b := range k.vectors {
			v := c.Scale * dot64(a, b)
			out.Pairs.Set(v, i, j)
			sum, size = sum+v, size+math.Abs(v)
		}
	}
	out.Score = x.run.At(hook.Scores(layer)).At(0, head, query, key)
	if cap := c.AttnCap; cap > 0 {
		out.Score = cap * math.Atanh(out.Score/cap)
	}
	out.Error = math.Abs(sum-out.Score) / max(size, 1e-30)
	return out, nil
}

func dot64(a, b []float64) (s float64) {
	for i, v := range a {
		s += v * b[i]
	}
	return s
}

type qk struct {
	m           *model.Model
	c           config.Config
	t           *tracer
	layer, head int
	tokens      []int32
	run         *model.Result
	sources     map[int][]source // by position
}

// A source is a vector that was written to the residual stream below.
type source struct {
	name   string
	vector []float32
}

// sided are sources as queries or keys, after their norm and rotary embedding.
type sided struct {
	names   []string
	vectors [][]float64
}

// base runs the model, and lists what was written at the two positions.
func (x *qk) base(positions ...int) error {
	r := model.Request{Rows: [][]int32{x.tokens}}.Capture(hook.Embed(), hook.Scores(x.layer), hook.ResidPre(x.layer), hook.Q(x.layer), hook.K(x.layer))
	for _, p := range []hook.Point{hook.PosEmbed(), hook.LN1Scale(x.layer)} {
		if x.c.Has(p.ID) {
			r = r.Capture(p)
		}
	}
	for l := range x.layer {
		r = r.Capture(hook.HeadResult(l), hook.AttnOut(l))
		if !x.c.AttnOnly() {
			r = r.Capture(hook.MLPOut(l))
		}
		for _, p := range []hook.Point{hook.LN1PostScale(l), hook.LN1Scale(l)} {
			if x.c.Has(p.ID) && p.Find(r.Captures) < 0 {
				r = r.Capture(p)
			}
		}
	}
	var err error
	if x.run, err = x.m.Run(r); err != nil {
		return err
	}
	x.sources = map[int][]source{}
	for _, pos := range positions {
		if x.sources[pos] == nil {
			if x.sources[pos], err = x.written(pos); err != nil {
				return err
			}
		}
	}
	return nil
}

// at is an activation at a position, all that stands there.
func (x *qk) at(p hook.Point, pos int) []float32 {
	v := x.run.At(p).Values()
	n := len(v) / len(x.tokens)
	return v[pos*n:][:n]
}

// written are the parts of the residual stream that the block reads at a position.
func (x *qk) written(pos int) (all []source, err error) {
	d := x.c.DModel
	add := func(name string, v []float32) { all = append(all, source{name, v}) }
	label, err := x.m.Text(x.tokens[pos : pos+1])
	if err != nil {
		return nil, err
	}
	add(fmt.Sprintf("embedding of %q", label), x.at(hook.Embed(), pos))
	if x.c.Has(hook.PosEmbed().ID) {
		add(fmt.Sprintf("position %d", pos), x.at(hook.PosEmbed(), pos))
	}
	for l := range x.layer {
		gain, err := x.behind(l, pos)
		if err != nil {
			return nil, err
		}
		rest := slices.Clone(x.at(hook.AttnOut(l), pos))
		heads := x.at(hook.HeadResult(l), pos)
		for h := range x.c.Heads {
			v := slices.Clone(heads[h*d:][:d])
			for i := range v {
				v[i] *= gain[i]
				rest[i] -= v[i]
			}
			add(fmt.Sprintf("head %d.%d", l, h), v)
		}
		add(fmt.Sprintf("bias of attention %d", l), rest)
		if x.c.AttnOnly() {
			continue
		}
		if x.t == nil {
			add(fmt.Sprintf("MLP %d", l), x.at(hook.MLPOut(l), pos))
			continue
		}
		x.ofMLP(l, pos, add)
	}
	// the sum of all is what the block reads, unless the embeddings are normed together
	left := slices.Clone(x.at(hook.ResidPre(x.layer), pos))
	size := 0.0
	for _, v := range left {
		size = max(size, math.Abs(float64(v)))
	}
	for _, s := range all {
		for i, v := range s.vector {
			left[i] -= v
		}
	}
	for _, v := range left {
		if math.Abs(float64(v)) > 1e-4*size {
			return nil, fmt.Errorf("what is written at position %d does not add up to the residual stream; a family that norms its embeddings is not explained", pos)
		}
	}
	return all, nil
}

// behind is the factor of a norm on the attention's output [d_model], ones where there
// is none.
func (x *qk) behind(l, pos int) ([]float32, error) {
	gain := slices.Repeat([]float32{1}, x.c.DModel)
	var w model.Factor
	var scale hook.Point
	switch x.c.NormAt {
	case config.NormSandwich:
		w, scale = model.LN1Post(l), hook.LN1PostScale(l)
	case config.NormAfter:
		w, scale = model.LN1(l), hook.LN1Scale(l)
	default:
		return gain, nil
	}
	a, err := x.m.Product(w)
	if err != nil {
		return nil, err
	}
	by := x.at(scale, pos)[0]
	for i, v := range a.Values() {
		gain[i] = v / by
	}
	return gain, nil
}

// ofMLP are the parts of what an MLP writes, by its transcoder.
func (x *qk) ofMLP(l, pos int, add func(string, []float32)) {
	t, d := x.t, x.c.DModel
	for own := 0; own <= l; own++ {
		if l-own >= max(1, t.set[own].Layers) {
			continue
		}
		for _, i := range t.byPlace[[2]int{own, pos}] {
			f := t.features[i]
			v := make([]float32, d)
			axpy(f.Activation, t.decoder(own, l-own, f.Feature), v)
			name := fmt.Sprintf("feature %d.%d", own, f.Feature)
			if own < l {
				name += fmt.Sprintf(" at layer %d", l)
			}
			add(name, v)
		}
	}
	add(fmt.Sprintf("error of MLP %d", l), t.errs[l][pos*d:][:d])
	add(fmt.Sprintf("bias of MLP %d", l), t.rest[l][pos*d:][:d])
	if t.set[l].WSkip != nil {
		skip := t.skip(t.set[l], t.read.At(t.set[l].Read).Values())
		add(fmt.Sprintf("skip connection of MLP %d", l), skip[pos*d:][:d])
	}
}

// side takes the sources of a position to a head's queries or keys: through the norm
// before, the matrix and bias, the norm of queries and keys, and the rotary embedding,
// all divisors as they were.
func (x *qk) side(plain, rotated hook.Point, head, pos int) (*sided, error) {
	c, d, dh := x.c, x.c.DModel, x.c.DHead
	// the Jacobian of the plain vector, a row for each coordinate
	r := model.Request{}
	if c.Has(hook.LN1Scale(x.layer).ID) {
		r = r.Edit(hook.LN1Scale(x.layer).Compute(formula.Here().Stop()))
	}
	unit := array.New(array.Dim("row", dh), array.Dim("pos", 1), array.Dim("head", 1), array.Dim("d_head", dh))
	for i := range dh {
		r.Rows = append(r.Rows, x.tokens)
		unit.Set(1, i, 0, 0, i)
	}
	resid := hook.ResidPre(x.layer)
	got, err := x.m.Run(r.Metric(model.Linear(plain.Head(head).At(pos), unit)).Grad(resid.At(pos)))
	if err != nil {
		return nil, err
	}
	jacobian := got.Grad(resid.At(pos)).Values()
	// what biases alone make
	zero := model.Request{Rows: [][]int32{x.tokens}}.Edit(resid.Zero()).Capture(plain)
	if p := hook.LN1Scale(x.layer); c.Has(p.ID) && p.Find(x.captured()) >= 0 {
		zero = zero.Edit(p.Replace(x.run.At(p)))
	}
	none, err := x.m.Run(zero)
	if err != nil {
		return nil, err
	}
	heads := len(x.at(plain, pos)) / dh
	out := &sided{}
	var all [][]float64
	for _, s := range x.sources[pos] {
		v := make([]float64, dh)
		for i := range v {
			v[i] = inner(jacobian[i*d:][:d], s.vector)
		}
		out.names, all = append(out.names, s.name), append(all, v)
	}
	bias := make([]float64, dh)
	for i, v := range none.At(plain).Values()[(pos*heads+head)*dh:][:dh] {
		bias[i] = float64(v)
	}
	out.names, all = append(out.names, "biases"), append(all, bias)
	matrix, shift, err := x.rotation(plain, rotated, head, heads, pos)
	if err != nil {
		return nil, err
	}
	for k, v := range all {
		y := make([]float64, dh)
		for i, a := range v {
			for j := range y {
				y[j] += a * matrix[i][j]
			}
		}
		if k == len(all)-1 { // the bias of a norm of queries and keys
			for j := range y {
				y[j] += shift[j]
			}
		}
		out.vectors = append(out.vectors, y)
	}
	return out, nil
}

func (x *qk) captured() (all []hook.Point) {
	for _, c := range x.run.Captures {
		all = append(all, c.Point)
	}
	return all
}

// rotation is the norm of queries and keys, with its divisor as it was, and the
// rotary embedding at a position, as a matrix [d_head][d_head] and a shift: what the
// engine makes of unit vectors.
func (x *qk) rotation(plain, rotated hook.Point, head, heads, pos int) (matrix [][]float64, shift []float64, err error) {
	c, dh := x.c, x.c.DHead
	matrix, shift = make([][]float64, dh), make([]float64, dh)
	if !c.Has(rotated.ID) {
		if c.QKNorm != "" {
			return nil, nil, errors.New("a norm of queries and keys without a rotary embedding is not explained")
		}
		for i := range matrix {
			matrix[i] = make([]float64, dh)
			matrix[i][i] = 1
		}
		return matrix, shift, nil
	}
	r := model.Request{}
	units := array.New(array.Dim("row", dh+1), array.Dim("pos", 1), array.Dim("head", heads), array.Dim("d_head", dh))
	for i := range dh + 1 { // the last is zero
		r.Rows = append(r.Rows, x.tokens)
		if i < dh {
			units.Set(1, i, 0, head, i)
		}
	}
	got, err := x.m.Run(r.Edit(plain.At(pos).Replace(units)).Capture(rotated.Head(head).At(pos)))
	if err != nil {
		return nil, nil, err
	}
	v := got.At(rotated.Head(head).At(pos)).Values()
	own := x.at(plain, pos)
	if c.QKNorm != config.QKNormAll {
		own = own[head*dh:][:dh]
	}
	n := float64(len(own))
	mean, square := 0.0, 0.0
	for _, q := range own {
		mean += float64(q) / n
	}
	unit := 1 / n // square of the divisor of a unit vector
	if c.QKNorm == config.QKNormLN {
		unit -= 1 / n / n
	} else {
		mean = 0
	}
	for _, q := range own {
		square += (float64(q) - mean) * (float64(q) - mean) / n
	}
	by := math.Sqrt((unit + c.Eps) / (square + c.Eps))
	if c.QKNorm == "" {
		by = 1
	}
	for j := range shift {
		shift[j] = float64(v[dh*dh+j])
	}
	for i := range matrix {
		for j := range dh {
			matrix[i] = append(matrix[i], (float64(v[i*dh+j])-shift[j])*by)
		}
	}
	return matrix, shift, nil
}

// String is the score and the pairs that add most.
func (q *QKAttribution) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "head %d.%d, query %d, key %d: score %.4g", q.Layer, q.Head, q.Query, q.Key, q.Score)
	if q.Cap > 0 {
		fmt.Fprintf(&b, " before the cap of %g", q.Cap)
	}
	fmt.Fprintf(&b, "; pairs add up within %.1e of their size\n", q.Error)
	order := make([]int, len(q.Pairs.Values()))
	for i := range order {
		order[i] = i
	}
	v := q.Pairs.Values()
	slices.SortStableFunc(order, func(i, j int) int { return cmp.Compare(math.Abs(float64(v[j])), math.Abs(float64(v[i]))) })
	for _, i := range order[:min(10, len(order))] {
		fmt.Fprintf(&b, "%+8.3f  %s × %s\n", v[i], q.QuerySources[i/len(q.KeySources)], q.KeySources[i%len(q.KeySources)])
	}
	return b.String()
}

// A Loading is how an edge goes through one layer's attention: by each head, or past
// all of them.
type Loading struct {
	Layer  int
	Heads  []float64 // [head]
	Bypass float64   // along the residual stream
	Edge   float64   // their sum
}

// String is the heads by size.
func (l *Loading) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "edge %.4g = past layer %d %.4g", l.Edge, l.Layer, l.Bypass)
	order := slices.Clone(hook.UpTo(len(l.Heads)))
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(math.Abs(l.Heads[b]), math.Abs(l.Heads[a])) })
	for _, h := range order {
		fmt.Fprintf(&b, " + head %d.%d %.4g", l.Layer, h, l.Heads[h])
	}
	return b.String()
}

// Loadings split an edge of a graph at the attention of one layer between source and
// target: the parts that go through each head, and the rest. They add up to the edge
// exactly; there is no exact split over several layers at once.
func Loadings(m *model.Model, set sae.Set, prompt model.Prompts, target, from Node, layer int) (*Loading, error) {
	fail := func(err error) (*Loading, error) {
		return nil, fmt.Errorf("head loadings of layer %d, %s to %s: %w", layer, from, target, err)
	}
	o := Tracing{}
	if target.Kind == LogitNode {
		o.Targets = []int32{target.Token}
	}
	t, err := newTracer(context.Background(), m, set, prompt, o)
	if err != nil {
		return fail(err)
	}
	if from.Kind == LogitNode || layer < 0 || layer >= t.layers {
		return fail(errors.New("a logit is no source, and the layer is one of the model's"))
	}
	var x functional
	switch target.Kind {
	case LogitNode:
		x, err = t.logitTarget(0)
	case FeatureNode:
		i := slices.IndexFunc(t.features, func(n Node) bool {
			return n.Layer == target.Layer && n.Pos == target.Pos && n.Feature == target.Feature
		})
		if i < 0 {
			return fail(errors.New("the target does not fire"))
		}
		x = t.featureTarget(i)
	default:
		err = errors.New("the target is a feature or a logit")
	}
	if err != nil {
		return fail(err)
	}
	H, T := m.Config().Heads, len(t.tokens)
	// row h stops all heads but h, the last row all of them
	r := model.Request{Edits: slices.Clone(t.frozen)}
	coeffs := array.New(array.Dim("row", H+1), array.Dim("pos", 1), array.Dim("d_model", len(x.coeffs)))
	for h := range H + 1 {
		r.Rows = append(r.Rows, t.tokens)
		copy(coeffs.Values()[h*len(x.coeffs):], x.coeffs)
		var others []int
		for k := range H {
			if k != h {
				others = append(others, k)
			}
		}
		if len(others) > 0 {
			r = r.Edit(hook.Z(layer).Row(h).Head(others...).Compute(formula.Here().Stop()))
		}
	}
	at := hook.Embed()
	var points []hook.Point
	switch from.Kind {
	case TokenNode:
		points = append(points, at)
	default:
		top := from.Layer
		if from.Kind == FeatureNode {
			top += max(1, set[from.Layer].Layers) - 1
		}
		below := t.layers
		if x.at.ID != t.final().ID {
			below = x.at.Layer
		}
		for l := from.Layer; l <= min(top, below-1); l++ {
			points = append(points, hook.MLPOut(l))
		}
	}
	if len(points) == 0 {
		return fail(errors.New("the source writes behind the target"))
	}
	got, err := m.Run(r.Grad(points...).Metric(model.Linear(x.at.At(x.pos), coeffs)))
	if err != nil {
		return fail(err)
	}
	parts := make([]float64, H+1)
	for _, p := range points {
		g := got.Grad(p).Values()
		v := t.embed[from.Pos*t.d:][:t.d]
		switch from.Kind {
		case FeatureNode:
			v = make([]float32, t.d)
			axpy(from.Activation, t.decoder(from.Layer, p.Layer-from.Layer, from.Feature), v)
		case ErrorNode:
			v = t.errs[from.Layer][from.Pos*t.d:][:t.d]
		}
		for h := range parts {
			parts[h] += inner(g[(h*T+from.Pos)*t.d:][:t.d], v)
		}
	}
	out := &Loading{Layer: layer, Bypass: parts[H], Edge: parts[H]}
	for h := range H {
		out.Heads = append(out.Heads, parts[h]-parts[H])
		out.Edge += out.Heads[h]
	}
	return out, nil
}
