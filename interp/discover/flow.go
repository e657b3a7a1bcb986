package discover

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"sync"

	"github.com/golens/golens/interp/graph"
	"github.com/golens/golens/model"
	"github.com/golens/golens/model/array"
	"github.com/golens/golens/model/config"
	"github.com/golens/golens/model/hook"
)

// Flow says how information flow routes are found. Its zero value is the paper's.
type Flow struct {
	// Euclidean measures distances by the Euclidean norm in place of the sum of
	// absolute values.
	Euclidean bool

	// Renormalise, if it is above 0, drops edges of at most this weight and gives their
	// share to the others that lead to the same state. (Meta's tool, for MLPs, divides
	// by the sum over all positions.)
	Renormalise float64
}

// A Flowed is how much of each state of the residual stream of one prompt came
// from where. At each position the shares of attention, over all keys and heads, and
// of the stream before it add up to 1, and so do those of the MLP and of the stream
// behind attention.
type Flowed struct {
	Labels      []string     // of the tokens
	Attention   *array.Array // [layer, query, key, head]
	Residual    *array.Array // [layer, pos], beside Attention
	MLP         *array.Array // [layer, pos]
	ResidualMLP *array.Array // [layer, pos], beside MLP
	Settings    Flow
	Source      string
	parallel    bool
	model.Provenance
}

const ferrando = "Ferrando and Voita 2024"

// Flows finds the flow of information in each prompt. A part z of a sum y counts by
// its proximity, |y| - |y - z| or 0, as a share of that of all parts: what each
// head brings from each position, and the stream before. Biases are no parts.
//
// One pass, and for each layer and head an operation on d_model numbers for each
// pair of positions. Source: Ferrando and Voita 2024.
func Flows(m *model.Model, prompts model.Prompts, f Flow) ([]*Flowed, error) {
	all, err := flows(m, prompts, f)
	if err != nil {
		return nil, fmt.Errorf("information flow: %w", err)
	}
	return all, nil
}

// flowsTogether is how many prompts run in one request.
const flowsTogether = 8

func flows(m *model.Model, prompts model.Prompts, f Flow) (all []*Flowed, err error) {
	if err := errors.Join(prompts.Err()); err != nil {
		return nil, err
	}
	if f.Renormalise < 0 || f.Renormalise >= 1 {
		return nil, fmt.Errorf("edges of weights up to %g are dropped; that lies between 0 and 1", f.Renormalise)
	}
	if _, err := m.Edges(); err != nil {
		return nil, err
	}
	w := &flow{m: m, c: m.Config(), Flow: f}
	if err := w.outputs(); err != nil {
		return nil, err
	}
	for at := 0; at < len(prompts.IDs); at += flowsTogether {
		some := prompts.IDs[at:min(at+flowsTogether, len(prompts.IDs))]
		run, err := m.Run(m.Rows(some).Capture(w.points()...))
		if err != nil {
			return nil, err
		}
		for row, ids := range some {
			one, err := w.of(run, row, len(ids))
			if err != nil {
				return nil, err
			}
			if at+row < len(prompts.Labels) {
				one.Labels = prompts.Labels[at+row]
			}
			all = append(all, one)
		}
	}
	return all, nil
}

// flow is the work on prompts of one model.
type flow struct {
	Flow
	m   *model.Model
	c   config.Config
	out []*array.Array // of each layer: W_O, with the weight of a norm behind it
}

// outputs takes the output matrices of all layers.
func (w *flow) outputs() (err error) {
	chains := make([]model.Chain, w.c.Layers)
	for l := range chains {
		chains[l] = model.Chain{model.WO(l).AfterNorm()}
	}
	w.out, err = w.m.Products(chains...)
	return err
}

// points are what a run captures.
func (w *flow) points() (points []hook.Point) {
	for l := range w.c.Layers {
		points = append(points, hook.ResidPre(l), hook.Pattern(l), hook.V(l), hook.AttnOut(l), hook.ResidPost(l))
		if !w.c.AttnOnly() {
			points = append(points, hook.MLPOut(l))
		}
		if p, has := w.divisor(l); has {
			points = append(points, p)
		}
	}
	return points
}

// divisor is the scale of a norm on what attention writes.
func (w *flow) divisor(l int) (hook.Point, bool) {
	switch w.c.NormAt {
	case config.NormSandwich:
		return hook.LN1PostScale(l), true
	case config.NormAfter:
		return hook.LN1Scale(l), true
	}
	return hook.Point{}, false
}

// of is the flow in one row of a run.
func (w *flow) of(run *model.Result, row, n int) (*Flowed, error) {
	L := array.Dim("layer", w.c.Layers)
	pos := array.Dim(hook.Pos, n)
	r := &Flowed{Settings: w.Flow, Source: ferrando, Provenance: run.Provenance, parallel: w.c.Parallel,
		Attention: array.New(L, array.Dim(hook.Query, n), array.Dim(hook.Key, n), array.Dim(hook.Head, w.c.Heads)),
		Residual:  array.New(L, pos), MLP: array.New(L, pos), ResidualMLP: array.New(L, pos)}
	errs := make([]error, w.c.Layers)
	var wg sync.WaitGroup
	for l := range w.c.Layers {
		wg.Go(func() { errs[l] = w.layer(run, row, n, l, r) })
	}
	wg.Wait()
	return r, errors.Join(errs...)
}

// layer fills in one layer.
func (w *flow) layer(run *model.Result, row, n, l int, r *Flowed) error {
	at := func(p hook.Point) (values []float32, err error) {
		a := run.At(p)
		if err := a.Err(); err != nil {
			return nil, err
		}
		size := len(a.Values()) / a.Shape()[0]
		return a.Values()[row*size:][:size], nil
	}
	var bad error
	get := func(p hook.Point) []float32 {
		x, err := at(p)
		bad = errors.Join(bad, err)
		return x
	}
	pre, attn, post, pattern, v := get(hook.ResidPre(l)), get(hook.AttnOut(l)), get(hook.ResidPost(l)), get(hook.Pattern(l)), get(hook.V(l))
	var scale []float32
	if p, has := w.divisor(l); has {
		scale = get(p)
	}
	var mlp []float32
	if !w.c.AttnOnly() {
		mlp = get(hook.MLPOut(l))
	}
	if bad != nil {
		return bad
	}
	d, H, longest := w.c.DModel, w.c.Heads, run.At(hook.ResidPre(l)).Shape()[1]
	moved := w.moved(v, l, n) // [head, key, d_model]
	mid := make([]float32, d)
	weights := r.Attention.Values()[l*n*n*H:][:n*n*H]
	part := make([]float32, d)
	for q := range n {
		before := pre[q*d:][:d]
		for i := range mid {
			mid[i] = before[i] + attn[q*d+i]
		}
		size := w.size(mid)
		own := w.proximity(size, mid, before, 1)
		sum := own
		to := weights[q*n*H:][:n*H]
		for h := range H {
			for k := range q + 1 {
				a := pattern[(h*longest+q)*longest+k]
				if a == 0 {
					continue
				}
				if scale != nil {
					a /= scale[q]
				}
				p := w.proximity(size, mid, moved[(h*n+k)*d:][:d], a)
				to[k*H+h] = float32(p)
				sum += p
			}
		}
		r.Residual.Set(w.shares(to, own, sum), l, q)
		if mlp == nil {
			r.ResidualMLP.Set(1, l, q)
			continue
		}
		after := post[q*d:][:d]
		size = w.size(after)
		for i := range part { // the stream that the MLP's output is added to
			part[i] = after[i] - mlp[q*d+i]
		}
		one := []float32{float32(w.proximity(size, after, mlp[q*d:][:d], 1))}
		rest := w.proximity(size, after, part, 1)
		r.ResidualMLP.Set(w.shares(one, rest, float64(one[0])+rest), l, q)
		r.MLP.Set(float64(one[0]), l, q)
	}
	return nil
}

// moved is what each head would bring from each position if it looked there alone
// [head, key, d_model].
func (w *flow) moved(v []float32, l, n int) []float32 {
	d, dh := w.c.DModel, w.c.DHead
	out := make([]float32, w.c.Heads*n*d)
	o := w.out[l].Values()
	for h := range w.c.Heads {
		kv := w.c.KVHead(h)
		for k := range n {
			to := out[(h*n+k)*d:][:d]
			for j := range dh {
				x := v[(k*w.c.KVHeads+kv)*dh+j]
				for i, y := range o[(h*dh+j)*d:][:d] {
					to[i] += x * y
				}
			}
		}
	}
	return out
}

// size is a vector's norm.
func (w *flow) size(y []float32) (sum float64) {
	for _, v := range y {
		if w.Euclidean {
			sum += float64(v) * float64(v)
		} else {
			sum += math.Abs(float64(v))
		}
	}
	if w.Euclidean {
		return math.Sqrt(sum)
	}
	return sum
}

// proximity is how much nearer to y than 0 is a times a part lies, or 0.
func (w *flow) proximity(size float64, y, part []float32, a float32) float64 {
	if w.Euclidean {
		sum := 0.
		for i, v := range part {
			x := float64(y[i] - a*v)
			sum += x * x
		}
		return max(0, size-math.Sqrt(sum))
	}
	var sum float32
	total := 0.
	for i, v := range part {
		x := y[i] - a*v
		sum += float32(math.Abs(float64(x)))
		if i%64 == 63 { // float32 holds the sum of few
			total, sum = total+float64(sum), 0
		}
	}
	return max(0, size-total-float64(sum))
}

// shares divides weights by their sum, without those that are too small if others get
// their share, and gives that of the rest.
func (w *flow) shares(weights []float32, rest, sum float64) float64 {
	if sum == 0 {
		return 0
	}
	if w.Renormalise > 0 {
		left := 0.
		keep := func(x float64) float64 {
			if x/sum <= w.Renormalise {
				return 0
			}
			left += x
			return x
		}
		rest = keep(rest)
		for i, x := range weights {
			weights[i] = float32(keep(float64(x)))
		}
		if sum = left; sum == 0 {
			return 0
		}
	}
	for i := range weights {
		weights[i] = float32(float64(weights[i]) / sum)
	}
	return rest / sum
}

// Neurons is the share of each neuron of an MLP in the stream behind it at one
// position of a prompt [neuron], and that of the stream before it. The renormalised
// shares are those of all together.
func (f Flow) Neurons(m *model.Model, prompts model.Prompts, row, layer, pos int) (neurons *array.Array, residual float64, err error) {
	fail := func(err error) (*array.Array, float64, error) {
		return nil, 0, fmt.Errorf("information flow of neurons: %w", err)
	}
	if err := prompts.Err(); err != nil {
		return fail(err)
	}
	c := m.Config()
	if row < 0 || row >= len(prompts.IDs) {
		return fail(fmt.Errorf("prompt %d of %d", row, len(prompts.IDs)))
	}
	if c.NormAt != config.NormBefore {
		return fail(fmt.Errorf("%s puts a norm behind its MLPs: neurons are no parts of the stream", c.Family))
	}
	post, stream, out := hook.MLPPost(layer).At(pos), hook.ResidPost(layer).At(pos), hook.MLPOut(layer).At(pos)
	run, err := m.Run(m.Rows(prompts.IDs[row:row+1]).Capture(post, stream, out))
	if err != nil {
		return fail(err)
	}
	W, err := m.Product(model.WOut(layer))
	if err != nil {
		return fail(err)
	}
	w := &flow{c: c, Flow: f}
	y := run.At(stream).Values()
	before := make([]float32, len(y))
	for i, v := range run.At(out).Values() {
		before[i] = y[i] - v
	}
	size := w.size(y)
	residual = w.proximity(size, y, before, 1)
	sum := residual
	neurons = array.New(array.Dim("neuron", c.DMLP))
	for i, a := range run.At(post).Values() {
		p := w.proximity(size, y, W.Values()[i*c.DModel:][:c.DModel], a)
		neurons.Set(p, i)
		sum += p
	}
	residual = w.shares(neurons.Values(), residual, sum)
	return neurons.Named("share of neurons", ""), residual, nil
}

// proximities are the scores of [Proximity].
func (s *search) proximities(o Scoring) (*Scores, error) {
	c := s.Model.Config()
	points := []hook.Point{s.first()}
	at := make([]hook.Point, 0, len(s.graph.Senders)) // where each sender writes
	at = append(at, s.first())
	for l := range c.Layers {
		points = append(points, hook.ResidPre(l), hook.HeadResult(l))
		at = append(at, slices.Repeat([]hook.Point{hook.HeadResult(l)}, c.Heads)...)
		if !c.AttnOnly() {
			points = append(points, hook.MLPIn(l), hook.MLPOut(l))
			at = append(at, hook.MLPOut(l))
		}
	}
	last := hook.ResidPost(c.Layers - 1)
	if c.NormAt != config.NormBefore {
		return nil, fmt.Errorf("%s: %s puts a norm behind its heads", o.Method, c.Family)
	}
	run, err := s.Model.Run(s.Clean.Metric(s.Metric).Capture(append(points, last)...))
	if err != nil {
		return nil, err
	}
	scores := s.newScores(o, ferrando, run.Provenance)
	scores.Base = float64s(run.PerRow(0).Values())
	values := map[hook.ID][]float32{}
	for _, p := range append(points, last) {
		a := run.At(p)
		if err := a.Err(); err != nil {
			return nil, err
		}
		values[p.ID] = a.Values()
	}
	longest := run.At(last).Shape()[1]
	w := &flow{c: c}
	d, S, R := c.DModel, len(s.graph.Senders), len(s.graph.Receivers)
	for row, ids := range s.Clean.IDs {
		share := make([]float64, S*R)
		for pos := range ids {
			first := (row*longest + pos) * d
			var of []float64 // shares of a receiver that reads the same as the one before it
			var before hook.Point
			for v, to := range s.graph.Receivers {
				reads := last
				switch {
				case to.Part.IsHead():
					reads = hook.ResidPre(to.Part.Layer)
				case to.Part.Kind == graph.MLPPart:
					reads = hook.MLPIn(to.Part.Layer)
				}
				if of == nil || !reads.Equal(before) {
					before, of = reads, make([]float64, S)
					y := values[reads.ID][first:][:d]
					size, sum := w.size(y), 0.
					for u, p := range s.graph.Senders {
						if !s.graph.Has(u, v) {
							continue
						}
						from := first
						if p.IsHead() {
							from = first*c.Heads + p.Index*d
						}
						of[u] = w.proximity(size, y, values[at[u].ID][from:][:d], 1)
						sum += of[u]
					}
					for u := range of {
						of[u] /= max(sum, 1e-30)
					}
				}
				for u, x := range of {
					share[u*R+v] += x / float64(len(ids))
				}
			}
		}
		scores.put(row, func(sender, receiver int) float32 { return float32(-share[sender*R+receiver]) })
	}
	scores = scores.mean()
	scores.Array = scores.Named("minus the share of what is read", "")
	return scores, nil
}
