package patch

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"github.com/golens/golens/interp/task"
	"github.com/golens/golens/model"
	"github.com/golens/golens/model/array"
	"github.com/golens/golens/model/hook"
)

// Tracing is causal tracing: noise on the embeddings of the subject spoils the
// run, and what is put back to its clean value is measured by how much of the
// metric comes back.
//
// It shows which places hold enough of what the noise destroyed to bring the
// answer back. Noise is unlike any prompt, and how much of it there is changes
// what is found; it does not tell apart the facts of the subject, as a corrupted
// prompt of the same form does (see [Activations]).
//
// Per sample of noise one spoiled and one clean pass, and one pass per value.
// Source: Meng et al. 2022, "Locating and editing factual associations in GPT",
// section 2.
type Tracing struct {
	Parts // what is put back; the zero value is resid_post, [layer, pos]

	Subject hook.Positions // whose embeddings are spoiled; must be given

	// Window is how many layers around each are put back together; 0 means 1.
	// The paper takes 10 of 48 for attn_out and mlp_out.
	Window int

	Noise float64 // its standard deviation, in units of Spread; 0 means 3
	// Spread is the standard deviation of subjects' embeddings, such as [Spread] of
	// the whole set of facts that prompts are taken from, which is what the paper
	// takes. 0 means that of the subjects traced here: of a single prompt it is that
	// of a few tokens.
	Spread  float64
	Samples int    // of noise; 0 means 10
	Seed    uint64 // of the noise

	Scale Scale // of the values; the zero value is normalised
}

func (t Tracing) defaults() (Tracing, error) {
	if t.Window == 0 {
		t.Window = 1
	}
	if t.Noise == 0 {
		t.Noise = 3
	}
	if t.Samples == 0 {
		t.Samples = 10
	}
	switch {
	case t.Subject.All():
		return t, errors.New("no subject; say at which positions the embeddings are spoiled")
	case t.Window < 1 || t.Noise < 0 || t.Spread < 0 || t.Samples < 1:
		return t, fmt.Errorf("a window of %d layers, noise %g of a spread of %g, %d samples: the window and the samples must be at least 1, the noise not negative", t.Window, t.Noise, t.Spread, t.Samples)
	case t.Window > 1 && t.Sets != nil:
		return t, errors.New("sets name their layers themselves; leave Window out")
	case len(t.Kinds) > 0 && t.Kinds[0].Global():
		return t, fmt.Errorf("%s has no layers to trace over", t.Kinds[0])
	}
	return t, nil
}

// Sweep is the request behind one sample of noise; each has its own.
func (t Tracing) Sweep(m *model.Model, of task.Paired, sample int) (model.Sweep, error) {
	s, err := t.prepare(m, of)
	if err != nil {
		return model.Sweep{}, fmt.Errorf("causal tracing: %w", err)
	}
	return s.sweep(sample), nil
}

// Explain is how the sweep of one sample of noise would be run and what it would
// cost; all samples are alike.
func (t Tracing) Explain(m *model.Model, of task.Paired) (*model.Plan, error) {
	s, err := t.Sweep(m, of, 0)
	if err != nil {
		return nil, err
	}
	return m.Explain(s)
}

// A spoiling is a tracing of certain prompts.
type spoiling struct {
	Tracing
	task.Pairs
	grid
	shape []int   // of the subjects' embeddings [batch, pos, d_model]
	sigma float64 // the standard deviation of values that noise is measured in
	whose string  // it is
}

func (t Tracing) prepare(m *model.Model, of task.Paired) (s spoiling, err error) {
	if s.Tracing, err = t.defaults(); err != nil {
		return s, err
	}
	if s.Pairs, err = task.Of(of); err != nil {
		return s, err
	}
	if s.grid, err = s.windows(m, s.Clean); err != nil {
		return s, err
	}
	embedded, err := embeddings(m, s.Clean, t.Subject)
	if err != nil {
		return s, err
	}
	s.shape, s.sigma, s.whose = embedded.Shape(), t.Spread, "as given"
	if t.Spread == 0 {
		s.sigma, s.whose = deviation(embedded), "the subjects' own"
	}
	return s, nil
}

// Patch runs it, on the clean prompts alone. Samples of the effects are the
// prompts, each the mean over noise; of a single prompt they are the samples of
// noise.
func (t Tracing) Patch(m *model.Model, of task.Paired) (*Effects, error) {
	fail := func(err error) (*Effects, error) { return nil, fmt.Errorf("causal tracing: %w", err) }
	p, err := t.prepare(m, of)
	if err != nil {
		return fail(err)
	}
	t = p.Tracing
	var all []Effects
	var hashes []string
	var provenance model.Provenance
	for sample := range t.Samples {
		run, err := m.Sweep(p.sweep(sample))
		if err != nil {
			return fail(err)
		}
		all, hashes, provenance = append(all, p.effects(run, p.Metric, Denoising)), append(hashes, run.Request), run.Provenance
	}
	e := all[0]
	join := func(of func(Effects) *array.Array) *array.Array {
		parts := make([]*array.Array, len(all))
		for i, one := range all {
			parts[i] = of(one)
		}
		return together(parts)
	}
	e.Metric = join(func(e Effects) *array.Array { return e.Metric })
	e.Base = join(func(e Effects) *array.Array { return e.Base })
	e.Other = join(func(e Effects) *array.Array { return e.Other })
	e.Plans = nil
	for _, one := range all {
		e.Plans = append(e.Plans, one.Plans...)
	}
	provenance.Request = joined(hashes...)
	e.subject = Denoising.subject(p.what)
	what := p.what
	if t.Window > 1 {
		what = fmt.Sprintf("%d layers of %s", t.Window, p.what)
	}
	method := fmt.Sprintf("causal tracing by %s: noise of %g standard deviations (%.3g, %s) on the subject, %d samples, seed %d", what, t.Noise, t.Noise*p.sigma, p.whose, t.Samples, t.Seed)
	out, err := newEffects(e, method, "Meng et al. 2022", provenance, t.Scale)
	if err != nil {
		return fail(err)
	}
	return out, nil
}

// together are the samples of all: of several prompts each one's mean.
func together(parts []*array.Array) *array.Array {
	var values []float32
	for _, p := range parts {
		values = append(values, p.Values()...)
	}
	axes := parts[0].Axes()
	n := axes[0].Len
	all := array.Of(values, slices.Concat([]array.Axis{array.Dim("noise", len(parts))}, axes)...)
	if n > 1 {
		return all.Mean("noise")
	}
	names := []string{"sample"}
	for _, ax := range axes[1:] {
		names = append(names, ax.Name)
	}
	return all.Squeeze("sample").Rename(names...)
}

// windows lists what is put back, with its window of layers.
func (t Tracing) windows(m *model.Model, prompts model.Prompts) (grid, error) {
	g, err := t.byPosition(hook.KindResidPost).grid(m.Config(), prompts, hook.KindResidPost)
	if err != nil || t.Window == 1 {
		return g, err
	}
	for i, c := range g.cells {
		p := c.set.Points[0]
		first := max(0, p.Layer-t.Window/2)
		g.cells[i].set.Points = nil
		for layer := first; layer < min(m.Config().Layers, p.Layer+(t.Window+1)/2); layer++ {
			q := p
			q.Layer = layer
			g.cells[i].set.Points = append(g.cells[i].set.Points, q)
		}
	}
	return g, nil
}

// Spread is the standard deviation of the values of subjects' embeddings, over the
// prompts of a whole set of facts: what [Tracing] measures noise in, if its Spread
// is set to it. One pass of the embedding.
func Spread(m *model.Model, prompts model.Prompts, subject hook.Positions) (float64, error) {
	embedded, err := embeddings(m, prompts, subject)
	if err != nil {
		return 0, fmt.Errorf("spread of subjects: %w", err)
	}
	return deviation(embedded), nil
}

// embeddings are those of the subjects [batch, pos, d_model].
func embeddings(m *model.Model, prompts model.Prompts, subject hook.Positions) (*array.Array, error) {
	at := hook.Embed().In(subject)
	run, err := m.Run(prompts.Capture(at))
	if err != nil {
		return nil, err
	}
	embedded := run.At(at)
	return embedded, embedded.Err()
}

// deviation is the standard deviation of all values.
func deviation(a *array.Array) float64 {
	mean, square, n := 0.0, 0.0, float64(len(a.Values()))
	for _, v := range a.Values() {
		mean += float64(v) / n
	}
	for _, v := range a.Values() {
		square += (float64(v) - mean) * (float64(v) - mean) / n
	}
	return math.Sqrt(square)
}

func (s spoiling) sweep(sample int) model.Sweep {
	rng := rand.New(rand.NewPCG(s.Seed, uint64(sample)))
	noise := array.New(array.Dim(hook.Batch, s.shape[0]), array.Dim(hook.Pos, s.shape[1]), array.Dim("d_model", s.shape[2]))
	for i := range noise.Values() {
		noise.Values()[i] = float32(s.Noise * s.sigma * rng.NormFloat64())
	}
	return model.Sweep{
		Base:     s.Clean.Edit(hook.Embed().In(s.Subject).Add(noise)).Metric(s.Metric),
		Source:   s.Clean.Metric(s.Metric),
		Variants: s.variants(hook.Point.FromSource),
	}
}
