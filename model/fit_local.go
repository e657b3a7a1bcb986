//go:build !golens_cell

package model

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"sync"

	"github.com/golens/golens/model/config"
	"github.com/golens/golens/model/formula"
	"github.com/golens/golens/model/hook"
	"github.com/golens/golens/model/internal/exec"
	"github.com/golens/golens/model/internal/fit"
	"github.com/golens/golens/model/internal/plan"
)

func init() { executes("fit", (*local).fit) }

// fit finds tensors in this process. The last fit that was cancelled goes on where
// it stopped if it is asked for again.
func (l *local) fit(ctx context.Context, f Fit, hash string) (*Fitted, error) {
	t, err := f.resolve(l.config, l.encode)
	if err != nil {
		return nil, err
	}
	if left := l.fits.take(hash); left != nil {
		t.From = left
	}
	s, err := l.newSteps(t)
	if err != nil {
		return nil, fmt.Errorf("fit: %w", err)
	}
	defer s.close()
	failed := s.run(ctx)
	var d diverged
	if errors.As(failed, &d) {
		failed = nil
	} else if failed != nil && ctx.Err() == nil {
		return nil, fmt.Errorf("fit: %w", failed)
	}
	out, err := s.fitted()
	if err != nil {
		return nil, fmt.Errorf("fit: %w", err)
	}
	out.Provenance = l.info.Provenance()
	out.Request = hash
	if d != "" { // the optimizer remembers what led there
		out.Diverged, out.Stopped, out.Memory = string(d), true, nil
	}
	if failed != nil {
		out.Stopped = true
		l.fits.put(hash, out)
	}
	return out, failed
}

// diverged is the error of a fit without a finite loss or gradient.
type diverged string

func (d diverged) Error() string { return string(d) }

// unfinished is the last fit that was cancelled.
type unfinished struct {
	mu   sync.Mutex
	hash string
	fit  *Fitted
}

func (u *unfinished) take(hash string) *Fitted {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.hash != hash {
		return nil
	}
	f := u.fit
	u.hash, u.fit = "", nil
	return f
}

func (u *unfinished) put(hash string, f *Fitted) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.hash, u.fit = hash, f
}

// steps is a fit at work.
type steps struct {
	*local
	*fitting
	below *below
	given exec.Given
	found []*found
	curve []FitStep
}

// found is a tensor on its way.
type found struct {
	Find
	shape  []int
	values []float32 // as formulas read it
	good   []float32 // the last that had a finite loss
	orth   *fit.Orthogonal
	rule   *exec.Optimizer
}

func (l *local) newSteps(t *fitting) (s *steps, err error) {
	s = &steps{local: l, fitting: t, below: l.below(t), given: exec.Given{}}
	defer func() {
		if err != nil {
			s.close()
		}
	}()
	if t.From != nil {
		s.curve = slices.Clone(t.From.Curve)
	}
	for i, p := range t.Find {
		v := &found{Find: p, shape: t.free[p.Name]}
		s.found = append(s.found, v)
		if err := v.start(s, i); err != nil {
			return s, fmt.Errorf("tensor %s: %w", p.Name, err)
		}
		if err := s.given.Give(l.engine, p.Name, v.shape, v.values); err != nil {
			return s, err
		}
	}
	return s, nil
}

// start sets the values that a tensor starts from.
func (v *found) start(s *steps, i int) (err error) {
	rng := rand.New(rand.NewPCG(s.Seed, uint64(i)+1<<32))
	switch {
	case s.From != nil:
		v.values = slices.Clone(s.From.Tensor(v.Name).Values())
	case v.Start != nil:
		v.values = slices.Clone(v.Start.Values())
	case !v.Orthogonal:
		v.values = make([]float32, product(v.shape))
		for k := range v.values {
			v.values[k] = float32(rng.NormFloat64() * v.Scale)
		}
	}
	free := v.values
	if v.Orthogonal {
		if v.orth, err = fit.NewOrthogonal(v.shape[0], v.shape[1], v.values, rng); err != nil {
			return err
		}
		if kept := s.memory(v.Name + " free"); kept != nil {
			v.orth.Restore(kept.Array.Values())
		}
		free, v.values = v.orth.Free(), v.orth.Value()
	}
	var memory []exec.Memory
	for i := 0; ; i++ {
		m := s.memory(fmt.Sprint(v.Name, " ", i))
		if m == nil {
			break
		}
		memory = append(memory, exec.Memory{Path: m.Array.Title(), Dims: m.Array.Shape(), Values: slices.Clone(m.Array.Values())})
	}
	o := s.Optimizer
	v.rule, err = s.engine.NewOptimizer(exec.Rule{Kind: o.Kind, Beta1: o.Beta1, Beta2: o.Beta2, Epsilon: o.Epsilon,
		Momentum: o.Momentum, Nesterov: o.Nesterov, Decay: o.Decay}, v.shape, free, memory)
	return err
}

// memory is something that the fit before this one remembered.
func (s *steps) memory(name string) *Tensor {
	if s.From == nil {
		return nil
	}
	i := slices.IndexFunc(s.From.Memory, func(t Tensor) bool { return t.Name == name })
	if i < 0 {
		return nil
	}
	return &s.From.Memory[i]
}

func (s *steps) close() {
	s.given.Close()
	for _, v := range s.found {
		if v.rule != nil {
			v.rule.Close()
		}
	}
}

func (s *steps) run(ctx context.Context) error {
	end := s.Steps
	if s.windowed() {
		end = s.Window[1]
	}
	for len(s.curve) < end {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := s.step(ctx); err != nil {
			return err
		}
		report(ctx, len(s.curve), s.Steps)
		note(ctx, fmt.Sprintf("loss %.4g", s.curve[len(s.curve)-1].Loss))
	}
	return nil
}

// step makes one step. What fails or is cancelled leaves nothing of it.
func (s *steps) step(ctx context.Context) error {
	n := len(s.curve)
	for _, c := range s.Change {
		share := float32(n) / float32(max(1, s.Steps-1))
		if err := s.given.Give(s.engine, c.Name, []int{1}, []float32{c.From + share*(c.To-c.From)}); err != nil {
			return err
		}
	}
	for i, c := range s.Noise {
		rng := rand.New(rand.NewPCG(s.Seed^uint64(n)<<20, uint64(i)+2<<32))
		u := make([]float32, product(s.free[c.Name]))
		for k := range u {
			u[k] = max(rng.Float32(), math.SmallestNonzeroFloat32) // not 0, whose logarithm there is none
		}
		if err := s.given.Give(s.engine, c.Name, s.free[c.Name], u); err != nil {
			return err
		}
	}
	terms, grads, err := s.losses(ctx, s.rowsOf(n))
	if err != nil {
		return err
	}
	at := FitStep{Terms: terms}
	for _, t := range terms {
		at.Loss += t
	}
	if !finite(at.Loss) {
		return s.back("step %d: the loss is %g; take a smaller rate, or a bound of the gradient", n, at.Loss)
	}
	for _, v := range s.found {
		v.good = v.values
	}
	sum := 0.0
	for i, v := range s.found {
		if v.orth != nil {
			grads[i] = v.orth.Gradient(grads[i])
		}
		for _, g := range grads[i] {
			sum += g * g
		}
	}
	at.Norm = math.Sqrt(sum)
	if !finite(at.Norm) {
		return s.back("step %d: the loss is %g, its gradient %g; take a smaller rate, or other starts", n, at.Loss, at.Norm)
	}
	shrink := 1.0
	if s.Clip > 0 {
		shrink = min(1, s.Clip/(at.Norm+1e-6)) // as torch has it
	}
	at.Rate = s.Optimizer.Rate * fit.Schedule{Kind: s.Optimizer.Schedule, WarmUp: s.Optimizer.WarmUp, End: s.Optimizer.End}.Factor(n, s.Steps)
	for i, v := range s.found {
		g := make([]float32, len(grads[i]))
		for k, d := range grads[i] {
			g[k] = float32(d * shrink)
		}
		rate := at.Rate
		if v.Rate != 0 {
			rate *= v.Rate
		}
		if v.values, err = v.rule.Step(s.engine, g, rate); err != nil {
			return err
		}
		if v.orth != nil {
			if err := v.orth.Set(v.values); err != nil {
				return s.back("step %d: the loss is %g, and no rotation comes of its gradient: %v; take a smaller rate", n, at.Loss, err)
			}
			v.values = v.orth.Value()
		}
		if err := s.given.Give(s.engine, v.Name, v.shape, v.values); err != nil {
			return err
		}
	}
	s.curve = append(s.curve, at)
	return nil
}

// rowsOf are the rows of a step.
func (t *fitting) rowsOf(step int) []int {
	if !t.windowed() {
		return fit.Batch(step, len(t.Base.Rows), t.Batch, max(1, t.Together), t.Seed)
	}
	rows := make([]int, t.Batch)
	for i := range rows {
		rows[i] = (step-t.Window[0])*t.Batch + i
	}
	return rows
}

// back goes back to the last tensors that had a finite loss.
func (s *steps) back(format string, args ...any) error {
	for _, v := range s.found {
		if v.good != nil {
			v.values = v.good
		}
	}
	return diverged(fmt.Sprintf(format, args...))
}

func finite(x float64) bool { return !math.IsNaN(x) && !math.IsInf(x, 0) }

// losses are the weighted terms of the loss on some rows, and the gradient of their
// sum by each tensor to be found.
func (s *steps) losses(ctx context.Context, rows []int) (terms []float64, grads [][]float64, err error) {
	terms, grads = make([]float64, len(s.Loss)), make([][]float64, len(s.found))
	for i, v := range s.found {
		grads[i] = make([]float64, product(v.shape))
	}
	add := func(term int, scale float64, value float64, by func(tensor int) []float64) {
		if w := s.Loss[term].Weight; w != 0 {
			scale *= w
		}
		terms[term] += scale * value
		for i := range grads {
			for k, g := range by(i) {
				grads[i][k] += scale * g
			}
		}
	}
	r, left, have, err := s.below.step(ctx, rows)
	if err != nil {
		return nil, nil, err
	}
	for i, l := range s.Loss {
		if len(l.Penalty.Steps) > 0 {
			value, by, err := s.engine.Penalty(l.Penalty, s.given, s.names)
			if err != nil {
				return nil, nil, err
			}
			add(i, 1, value, func(tensor int) []float64 { return by[tensor] })
		}
	}
	r, reads := s.measured(s.config, r, rows)
	if len(reads) == 0 {
		return terms, grads, nil
	}
	if s.Edges != nil {
		if m := s.Loss[reads[0].term].Metric; slices.Contains(s.own, m) {
			r.Metrics[0].Reference = s.below.reference(have, m)
		}
		value, by, err := s.cutEdges(ctx, r, rows)
		if err == nil {
			add(reads[0].term, 1, value, func(tensor int) []float64 { return by[tensor] })
		}
		return terms, grads, err
	}
	job, _, err := r.jobWith(s.config, s.encode, allowed{base: true, source: left.Source != nil, donors: sources(left.Source), free: true, own: true})
	if err != nil {
		return nil, nil, err
	}
	job.Base, job.Source, job.Below, job.Starts = left.Base, left.Source, left.Below, left.Starts
	job.Soft, job.Widest = true, s.below.widest()
	for m, at := range reads {
		l := s.Loss[at.term]
		if slices.Contains(s.own, l.Metric) && l.Value.Kind == "" {
			job.Metrics[m] = divergenceFrom(job.Metrics[m], func(row, i int) []float32 {
				return have[row][s.ownKey(l.Metric)][i*s.config.Vocab:][:s.config.Vocab]
			})
		}
	}
	out, err := s.engine.RunGiven(ctx, job, s.given)
	if err != nil {
		return nil, nil, err
	}
	for m, at := range reads {
		value := 0.0
		for _, v := range out.Metrics[m] {
			value += v
		}
		add(at.term, at.scale, value, func(tensor int) []float64 {
			if k := slices.Index(r.Weigh, s.names[tensor]); k >= 0 {
				return out.Weights[m*len(r.Weigh)+k]
			}
			return nil
		})
	}
	return terms, grads, nil
}

// A lossRead is a term of the loss that a run measures, and what its sum is times.
type lossRead struct {
	term  int
	scale float64
}

// measured is the request of a step on some rows, with what is measured of it and the
// tensors whose gradients are taken.
func (t *fitting) measured(c config.Config, r Request, rows []int) (Request, []lossRead) {
	var reads []lossRead
	metrics := r.Metrics
	r.Metrics, r.GradOf = nil, nil
	for i, l := range t.Loss {
		switch {
		case len(l.Penalty.Steps) > 0:
			continue
		case l.Value.Kind != "":
			p, _, ok := (picker{of: len(t.Base.Rows), rows: rows}).point(l.Value)
			if _, err := c.LabelDims(l.Value, r.Edits); !ok || err != nil {
				continue // none of these rows has it
			}
			r.Metrics = append(r.Metrics, Linear(p, hook.Vec(1)))
			reads = append(reads, lossRead{i, 1 / float64(countPlaces(p, r.Rows))})
		default:
			r.Metrics = append(r.Metrics, metrics[l.Metric])
			reads = append(reads, lossRead{i, 1 / float64(len(rows))})
		}
		r.GradOf = append(r.GradOf, len(r.Metrics)-1)
	}
	for _, name := range t.names {
		if slices.ContainsFunc(r.Edits, func(e hook.Edit) bool {
			return slices.ContainsFunc(e.Formula.Tensors(), func(t formula.Step) bool { return t.Name == name })
		}) {
			r.Weigh = append(r.Weigh, name)
		}
	}
	return r, reads
}

// ownKey names the logits that a KL without a reference is from.
func (t *fitting) ownKey(metric int) string { return key("own", slices.Index(t.own, metric)) }

func sources(left *plan.Left) []int {
	if left == nil {
		return nil
	}
	return left.Lens
}

// countPlaces is at how many positions of how many rows a point reads.
func countPlaces(p hook.Point, rows [][]int32) (n int) {
	for i, row := range rows {
		switch {
		case p.Batch != nil && !slices.Contains(p.Batch, i):
		case p.Pos.All():
			n += len(row)
		default:
			n += len(p.Pos.In(i))
		}
	}
	return n
}

// fitted is what there is so far.
func (s *steps) fitted() (*Fitted, error) {
	out := &Fitted{Curve: s.curve}
	keep := func(name, title string, dims []int, values []float32) Tensor {
		return Tensor{name, arrayOf(dims, values).Named(title, "")}
	}
	for _, v := range s.found {
		out.Tensors = append(out.Tensors, keep(v.Name, v.Name, v.shape, v.values))
		if v.orth != nil {
			out.Memory = append(out.Memory, keep(v.Name+" free", "", v.shape, v.orth.Free()))
		}
		memory, err := v.rule.State()
		if err != nil {
			return nil, err
		}
		for i, m := range memory {
			out.Memory = append(out.Memory, keep(fmt.Sprint(v.Name, " ", i), m.Path, m.Dims, m.Values))
		}
	}
	return out, nil
}
