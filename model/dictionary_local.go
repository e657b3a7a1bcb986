//go:build !golens_cell

package model

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/golens/golens/model/array"
	"github.com/golens/golens/model/dictionary"
	"github.com/golens/golens/model/hook"
	"github.com/golens/golens/model/internal/exec"
	"github.com/golens/golens/model/internal/plan"
)

func init() { executes("dictionary", (*local).learnDictionary) }

// learnDictionary trains in this process.
func (l *local) learnDictionary(ctx context.Context, d LearnDictionary, hash string) (*LearnedDictionary, error) {
	in, out, err := d.widths(l.config)
	if err != nil {
		return nil, err
	}
	t, err := dictionary.NewTrainer(d.Settings, in, out, d.transcoder(), l.multiply)
	if err != nil {
		return nil, err
	}
	p := &pools{local: l, LearnDictionary: d, widths: [2]int{in, out}, batch: t.Batch}
	got := &LearnedDictionary{Read: d.Read, Write: d.Write, Provenance: l.info.Provenance()}
	got.Request = hash
	if err := d.resume(t, got, hash); err != nil {
		return nil, err
	}
	begun := time.Now()
	failed := l.learn(ctx, d, t, p, got, hash)
	got.Seconds += time.Since(begun).Seconds()
	if failed != nil && (ctx.Err() == nil || t.At() == 0) {
		return nil, failed
	}
	got.Stopped = failed != nil
	if got.Coder, err = t.Coder(); err == nil {
		got.Coder, err = got.Coder.FoldScales(got.Scales[0], got.Scales[1])
	}
	if err != nil {
		return nil, err
	}
	return got, failed
}

// multiply is the engine's product of matrices.
func (l *local) multiply(a, b dictionary.Operand, add float32, out []float32) error {
	return l.engine.Multiply(exec.Dense(a), exec.Dense(b), add, out)
}

// resume goes on from the checkpoint, if there is one.
func (d LearnDictionary) resume(t *dictionary.Trainer, got *LearnedDictionary, hash string) error {
	if d.Checkpoint == "" {
		return nil
	}
	c, err := dictionary.LoadCheckpoint(d.Checkpoint)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil && c.Hash != hash {
		err = fmt.Errorf("dictionary: the checkpoint in %s is of another training; give another folder, or ask for that training", d.Checkpoint)
	}
	if err == nil {
		err = t.Restore(c.State)
	}
	got.Curve, got.Scales, got.Tokens = c.Curve, c.Scales[:], c.Tokens
	return err
}

// learn makes the steps that are left.
func (l *local) learn(ctx context.Context, d LearnDictionary, t *dictionary.Trainer, p *pools, got *LearnedDictionary, hash string) error {
	every := d.Every
	if every == 0 {
		every = max(1, d.Steps/100)
	}
	saved := t.At()
	save := func() error {
		if d.Checkpoint == "" || saved == t.At() {
			return nil
		}
		saved = t.At()
		return dictionary.Checkpoint{State: t.State(), Settings: d.Settings, In: p.widths[0], Out: p.widths[1],
			Scales: [2]float64(got.Scales), Tokens: got.Tokens, Curve: got.Curve, Hash: hash}.Save(d.Checkpoint)
	}
	fail := func(err error) error {
		if ctx.Err() != nil {
			return errors.Join(err, save())
		}
		return err
	}
	for t.At() < d.Steps {
		if err := ctx.Err(); err != nil {
			return fail(err)
		}
		if err := p.seek(ctx, t.At()); err != nil {
			return fail(err)
		}
		if got.Scales == nil {
			got.Scales = p.scales()
		}
		x, target := p.next(t.At(), got.Scales)
		r, err := t.StepThrough(x, target, p.through(ctx, got.Scales[1]))
		if err != nil {
			return fail(err)
		}
		got.Tokens += int64(len(x) / p.widths[0])
		if r.Step%every == 0 || t.At() == d.Steps {
			got.Curve = append(got.Curve, r)
			if err := save(); err != nil {
				return err
			}
		}
		report(ctx, t.At(), d.Steps)
	}
	return nil
}

// pools are the activations of a corpus, in an order that the seed decides: the
// rows are walked over in an order drawn anew each time, and the tokens of a pool
// are shuffled. What a step is trained on follows from its number alone.
type pools struct {
	*local
	LearnDictionary
	widths [2]int
	batch  int

	walk  []int // rows that follow
	epoch uint64
	pool  int // number of the pool at hand, from 1; 0: none yet
	first int // step that begins with it
	rows  []int
	held  []int // rows whose activations are held
	order []int // tokens of the pool, shuffled
	x     [2][]float32
}

// seek has the pool of a step at hand, with its activations.
func (p *pools) seek(ctx context.Context, step int) error {
	for p.pool == 0 || step >= p.first+p.steps() {
		if p.pool > 0 {
			p.first += p.steps()
		}
		p.gather()
	}
	if slices.Equal(p.held, p.rows) {
		return nil
	}
	p.held = nil
	if err := p.compute(ctx); err != nil {
		return err
	}
	p.held = p.rows
	return nil
}

// steps is how many the pool is for.
func (p *pools) steps() int {
	if p.EndToEnd > 0 {
		return 1
	}
	return len(p.order) / p.batch
}

// gather chooses the rows of the next pool and the order of their tokens.
func (p *pools) gather() {
	if p.EndToEnd > 0 { // the rows of one step, as they are
		p.rows = nil
		for range max(1, p.batch/max(1, p.left(p.Rows[0]))) {
			p.rows = append(p.rows, p.row(false))
		}
		p.order = hook.UpTo(len(p.rows) * p.left(p.Rows[0]))
		p.pool++
		return
	}
	size := p.Pool
	if size == 0 {
		size = 1 << 16
	}
	size = max(size, p.batch)
	whole := 0
	for _, row := range p.Rows {
		whole += p.left(row)
	}
	p.rows = nil
	tokens := 0
	for tokens < size {
		if whole <= size && whole >= p.batch && len(p.rows) == len(p.Rows) { // all of the corpus is in memory
			break
		}
		r := p.row(whole <= size && whole >= p.batch)
		p.rows = append(p.rows, r)
		tokens += p.left(p.Rows[r])
	}
	p.order = rand.New(rand.NewPCG(p.Seed, uint64(p.pool)+2<<40)).Perm(tokens)
	p.pool++
}

// row is the one that follows, in an order drawn for each walk over all, or sorted.
func (p *pools) row(sorted bool) int {
	if len(p.walk) == 0 {
		p.walk = rand.New(rand.NewPCG(p.Seed, p.epoch+1<<40)).Perm(len(p.Rows))
		if sorted {
			slices.Sort(p.walk)
		}
		p.epoch++
	}
	r := p.walk[0]
	p.walk = p.walk[1:]
	return r
}

// left is how many tokens of a row are trained on.
func (p *pools) left(row []int32) int { return max(0, len(row)-p.Leave) }

// compute runs the model on the rows of the pool.
func (p *pools) compute(ctx context.Context) error {
	r := Request{Captures: p.points(), Budget: 1 << 62}
	starts := make([]int, len(p.rows))
	tokens := 0
	for i, row := range p.rows {
		r.Rows = append(r.Rows, p.Rows[row])
		starts[i] = tokens
		tokens += p.left(p.Rows[row])
	}
	job, _, err := r.job(p.config, nil)
	if err != nil {
		return err
	}
	job.Done = func(int) {}
	for i := range r.Captures {
		if n := tokens * p.widths[i]; cap(p.x[i]) >= n {
			p.x[i] = p.x[i][:n]
		} else {
			p.x[i] = make([]float32, n)
		}
	}
	return p.engine.Tally(ctx, job, 0, exec.AllChunks, func(i int, row plan.Row, values []float32) {
		d := p.widths[i]
		n := len(r.Rows[row.Index])
		if n > p.Leave {
			copy(p.x[i][starts[row.Index]*d:], values[p.Leave*d:n*d])
		}
	})
}

// scales make the mean square norms of the pool's activations their widths.
func (p *pools) scales() []float64 {
	s := make([]float64, 2)
	for i := range p.points() {
		square := 0.0
		for _, v := range p.x[i] {
			square += float64(v) * float64(v)
		}
		s[i] = 1
		if square > 0 {
			s[i] = math.Sqrt(float64(len(p.x[i])) / square)
		}
	}
	if !p.transcoder() {
		s[1] = s[0]
	}
	return s
}

// next are the rows of a step, scaled. The target is nil where it is the input.
func (p *pools) next(step int, scales []float64) (x, target []float32) {
	at := p.order
	if p.EndToEnd == 0 {
		at = at[(step-p.first)*p.batch:][:p.batch]
	}
	take := func(i int) []float32 {
		d := p.widths[i]
		y := make([]float32, len(at)*d)
		by := float32(scales[i])
		for k, token := range at {
			for j, v := range p.x[i][token*d:][:d] {
				y[k*d+j] = by * v
			}
		}
		return y
	}
	x = take(0)
	if p.transcoder() {
		target = take(1)
	}
	return x, target
}

// through is the end-to-end loss of the pool's rows, nil for none.
func (p *pools) through(ctx context.Context, scale float64) dictionary.Through {
	if p.EndToEnd == 0 {
		return nil
	}
	return func(out []float32) (float64, []float32, error) {
		ctx := WithProgress(ctx, func(int, int) {})
		r := Request{Budget: 1 << 62}
		for _, i := range p.rows {
			r.Rows = append(r.Rows, p.Rows[i])
		}
		at := hook.UpTo(len(r.Rows[0]))[p.Leave:]
		logits := hook.Logits().At(at...)
		clean, err := p.run(ctx, r.Capture(logits), "")
		if err != nil {
			return 0, nil, err
		}
		points := p.points()
		write := points[len(points)-1].At(at...)
		var axes []array.Axis
		for i, n := range p.config.Selected(write, len(r.Rows), len(r.Rows[0])) {
			axes = append(axes, array.Dim(fmt.Sprint("axis ", i), n))
		}
		values := array.New(axes...)
		for i, v := range out {
			values.Values()[i] = v / float32(scale)
		}
		got, err := p.run(ctx, r.Edit(write.Replace(values)).Metric(KL(clean.At(logits)).AtPositions(at...)).Grad(write), "")
		if err != nil {
			return 0, nil, err
		}
		loss, gradient := 0.0, got.Grad(write).Values()
		for i := range r.Rows {
			loss += p.EndToEnd * got.PerRow(0).At(i) / float64(len(r.Rows))
		}
		by := float32(p.EndToEnd / scale / float64(len(r.Rows)))
		g := make([]float32, len(gradient))
		for i, v := range gradient {
			g[i] = by * v
		}
		return loss, g, nil
	}
}
