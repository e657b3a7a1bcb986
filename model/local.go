//go:build !golens_cell

package model

import (
	"context"
	"fmt"
	"os"
	"runtime/debug"
	"sync"

	"github.com/golens/golens/model/array"
	"github.com/golens/golens/model/hook"
	"github.com/golens/golens/model/internal/backend"
	"github.com/golens/golens/model/internal/crew"
	"github.com/golens/golens/model/internal/exec"
	"github.com/golens/golens/model/internal/plan"
)

// local is a Runner in this process.
type local struct {
	*source
	engine *exec.Engine
	info   Info

	mu    sync.Mutex
	views map[Processing]*local // of the same raw weights, shared by all of them
	raw   *local

	left   leftover
	fits   unfinished
	states states
}

func newLocal(s *source, p Processing, raw *local) (*local, error) {
	hashed := make(chan struct{})
	var unread error
	go func() { // beside the reading: both touch every page
		defer close(hashed)
		unread = crew.Catch(func() (err error) {
			if s.hash == "" {
				s.hash, err = s.store.Hash()
			}
			return err
		})
	}()
	defer func() { <-hashed }() // also before an error gives the files back
	plan, err := s.processed(p)
	if err != nil {
		return nil, err
	}
	b, err := backend.Open("")
	if err != nil {
		return nil, err
	}
	if raw == nil {
		s.heldAs = os.Getenv(WeightsEnv)
	}
	held, words, err := s.held(p)
	if err != nil {
		return nil, err
	}
	var other *exec.Engine
	if raw != nil {
		other = raw.engine
		for _, view := range raw.views {
			view.engine.Rest()
		}
	}
	engine, err := exec.New(s.config, plan, b, held, other)
	if err != nil {
		return nil, err
	}
	if <-hashed; unread != nil {
		return nil, unread
	}
	if err := s.store.Intact(); err != nil { // else another model would go under this hash
		return nil, err
	}
	l := &local{source: s, engine: engine, raw: raw, info: Info{
		Name: s.name, Folder: s.folder, Config: s.config, Weights: s.hash, Processing: p, Backend: b.Describe(), Version: Version(),
		Checkpoints: s.checkpoints, Held: words,
	}}
	l.info.Begin, l.info.End = s.around()
	if s.tokens != nil {
		for id := range int32(s.config.Vocab) {
			if !s.tokens.Ordinary(id) {
				l.info.Special = append(l.info.Special, id)
			}
		}
	}
	if raw == nil {
		l.raw, l.views = l, map[Processing]*local{p: l}
	}
	return l, nil
}

func (l *local) Info() Info { return l.info }

// Current tells whether the weights' files are still those that were opened.
func (l *local) Current() bool { return l.store.Current() }

// Process gives the view with that processing, made at first use.
func (l *local) Process(_ context.Context, p Processing) (Runner, error) {
	l.raw.mu.Lock()
	defer l.raw.mu.Unlock()
	if view := l.raw.views[p]; view != nil {
		return view, nil
	}
	view, err := newLocal(l.source, p, l.raw)
	if err != nil {
		return nil, err
	}
	l.raw.views[p] = view
	return view, nil
}

// Close gives the weights back; with the raw weights, those of all views of them.
func (l *local) Close() error {
	if l == l.raw {
		l.mu.Lock()
		defer l.mu.Unlock()
		for _, view := range l.views {
			if view != l {
				view.engine.Close()
			}
		}
	}
	l.engine.Close()
	return nil
}

// executors do asks in this process, by verb.
var executors = map[string]func(ctx context.Context, l *local, ask Ask, hash string) (any, error){}

// executes makes do what is done for a verb. hash identifies the ask.
func executes[Q Ask, A any](verb string, do func(l *local, ctx context.Context, ask Q, hash string) (A, error)) {
	executors[verb] = func(ctx context.Context, l *local, ask Ask, hash string) (any, error) {
		q, err := askAs[Q](verb, ask)
		if err != nil {
			return nil, err
		}
		return do(l, ctx, q, hash)
	}
}

// Do implements [Runner].
func (l *local) Do(ctx context.Context, ask Ask) (answer any, err error) {
	execute := executors[ask.Verb()]
	if execute == nil {
		return nil, fmt.Errorf("%s: nothing does that", ask.Verb())
	}
	hash := hashOf(ask)
	err = crew.Catch(func() error {
		answer, err = execute(ctx, l, unhashed(ask), hash)
		return err
	})
	return answer, err
}

func init() {
	executes("run", (*local).run)
	executes("encode", (*local).encodeAll)
	executes("decode", (*local).decodeAll)
	executes("products", (*local).products)
}

// run does a request.
func (l *local) run(ctx context.Context, r Request, hash string) (*Result, error) {
	job, left, err := r.job(l.config, l.answer)
	if err != nil {
		return nil, err
	}
	done := 0
	job.Done = func(rows int) {
		done += rows
		report(ctx, done, len(job.Tokens))
	}
	out, err := l.engine.Run(ctx, job)
	if err != nil {
		return nil, err
	}
	return l.result(r, job, left, out, hash)
}

func (l *local) encodeAll(_ context.Context, e Encode, _ string) ([][]int32, error) {
	rows := make([][]int32, len(e.Texts))
	for i, text := range e.Texts {
		ids, err := l.encode(text)
		if err != nil {
			return nil, fmt.Errorf("model %s: text %d: %w", l.name, i, err)
		}
		rows[i] = ids
	}
	return rows, nil
}

func (l *local) decodeAll(_ context.Context, d Decode, _ string) (*Decoded, error) {
	out := &Decoded{}
	for _, row := range d.Rows {
		text, labels, err := l.decode(row)
		if err != nil {
			return nil, err
		}
		out.Texts, out.Labels = append(out.Texts, text), append(out.Labels, labels)
	}
	return out, nil
}

func (l *local) products(ctx context.Context, p Products, _ string) ([]*array.Array, error) {
	if err := p.check(l.config); err != nil {
		return nil, err
	}
	work := make([][]exec.Factor, len(p.Chains))
	for i, chain := range p.Chains {
		for _, f := range chain {
			work[i] = append(work[i], exec.Factor{Name: f.Name, Heads: f.Heads, Tokens: f.Tokens, Neurons: f.Neurons, Mean: f.Mean, Normed: f.Normed, Folded: f.Folded, Values: f.Values, Transpose: f.Transpose})
		}
	}
	return l.engine.Products(ctx, work, defaultBudget)
}

// result gives arrays their axes' names and labels.
func (l *local) result(r Request, job plan.Job, left []int, out *exec.Outcome, hash string) (*Result, error) {
	res := &Result{Provenance: l.info.Provenance()}
	res.Request = hash
	for _, row := range job.Tokens {
		_, labels, err := l.decode(row)
		if err != nil {
			return nil, err
		}
		res.Labels = append(res.Labels, labels)
	}
	give := func(points []hook.Point, arrays []*array.Array) (all []Captured) {
		for i, p := range points {
			a := shift(arrays[i], p, left, r)
			if len(job.Tokens) == 1 && left[0] == 0 {
				a = label(a, p, res.Labels[0])
			}
			all = append(all, Captured{Point: p, Array: a})
		}
		return all
	}
	res.Captures = give(r.Captures, out.Captures)
	for i, metric := range job.GradOf {
		for _, c := range give(r.Grads, out.Grads[i*len(r.Grads):][:len(r.Grads)]) {
			c.Metric = metric
			res.Grads = append(res.Grads, c)
		}
	}
	for i, metric := range job.GradOf {
		for k, name := range r.Weigh {
			res.Weighed = append(res.Weighed, Weighed{Tensor: name, Metric: metric, Array: tensorArray(name, r.Edits, out.Weights[i*len(r.Weigh)+k])})
		}
	}
	for i, m := range r.Metrics {
		values := make([]float32, len(out.Metrics[i]))
		for row, v := range out.Metrics[i] {
			values[row] = float32(v)
		}
		res.Metrics = append(res.Metrics, array.Of(values, array.Dim(hook.Batch, len(values))).Named(m.String(), m.Unit()))
	}
	return res, nil
}

// tensorArray is the values of a tensor of formulas as an array.
func tensorArray(name string, edits []hook.Edit, from []float64) *array.Array {
	values := make([]float32, len(from))
	for i, v := range from {
		values[i] = float32(v)
	}
	var dims []int
	for _, e := range edits {
		for _, t := range e.Formula.Tensors() {
			if t.Name == name {
				dims = t.Shape
			}
		}
	}
	return arrayOf(dims, values).Named(name, "")
}

// Version is golens' version as the build recorded it.
func Version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	if info.Main.Path == modulePath && info.Main.Version != "" && info.Main.Version != "(devel)" {
		return info.Main.Version
	}
	for _, dep := range info.Deps {
		if dep.Path == modulePath {
			return dep.Version
		}
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			return "devel " + s.Value[:min(12, len(s.Value))]
		}
	}
	return "devel"
}

const modulePath = "github.com/golens/golens"
