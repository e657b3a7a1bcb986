//go:build !golens_cell

package model

import (
	"context"
	"fmt"
	"runtime/debug"
	"slices"
	"sync"

	"github.com/golens/golens/model/array"
	"github.com/golens/golens/model/hook"
	"github.com/golens/golens/model/internal/backend"
	"github.com/golens/golens/model/internal/exec"
)

// local is a Runner in this process.
type local struct {
	*source
	engine *exec.Engine
	info   Info

	mu    sync.Mutex
	views map[Processing]*local // of the same raw weights, shared by all of them
	raw   *local

	left leftover
}

func newLocal(s *source, p Processing, raw *local) (*local, error) {
	hashed := make(chan struct{})
	go func() { // beside the reading: both touch every page
		defer close(hashed)
		if s.hash == "" {
			s.hash = s.store.Hash()
		}
	}()
	defer func() { <-hashed }() // also before an error gives the files back
	plan, err := s.plan(p)
	if err != nil {
		return nil, err
	}
	b, err := backend.Open("")
	if err != nil {
		return nil, err
	}
	engine, err := exec.New(s.config, plan, b)
	if err != nil {
		return nil, err
	}
	<-hashed
	l := &local{source: s, engine: engine, raw: raw, info: Info{
		Name: s.name, Config: s.config, Weights: s.hash, Processing: p, Backend: b.Describe(), Version: Version(),
		Checkpoints: s.checkpoints,
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

func (l *local) Close() error {
	l.engine.Close()
	return nil
}

func (l *local) Encode(_ context.Context, texts []string) ([][]int32, error) {
	rows := make([][]int32, len(texts))
	for i, text := range texts {
		ids, err := l.encode(text)
		if err != nil {
			return nil, fmt.Errorf("model %s: text %d: %w", l.name, i, err)
		}
		rows[i] = ids
	}
	return rows, nil
}

func (l *local) Decode(_ context.Context, ids []int32) (string, []string, error) {
	return l.decode(ids)
}

func (l *local) Products(ctx context.Context, chains []Chain) ([]*array.Array, error) {
	work := make([][]exec.Factor, len(chains))
	for i, chain := range chains {
		if len(chain) == 0 {
			return nil, fmt.Errorf("product %d has no factors", i)
		}
		for _, f := range chain {
			work[i] = append(work[i], exec.Factor{Name: f.Name, Head: f.Head - 1, Tokens: f.Tokens, Mean: f.Mean, Normed: f.Normed, Transpose: f.Transpose})
		}
	}
	return l.engine.Products(ctx, work)
}

func (l *local) Do(ctx context.Context, r Request) (*Result, error) {
	job, left, err := l.job(r)
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
	return l.result(r, job, left, out)
}

// job checks a request and resolves it.
func (l *local) job(r Request) (job exec.Job, left []int, err error) {
	fail := func(err error) (exec.Job, []int, error) { return exec.Job{}, nil, err }
	rows, left, err := strip(r)
	if err != nil {
		return fail(err)
	}
	k, err := newChecker(l.config, rows)
	if err != nil {
		return fail(err)
	}
	var shapes [][]int
	kept := slices.Clone(r.Captures)
	for range r.gradOf() {
		kept = append(kept, r.Grads...)
	}
	for _, p := range kept {
		if err := k.point(p); err != nil {
			return fail(err)
		}
		shapes = append(shapes, exec.Selected(k.Config, p, len(k.lens), slices.Max(k.lens)))
	}
	if err := within(r.Budget, shapes, "Request.Budget"); err != nil {
		return fail(fmt.Errorf("request: %w", err))
	}
	for _, e := range r.Edits {
		if err := k.edit(e); err != nil {
			return fail(err)
		}
	}
	job = exec.Job{Tokens: rows, Captures: r.Captures, Edits: r.Edits, From: r.From, Resid: r.Resid, Grads: r.Grads, GradOf: r.gradOf()}
	for _, m := range r.Metrics {
		o, err := k.objective(m, rows, l.answer)
		if err != nil {
			return fail(err)
		}
		job.Metrics = append(job.Metrics, o)
	}
	if job.Until, err = k.span(r); err != nil {
		return fail(err)
	}
	return job, left, k.gradients(r)
}

// result gives arrays their axes' names and labels.
func (l *local) result(r Request, job exec.Job, left []int, out *exec.Outcome) (*Result, error) {
	res := &Result{Provenance: Provenance{
		Model: l.info.Name, Weights: l.info.Weights, Processing: l.info.Processing,
		Backend: l.info.Backend, Version: l.info.Version, Warnings: l.info.Config.Warnings, Request: r.Hash(),
	}}
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
	for i, m := range r.Metrics {
		values := make([]float32, len(out.Metrics[i]))
		for row, v := range out.Metrics[i] {
			values[row] = float32(v)
		}
		res.Metrics = append(res.Metrics, array.Of(values, array.Dim(hook.Batch, len(values))).Named(m.String(), m.Unit()))
	}
	return res, nil
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
