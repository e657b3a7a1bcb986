package feature

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas32"

	"github.com/golens/golens/interp/sae"
	"github.com/golens/golens/model"
	"github.com/golens/golens/model/array"
	"github.com/golens/golens/model/formula"
	"github.com/golens/golens/model/hook"
)

// A Tracing says how an attribution graph is made. The zero value is circuit-tracer's.
type Tracing struct {
	Logits  int     // at most, of the likeliest next tokens; 0 means 10
	Mass    float64 // of probability that is enough; 0 means 0.95
	Targets []int32 // tokens in place of the likeliest
	// Features is how many are followed at most, by influence; 0 means 7,500.
	Features int
	// Leave is how many positions at the start have neither features nor errors, such as
	// the begin token's; 0 means 1, a negative number none.
	Leave int
	Batch int // targets that run together; 0 means 64, fewer for long prompts
	Every int // batches after which the order of features is made anew; 0 means after 2,048 features
	// Keep is the share of a row's absolute sum that is kept, by its largest entries; 0
	// means all of it.
	Keep float64
}

// Trace makes the attribution graph of one prompt with transcoders of all MLPs, per
// layer or across layers.
//
// The replacement model is the model with its attention patterns and the divisors of
// all norms as they were on this prompt, and with each MLP's output as the sum of
// active features, a bias, a skip connection and an error that makes up the rest. In
// it every activation is linear in the features, errors and embeddings below: an edge
// is activation × decoder · J · encoder, exactly, J being the Jacobian of what lies
// between, taken by the engine's gradients, for any family. Attention soft caps are in
// the patterns; the final one is not in the graph.
//
// It costs a pass and a way back through the blocks below for every target. An edge
// shows a direct effect with attention as it was: not why a head looks where it does
// ([QK] does), and not what would happen if it looked elsewhere.
//
// Sources: Ameisen et al. 2025, "Circuit Tracing"; circuit-tracer, whose definitions
// of influence and pruning these are.
func Trace(m *model.Model, set sae.Set, prompt model.Prompts, o Tracing) (*Graph, error) {
	return TraceContext(context.Background(), m, set, prompt, o)
}

// TraceContext is [Trace] that stops when the context ends.
func TraceContext(ctx context.Context, m *model.Model, set sae.Set, prompt model.Prompts, o Tracing) (*Graph, error) {
	begun := time.Now()
	t, err := newTracer(ctx, m, set, prompt, o)
	if err != nil {
		return nil, fmt.Errorf("attribution graph: %w", err)
	}
	if err := t.follow(); err != nil {
		return nil, fmt.Errorf("attribution graph: %w", err)
	}
	g := t.graph()
	g.Seconds = time.Since(begun).Seconds()
	return g, nil
}

// tracer is a graph in the making.
type tracer struct {
	Tracing
	ctx    context.Context
	m      *model.Model
	set    sae.Set
	tokens []int32
	labels []string
	d      int // d_model
	layers int

	features []Node // that fire
	byPlace  map[[2]int][]int
	errs     [][]float32 // errors of each layer [pos, d_model]
	rest     [][]float32 // what no node stands for: biases of decoders, and positions left out [pos, d_model]
	given    [][]float32 // outputs of MLPs less skip connections [pos, d_model]
	embed    []float32
	pos      []float32
	frozen   []hook.Edit // norms and patterns, and MLPs without their input
	zero     *model.Result
	read     *model.Result
	logits   []Node
	rows     map[int]row // of features by number, and of logits by -1-k
	active   int
	prov     model.Provenance
	worst    float64
	dropped  float64
}

// row is what a target reads: from all features that fire, errors and tokens.
type row struct {
	edges    []Edge // sources: features, then errors, then tokens
	bias, is float64
}

func newTracer(ctx context.Context, m *model.Model, set sae.Set, prompt model.Prompts, o Tracing) (*tracer, error) {
	if prompt.Err() != nil {
		return nil, prompt.Err()
	}
	c := m.Config()
	if len(prompt.IDs) != 1 || len(prompt.IDs[0]) < 2 {
		return nil, errors.New("give one prompt of at least two tokens")
	}
	if len(set) != c.Layers {
		return nil, fmt.Errorf("transcoders of %d layers; %s has %d", len(set), m.Info().Name, c.Layers)
	}
	for l, d := range set {
		if d.Read.Layer != l || !d.Write.Equal(hook.MLPOut(l)) || d.Norm != "" && d.Norm != "none" {
			return nil, fmt.Errorf("layer %d: a dictionary that reads %s and writes %s; transcoders that write %s, without a norm of their own, are needed", l, d.Read, d.Write, hook.MLPOut(l))
		}
	}
	if o.Keep < 0 || o.Keep > 1 {
		return nil, fmt.Errorf("a share of %g of each row; between 0 and 1", o.Keep)
	}
	set0 := func(v *int, to int) {
		if *v == 0 {
			*v = to
		}
	}
	set0(&o.Logits, 10)
	set0(&o.Features, 7500)
	set0(&o.Leave, 1)
	o.Leave = max(0, o.Leave)
	if o.Mass == 0 {
		o.Mass = 0.95
	}
	n := len(prompt.IDs[0])
	const gradients = 256 << 20 // bytes of a batch's gradients at all layers
	most := max(1, gradients/(4*c.Layers*n*c.DModel))
	if o.Batch == 0 {
		o.Batch = 64
	}
	o.Batch = min(o.Batch, most)
	set0(&o.Every, max(1, 2048/o.Batch))
	t := &tracer{Tracing: o, ctx: ctx, m: m, set: set, tokens: prompt.IDs[0], labels: prompt.Labels[0], d: c.DModel, layers: c.Layers, byPlace: map[[2]int][]int{}, rows: map[int]row{}}
	for _, do := range []func() error{t.base, t.freeze, t.targets} {
		if err := do(); err != nil {
			return nil, err
		}
	}
	return t, nil
}

// base runs the model once: what fires, and what is left over.
func (t *tracer) base() error {
	c := t.m.Config()
	r := model.Request{Rows: [][]int32{t.tokens}}
	for l, d := range t.set {
		r = r.Edit(d.Watch()).Capture(d.Point(), d.Read, hook.MLPOut(l))
	}
	r = r.Capture(hook.Embed(), hook.Logits().At(-1), t.final().At(-1))
	if c.Has(hook.PosEmbed().ID) {
		r = r.Capture(hook.PosEmbed())
	}
	for _, p := range t.scales() {
		r = r.Capture(p)
	}
	got, err := t.m.RunContext(t.ctx, r)
	if err != nil {
		return err
	}
	t.read, t.prov = got, got.Provenance
	n := len(t.tokens)
	made := make([][]float32, t.layers) // by features and the bias of decoders
	for l := range made {
		made[l] = make([]float32, n*t.d)
	}
	for l, d := range t.set {
		f := got.At(d.Point()).Values()
		for pos := t.Leave; pos < n; pos++ {
			for i, v := range f[pos*d.Features:][:d.Features] {
				if v == 0 {
					continue
				}
				t.byPlace[[2]int{l, pos}] = append(t.byPlace[[2]int{l, pos}], len(t.features))
				t.features = append(t.features, Node{Kind: FeatureNode, Layer: l, Pos: pos, Feature: i, Activation: float64(v), Label: t.labels[pos]})
				for j := range max(1, d.Layers) {
					axpy(float64(v), t.decoder(l, j, i), made[l+j][pos*t.d:][:t.d])
				}
			}
		}
	}
	t.active = len(t.features)
	for l, d := range t.set {
		out := got.At(hook.MLPOut(l)).Values()
		skip := t.skip(d, got.At(d.Read).Values())
		e, rest, given := make([]float32, n*t.d), make([]float32, n*t.d), make([]float32, n*t.d)
		for i, v := range out {
			given[i] = v - skip[i]
			if i/t.d < t.Leave {
				rest[i] = given[i]
				continue
			}
			rest[i] = d.BDec[i%t.d]
			e[i] = given[i] - rest[i] - made[l][i]
		}
		t.errs, t.rest, t.given = append(t.errs, e), append(t.rest, rest), append(t.given, given)
	}
	t.embed = got.At(hook.Embed()).Values()
	if c.Has(hook.PosEmbed().ID) {
		t.pos = got.At(hook.PosEmbed()).Values()
	}
	return nil
}

func axpy(a float64, x, y []float32) {
	blas32.Axpy(float32(a), blas32.Vector{N: len(x), Inc: 1, Data: x}, blas32.Vector{N: len(y), Inc: 1, Data: y})
}

// decoder is what a feature of layer l writes so many layers above, mapped memory
// gathered by row.
func (t *tracer) decoder(l, above, feature int) []float32 {
	return t.set[l].WDec[feature*t.set[l].Out+above*t.d:][:t.d]
}

// skip is a transcoder's skip connection [pos, d_model], zeros if it has none.
func (t *tracer) skip(d *sae.Dictionary, x []float32) []float32 {
	n := len(t.tokens)
	out := make([]float32, n*t.d)
	if d.WSkip != nil {
		blas32.Gemm(blas.NoTrans, blas.Trans, 1, blas32.General{Rows: n, Cols: d.In, Stride: d.In, Data: x},
			blas32.General{Rows: t.d, Cols: d.In, Stride: d.In, Data: d.WSkip}, 0, blas32.General{Rows: n, Cols: t.d, Stride: t.d, Data: out})
	}
	return out
}

// scales are the divisors of norms and the patterns, which stay as they were.
func (t *tracer) scales() (all []hook.Point) {
	c := t.m.Config()
	for l := range c.Layers {
		for _, p := range []hook.Point{hook.Pattern(l), hook.LN1Scale(l), hook.LN1PostScale(l), hook.LN2Scale(l), hook.LN2PostScale(l)} {
			if c.Has(p.ID) {
				all = append(all, p)
			}
		}
	}
	if c.Has(hook.LNFinalScale().ID) {
		all = append(all, hook.LNFinalScale())
	}
	return all
}

// freeze makes the replacement model: for gradients, in which what is frozen is given,
// so that nothing of it is computed, and once with all sources at zero, which gives what
// biases alone make.
func (t *tracer) freeze() error {
	zero := model.Request{Rows: [][]int32{t.tokens}}
	for _, p := range t.scales() {
		t.frozen = append(t.frozen, p.Replace(t.read.At(p)))
	}
	zero = zero.Edit(t.frozen...)
	zero = zero.Edit(hook.Embed().Zero())
	if t.pos != nil {
		zero = zero.Edit(hook.PosEmbed().Zero())
	}
	for l, d := range t.set {
		out := hook.MLPOut(l)
		if d.WSkip == nil {
			t.frozen = append(t.frozen, out.Replace(t.read.At(out)))
			zero = zero.Edit(out.Zero())
		} else {
			w := formula.Tensor(fmt.Sprint("W_skip of layer ", l), array.Of(d.WSkip, array.Dim("out", d.Out), array.Dim("in", d.In)))
			skip := formula.At(d.Read.ID.String()).Dot(w.Transpose())
			given := array.Of(t.given[l], array.Dim("pos", len(t.tokens)), array.Dim("d_model", t.d))
			t.frozen = append(t.frozen, out.Compute(skip), out.Add(given))
			zero = zero.Edit(out.Compute(skip))
		}
		zero = zero.Capture(d.Read)
	}
	var err error
	t.zero, err = t.m.RunContext(t.ctx, zero.Capture(t.final().At(-1)))
	return err
}

// final is what the unembedding reads.
func (t *tracer) final() hook.Point {
	if t.m.Config().Has(hook.LNFinalNormalized().ID) {
		return hook.LNFinalNormalized()
	}
	return hook.ResidPost(t.layers - 1)
}

// targets chooses the logits.
func (t *tracer) targets() error {
	logits := t.read.At(hook.Logits().At(-1)).Values()
	largest, sum := math.Inf(-1), 0.0
	for _, v := range logits {
		largest = max(largest, float64(v))
	}
	for _, v := range logits {
		sum += math.Exp(float64(v) - largest)
	}
	prob := func(i int32) float64 { return math.Exp(float64(logits[i])-largest) / sum }
	ids := t.Targets
	if ids == nil {
		order := make([]int32, len(logits))
		for i := range order {
			order[i] = int32(i)
		}
		slices.SortStableFunc(order, func(a, b int32) int { return cmp.Compare(logits[b], logits[a]) })
		mass := 0.0
		for _, id := range order[:min(t.Logits, len(order))] {
			ids = append(ids, id)
			if mass += prob(id); mass >= t.Mass {
				break
			}
		}
	}
	for _, id := range ids {
		if id < 0 || int(id) >= len(logits) {
			return fmt.Errorf("token %d is outside of the vocabulary of %d", id, len(logits))
		}
		text, err := t.m.Text([]int32{id})
		if err != nil {
			return err
		}
		t.logits = append(t.logits, Node{Kind: LogitNode, Layer: t.layers, Pos: len(t.tokens) - 1, Token: id, Prob: prob(id), Label: text})
	}
	return nil
}

// a functional of an activation at a position, which a target reads.
type functional struct {
	key    int // in rows
	at     hook.Point
	pos    int
	coeffs []float32
	is     float64 // what it reads
	bias   float64 // of that, what biases alone make
}

// follow computes rows: of the logits, then of features by influence.
func (t *tracer) follow() error {
	var now []functional
	for k := range t.logits {
		x, err := t.logitTarget(k)
		if err != nil {
			return err
		}
		now = append(now, x)
	}
	if err := t.compute(now); err != nil {
		return err
	}
	done := make([]bool, len(t.features))
	followed := 0
	for followed < min(t.Features, len(t.features)) {
		order := t.next(done)
		step := min(t.Batch*t.Every, min(t.Features, len(t.features))-followed)
		now = nil
		for _, i := range order[:step] {
			done[i] = true
			now = append(now, t.featureTarget(i))
		}
		if err := t.compute(now); err != nil {
			return err
		}
		followed += step
	}
	return nil
}

func inner(a, b []float32) (s float64) {
	for i, v := range a {
		s += float64(v) * float64(b[i])
	}
	return s
}

// logitTarget is a column of the unembedding, less the mean of all.
func (t *tracer) logitTarget(k int) (functional, error) {
	u, err := t.m.Product(model.WU().Of(t.logits[k].Token))
	if err != nil {
		return functional{}, err
	}
	mean, err := t.m.Product(model.WU().Average())
	if err != nil {
		return functional{}, err
	}
	x := functional{key: -1 - k, at: t.final(), pos: len(t.tokens) - 1, coeffs: make([]float32, t.d)}
	for i := range x.coeffs {
		x.coeffs[i] = u.Values()[i] - mean.Values()[i]
	}
	x.is = inner(x.coeffs, t.read.At(t.final().At(-1)).Values())
	x.bias = inner(x.coeffs, t.zero.At(t.final().At(-1)).Values())
	return x, nil
}

// featureTarget is a feature's encoder.
func (t *tracer) featureTarget(i int) functional {
	n := t.features[i]
	d := t.set[n.Layer]
	x := functional{key: i, at: d.Read, pos: n.Pos, coeffs: make([]float32, d.In)}
	for k := range x.coeffs {
		x.coeffs[k] = d.WEnc[k*d.Features+n.Feature]
	}
	x.is = inner(x.coeffs, t.read.At(d.Read).Values()[n.Pos*d.In:][:d.In])
	x.bias = inner(x.coeffs, t.zero.At(d.Read).Values()[n.Pos*d.In:][:d.In])
	return x
}

// next are the features not yet done, by influence through the rows that there are.
func (t *tracer) next(done []bool) []int {
	var left []int
	for i := range done {
		if !done[i] {
			left = append(left, i)
		}
	}
	if len(t.features) <= t.Features { // all are followed, in any order
		return left
	}
	rows, p := t.matrix()
	infl := influence(rows, p)
	slices.SortStableFunc(left, func(a, b int) int { return cmp.Compare(infl[b], infl[a]) })
	return left
}

// matrix is the rows so far, with every feature that fires as a node.
func (t *tracer) matrix() (rows [][]Edge, p []float64) {
	base := len(t.features) + t.layers*len(t.tokens) + len(t.tokens)
	rows, p = make([][]Edge, base+len(t.logits)), make([]float64, base+len(t.logits))
	for key, r := range t.rows {
		if key < 0 {
			rows[base-1-key] = r.edges
		} else {
			rows[key] = r.edges
		}
	}
	for k, n := range t.logits {
		p[base+k] = n.Prob
	}
	return rows, p
}

// compute runs targets, those of one activation together.
func (t *tracer) compute(all []functional) error {
	slices.SortStableFunc(all, func(a, b functional) int {
		return cmp.Or(cmp.Compare(a.at.Layer, b.at.Layer), cmp.Compare(a.at.Kind, b.at.Kind))
	})
	for len(all) > 0 {
		n := 1
		for n < len(all) && n < t.Batch && all[n].at.ID == all[0].at.ID {
			n++
		}
		if err := t.ctx.Err(); err != nil {
			return err
		}
		if err := t.batch(all[:n]); err != nil {
			return err
		}
		all = all[n:]
	}
	return nil
}

// batch takes the gradients of targets of one activation, a row of the prompt for
// each, and reads the sources.
func (t *tracer) batch(all []functional) error {
	n, T := len(all), len(t.tokens)
	at := all[0].at
	var positions []int
	var coeffs []float32
	r := model.Request{Edits: t.frozen, Budget: 1 << 40}
	for _, x := range all {
		r.Rows = append(r.Rows, t.tokens)
		positions = append(positions, x.pos)
		coeffs = append(coeffs, x.coeffs...)
	}
	below := at.Layer // layers whose MLPs write before
	if at.ID == t.final().ID {
		below = t.layers
	}
	for l := range below {
		r = r.Grad(hook.MLPOut(l))
	}
	r = r.Grad(hook.Embed())
	if t.pos != nil {
		r = r.Grad(hook.PosEmbed())
	}
	r = r.Metric(model.Linear(at.AtEach(positions), array.Of(coeffs, array.Dim("row", n), array.Dim("pos", 1), array.Dim("d_model", len(all[0].coeffs)))))
	got, err := t.m.RunContext(t.ctx, r)
	if err != nil {
		return err
	}
	dense := make([][]float32, n) // features, errors, tokens
	extra := make([]float64, n)   // what no node stands for
	F := len(t.features)
	for i := range dense {
		dense[i] = make([]float32, F+t.layers*T+T)
	}
	for l := range below {
		g := got.Grad(hook.MLPOut(l)).Values()
		for pos := range T {
			t.place(g, dense, l, pos)
			for i := range all {
				row := g[(i*T+pos)*t.d:][:t.d]
				dense[i][F+l*T+pos] = float32(inner(row, t.errs[l][pos*t.d:][:t.d]))
				extra[i] += inner(row, t.rest[l][pos*t.d:][:t.d])
			}
		}
	}
	e := got.Grad(hook.Embed()).Values()
	for i := range all {
		for pos := range T {
			dense[i][F+t.layers*T+pos] = float32(inner(e[(i*T+pos)*t.d:][:t.d], t.embed[pos*t.d:][:t.d]))
		}
		if t.pos != nil {
			extra[i] += inner(got.Grad(hook.PosEmbed()).Values()[i*T*t.d:][:T*t.d], t.pos)
		}
	}
	for i, x := range all {
		t.rows[x.key] = t.keep(dense[i], x, extra[i])
	}
	return nil
}

// place reads the features that write at a layer and position: those of its own and,
// across layers, of those below.
func (t *tracer) place(g []float32, dense [][]float32, l, pos int) {
	n, T := len(dense), len(t.tokens)
	from := l
	for from > 0 && t.set[from-1].Layers > l-from+1 {
		from--
	}
	for own := from; own <= l; own++ {
		which := t.byPlace[[2]int{own, pos}]
		if len(which) == 0 {
			continue
		}
		w := make([]float32, 0, len(which)*t.d)
		for _, i := range which {
			w = append(w, t.decoder(own, l-own, t.features[i].Feature)...)
		}
		out := make([]float32, n*len(which))
		blas32.Gemm(blas.NoTrans, blas.Trans, 1, blas32.General{Rows: n, Cols: t.d, Stride: T * t.d, Data: g[pos*t.d:]},
			blas32.General{Rows: len(which), Cols: t.d, Stride: t.d, Data: w}, 0, blas32.General{Rows: n, Cols: len(which), Stride: len(which), Data: out})
		for k, i := range which {
			for r := range n {
				dense[r][i] += float32(t.features[i].Activation) * out[r*len(which)+k]
			}
		}
	}
}

// keep makes a row sparse, and checks that it adds up.
func (t *tracer) keep(dense []float32, x functional, extra float64) row {
	r := row{bias: x.bias + extra, is: x.is}
	sum, size := r.bias, math.Abs(x.bias)+math.Abs(extra)
	whole := 0.0
	for s, v := range dense {
		if v != 0 {
			r.edges = append(r.edges, Edge{s, v})
			sum += float64(v)
			whole += math.Abs(float64(v))
		}
	}
	t.worst = max(t.worst, math.Abs(sum-x.is)/max(size+whole, 1e-30))
	if t.Keep > 0 && t.Keep < 1 {
		slices.SortFunc(r.edges, func(a, b Edge) int {
			return cmp.Compare(math.Abs(float64(b.Weight)), math.Abs(float64(a.Weight)))
		})
		part, n := 0.0, 0
		for n < len(r.edges) && part < t.Keep*whole {
			part += math.Abs(float64(r.edges[n].Weight))
			n++
		}
		r.edges = slices.Clone(r.edges[:n])
		slices.SortFunc(r.edges, func(a, b Edge) int { return cmp.Compare(a.Source, b.Source) })
		t.dropped = max(t.dropped, 1-part/max(whole, 1e-30))
	}
	return r
}

// graph is what was followed: features without a row are left out.
func (t *tracer) graph() *Graph {
	g := &Graph{Tokens: t.tokens, Labels: t.labels, Active: t.active, Conservation: t.worst, Dropped: t.dropped, Layers: t.layers, Provenance: t.prov}
	T := len(t.tokens)
	at := make([]int, len(t.features)+t.layers*T+T)
	add := func(n Node, r row, ok bool) {
		g.Nodes = append(g.Nodes, n)
		g.Biases, g.Targets = append(g.Biases, r.bias), append(g.Targets, r.is)
		if ok && r.edges == nil {
			r.edges = []Edge{}
		}
		g.Rows = append(g.Rows, r.edges)
	}
	for i, n := range t.features {
		at[i] = -1
		if r, ok := t.rows[i]; ok {
			at[i] = len(g.Nodes)
			add(n, r, true)
		}
	}
	for l := range t.layers {
		for pos := range T {
			at[len(t.features)+l*T+pos] = len(g.Nodes)
			add(Node{Kind: ErrorNode, Layer: l, Pos: pos, Label: t.labels[pos]}, row{}, false)
		}
	}
	for pos := range T {
		at[len(t.features)+t.layers*T+pos] = len(g.Nodes)
		add(Node{Kind: TokenNode, Pos: pos, Token: t.tokens[pos], Label: t.labels[pos]}, row{}, false)
	}
	for k, n := range t.logits {
		add(n, t.rows[-1-k], true)
	}
	for i, edges := range g.Rows {
		var kept []Edge
		for _, e := range edges {
			if s := at[e.Source]; s >= 0 {
				kept = append(kept, Edge{s, e.Weight})
			} else {
				g.Biases[i] += float64(e.Weight) // a feature that was not followed has no node
			}
		}
		if edges != nil && kept == nil {
			kept = []Edge{}
		}
		g.Rows[i] = kept
	}
	return g
}
